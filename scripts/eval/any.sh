#!/usr/bin/env bash
# Any tasks of lm-evaluation-harness, with a model, an adapter and as many examples as you like:
#
#   TASKS=gsm8k,arc_challenge   names that `lm-eval ls tasks` shows, with commas
#   FEWSHOT=n                   worked examples before each question (default: the task's own)
#   MODEL_PATH=folder or hub id
#   ADAPTER=folder              a LoRA adapter, merged into the weights
#
# Written answers have 256 tokens (MODEL_ARGS changes that). Other variables: common.sh
. "$(dirname "$0")/common.sh"
if [ -z "${TASKS:-}" ]; then
    echo "TASKS is empty; allowed: names of lm-eval tasks, such as TASKS=gsm8k" >&2
    exit 2
fi
MODEL=${MODEL_PATH:-${MODEL:-}}
evaluate "$TASKS" "${FEWSHOT:-}" "gen_length=256,steps=256,block_length=32${ADAPTER:+,adapter_path=$ADAPTER}" 1
