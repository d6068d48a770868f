#!/usr/bin/env bash
# Usage: scripts/record_traces.sh FOLDER
# One trace of every sampler on the bundled model, seeds fixed: how tests/vectors/traces/ was made.
# A folder of an earlier version is never recorded again: its files are what that version wrote.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1
mkdir -p "$out"
python=${PYTHON:-.venv/bin/python}
models=assets/models

record() { # NAME SAMPLER then flags
    local name=$1 sampler=$2
    shift 2
    "$python" -m samplers run --model $models/tiny-llada --dtype float32 --threads 1 --sampler "$sampler" \
        --prompt "$prompt" --seed 7 --trace "$out/$name.jsonl" \
        --set gen_length=32 --set block_length=8 --set steps=32 "$@" >/dev/null
}
checker=(--scorer checker --task '{"name": "expression", "problem": {"expression": "12 + 9 - 6"}}')

prompt="What is 12 + 9 - 6?"
record low_confidence low_confidence --set early_stop=true
record low_confidence_guided low_confidence --set cfg_scale=1 --set temperature=0.5
record low_confidence_dual_cache low_confidence --set cache=dual
record threshold threshold
record entropy_bounded entropy_bounded
record klass klass
record remdm remdm
record remedi remedi --set policy=ups --ups-head $models/tiny-llada-ups/ups_head.safetensors
record wino wino
record edit edit
record vanilla_prm vanilla_prm --set temperature=1 "${checker[@]}"
record backmask backmask --set temperature=1 "${checker[@]}"
record backmask_prm backmask --set temperature=1 --scorer prm --prm $models/tiny-prm
record window_refine window_refine --set temperature=1 --set window=2 "${checker[@]}"
record best_of_n best_of_n --set temperature=1 "${checker[@]}"

prompt="What is (45 - 17) * 3 - 28 / 4?" # hard enough for the model to be corrected
record edit_corrects edit --set threshold=0.3 --set edit_threshold=0.5
record wino_takes_back wino --set draft_threshold=0.3 --set verify_threshold=0.95
record backmask_window backmask --set temperature=1.5 --set backmasking_threshold=1 --scorer prm --prm $models/tiny-prm
record window_refine_refined window_refine --set temperature=1.5 --set window=2 --set backmasking_threshold=1 \
    --scorer prm --prm $models/tiny-prm
