#!/usr/bin/env bash
# A judge for GRPO on this machine: serves a model with Ollama and names the settings that use it.
#
#   JUDGE_MODEL=name    default qwen2.5:7b-instruct; pulled where it is missing
#   JUDGE_PORT=n        default 11434
#   DRY_RUN=1           print the commands, run nothing
#
# docs/grpo-judge.md says what the judge is asked. Ctrl-C ends a server that this script started.
set -euo pipefail
model=${JUDGE_MODEL:-qwen2.5:7b-instruct}
address=127.0.0.1:${JUDGE_PORT:-11434}
settings="--set reward_judge=1 --set judge_url=http://$address/v1 --set judge_model=$model"

if [ "${DRY_RUN:-}" = 1 ]; then
    echo "OLLAMA_HOST=$address ollama serve"
    echo "OLLAMA_HOST=$address ollama pull $model"
    echo "python -m training grpo --config training/configs/grpo-llada-8b.yaml --out runs/judged $settings"
    exit 0
fi
if ! command -v ollama > /dev/null; then
    echo "ollama is not installed; see https://ollama.com/download" >&2
    exit 1
fi
export OLLAMA_HOST=$address
if ! ollama list > /dev/null 2>&1; then
    ollama serve &
    server=$!
    trap 'kill "$server" 2> /dev/null' EXIT
    for _ in $(seq 60); do
        if ollama list > /dev/null 2>&1; then break; fi
        sleep 1
    done
fi
ollama list | grep -q "^$model" || ollama pull "$model"
echo "The judge is ready. Train with: $settings"
if [ -n "${server:-}" ]; then wait "$server"; fi
