#!/usr/bin/env bash
# Usage: scripts/install.sh PYTHON [EXTRA ...]
# Installs this checkout, editable, into PYTHON's environment, with extras of pyproject.toml, at the
# versions of constraints.txt.
#
# torch goes first, because on Linux PyPI's torch brings several gigabytes of CUDA libraries that a
# machine without an NVIDIA GPU never uses:
#   TORCH_INDEX=URL      take torch from that index
#   TORCH_INDEX=default  take torch from pip's own index, like everything else
#   not set              Linux without nvidia-smi: PyTorch's CPU index; anything else: pip's own
# An index that does not answer costs seconds, then pip's own index is used.
set -euo pipefail

python=$1
shift
cpu_index=https://download.pytorch.org/whl/cpu
cd "$(dirname "$0")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { echo "install: $*" >&2; }
install() { "$python" -m pip install --constraint constraints.txt "$@"; }
with_extras() { # [EXTRA ...]
    local IFS=,
    echo ".${*:+[$*]}"
}

index=${TORCH_INDEX:-}
if [ -z "$index" ]; then
    index=default
    if [ "$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null 2>&1; then
        index=$cpu_index
    fi
fi
if [ "$index" != default ]; then
    say "torch from $index"
    # --no-deps: only torch comes from there; its dependencies come with the rest.
    install --no-deps --timeout 10 --retries 0 --index-url "$index" torch ||
        say "that index gave no torch; using pip's own, which may bring the CUDA build"
fi

if install --editable "$(with_extras "$@")"; then
    exit 0
fi
# gptqmodel is the one dependency that is compiled here. Without a compiler the app still works,
# only quantised models do not load; a CI run must have all of it.
if [ "${CI:-}" = true ] || [[ " $* " != *" gptq "* ]]; then
    exit 1
fi
say "trying again without gptqmodel"
rest=()
for extra in "$@"; do
    [ "$extra" = gptq ] || rest+=("$extra")
done
beside=$(sed -n 's/^optimum.*/&/p' requirements.txt) # the other package of that extra, which nothing compiles
install --editable "$(with_extras "${rest[@]}")" "$beside"
say "gptqmodel is NOT installed: everything works except loading quantised (GPTQ) models"
