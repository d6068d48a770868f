# Sourced by the scripts beside it; each names a task and LLaDA's published settings for it (its
# EVAL.md), then calls `evaluate TASK FEWSHOT ARGUMENTS BATCH_SIZE [flag …]` (FEWSHOT "": the task's own).
#
#   MODEL=folder or hub id    default GSAI-ML/LLaDA-8B-Base
#   NUM_PROCESSES=n           devices; above 1 through `accelerate launch`
#   LIMIT=n                   only the first n questions (to try things out)
#   MODEL_ARGS=a=b,c=d        more or other arguments; the last value of a name counts
#   OUT=folder                default runs/eval/TASK
#   PYTHON=python             the environment's interpreter
#   DRY_RUN=1                 print the command, run nothing
#
# Relative paths are seen from the repository's root, where the command runs.
set -euo pipefail

evaluate() {
    local task=$1 fewshot=$2 arguments=$3 batch_size=$4
    shift 4
    local model=${MODEL:-GSAI-ML/LLaDA-8B-Base} python=${PYTHON:-python} processes=${NUM_PROCESSES:-1}
    local command=("$python" -m)
    # Programs that a model wrote are run only where a script says --confirm_run_unsafe_code.
    if [[ " $* " == *" --confirm_run_unsafe_code "* ]]; then
        command=(env HF_ALLOW_CODE_EVAL=1 "${command[@]}")
    fi
    if [ "$processes" -gt 1 ]; then
        command+=(accelerate.commands.launch --num_processes "$processes" --module)
    fi
    command+=(evaluation lm-eval run --model llada_viz --tasks "$task" --batch_size "$batch_size"
        --model_args "model_path=$model,$arguments${MODEL_ARGS:+,$MODEL_ARGS}"
        --output_path "${OUT:-runs/eval/$task}" --log_samples)
    if [ -n "$fewshot" ]; then command+=(--num_fewshot "$fewshot"); fi
    if [ -n "${LIMIT:-}" ]; then command+=(--limit "$LIMIT"); fi
    command+=("$@")
    if [ "${DRY_RUN:-}" = 1 ]; then
        print_command "${command[@]}"
        return
    fi
    cd "$(dirname "${BASH_SOURCE[0]}")/../.."
    exec "${command[@]}"
}

# One line that a shell reads back as the same words.
print_command() {
    local word line=""
    for word in "$@"; do
        if [[ $word =~ ^[A-Za-z0-9_=.,/:@%+-]+$ ]]; then line+="$word "; else line+="$(printf %q "$word") "; fi
    done
    echo "${line% }"
}
