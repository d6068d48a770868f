#!/usr/bin/env bash
# Usage: scripts/test.sh PYTHON [PYTEST ARGUMENT ...]
# Every test that this machine can run, but what is marked long. Without arguments the browser tests run in a
# process of their own beside the others, for both mostly wait; what they say is printed at the end.
set -uo pipefail

python=$1
shift
cd "$(dirname "$0")/.."
export HF_HUB_OFFLINE=1 OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
# Four files at a time with a thread each, in the order of tests/conftest.py: what takes longest first.
several=(-n 4 --dist loadfile --no-loadscope-reorder)

if ! chromium=$(scripts/chromium.sh "$python"); then
    if [ "${CI:-}" = true ]; then
        echo "CI=true: browser tests need Chromium" >&2
        exit 1
    fi
    echo "No Chromium: the browser tests are left out of this run." >&2
fi
export CHROMIUM=$chromium

tests() { "$python" -m pytest "$@"; }
if [ $# -gt 0 ]; then # one after another; there may be none of a kind (5), but not none at all
    worst=5
    for kind in "not browser and not long" "browser"; do
        [ "$kind" != browser ] || [ -n "$chromium" ] || continue
        [ "$kind" != browser ] || several=()
        tests "${several[@]}" -m "$kind" "$@"
        end=$?
        case "$worst $end" in "5 0") worst=0 ;; *" 0" | *" 5") ;; *) worst=$end ;; esac
    done
    exit $worst
fi

browser_log=$(mktemp)
browser=
if [ -n "$chromium" ]; then
    set -m # a process group of its own, so that it can be ended with its server and its browser
    tests tests/browser -m "not long" >"$browser_log" 2>&1 &
    browser=$!
    set +m
fi
trap '[ -z "$browser" ] || kill -INT -- "-$browser" 2>/dev/null; rm -f "$browser_log"' EXIT
trap 'exit 130' INT TERM

tests "${several[@]}" --ignore tests/browser -m "not browser and not long"
end=$?
if [ -n "$browser" ]; then
    wait "$browser" || end=$?
    browser=
    cat "$browser_log"
fi
exit $end
