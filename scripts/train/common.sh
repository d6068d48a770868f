# Sourced by the scripts beside it; each calls `train OBJECTIVE CONFIG [ROWS]`, where CONFIG is a file of
# training/configs/ with published settings, and ROWS the rows of a step that one GPU has, where they
# are too few to be divided: more GPUs then mean more rows.
#
#   NUM_GPUS=n            1, 4, 8, … GPUs of this machine; above 1 through `accelerate launch`
#   NUM_MACHINES=n        machines with as many GPUs each; the same command on all (docs/machines.md), with
#   MACHINE_RANK=i        0 on the first, 1 on the second …
#   MAIN_IP=address       of the first, whose port 29500 the others reach
#   MODEL=folder or id    instead of the config's
#   DATA="a b"            files, known sets or bundled tasks instead of the config's, with spaces between
#   OUT=folder            default runs/train/OBJECTIVE
#   CONFIG=file           another config; CONFIG= (empty): none
#   BATCH_SIZE=n          rows of a step, over all GPUs of all machines: a multiple of them x accumulate
#   MIXED_PRECISION=bf16  default; or no
#   SHARD=fsdp|deepspeed  training/configs/accelerate/: more than one GPU for models that do not fit one
#   EXTRA="--set a=b …"   more flags, with spaces between (--resume, --load-lora folder, …)
#   PYTHON=python         the environment's interpreter
#   DRY_RUN=1             print the command, run nothing
#
# Relative paths are seen from the repository's root, where the command runs.
set -euo pipefail

train() {
    local objective=$1 config=${CONFIG-$2} rows=${3:-} python=${PYTHON:-python} gpus=${NUM_GPUS:-1}
    local precision=${MIXED_PRECISION:-bf16} word extra data
    if ! [[ $gpus =~ ^[1-9][0-9]*$ ]]; then refuse "NUM_GPUS = $gpus" "a number from 1"; fi
    if ! [[ $precision =~ ^(bf16|no)$ ]]; then refuse "MIXED_PRECISION = $precision" "bf16, no"; fi
    local machines=${NUM_MACHINES:-1}
    if ! [[ $machines =~ ^[1-9][0-9]*$ ]]; then refuse "NUM_MACHINES = $machines" "a number from 1"; fi
    if [ "$machines" -gt 1 ] && { [ -z "${MAIN_IP:-}" ] || [ -z "${MACHINE_RANK:-}" ]; }; then
        refuse "NUM_MACHINES = $machines without MACHINE_RANK and MAIN_IP" "all three"
    fi
    gpus=$((gpus * machines))
    local command=("$python" -m) batch=${BATCH_SIZE:-}
    if [ -z "$batch" ] && [ -n "$rows" ] && [ "$gpus" -gt 1 ]; then batch=$((rows * gpus)); fi
    if [ "$gpus" -gt 1 ] || [ -n "${SHARD:-}" ]; then
        command+=(accelerate.commands.launch)
        case ${SHARD:-} in
        "") command+=(--multi_gpu --num_machines "$machines" --dynamo_backend no) ;;
        fsdp | deepspeed) command+=(--config_file "training/configs/accelerate/$SHARD.yaml") ;;
        *) refuse "SHARD = $SHARD" "fsdp, deepspeed" ;;
        esac
        if [ "$machines" -gt 1 ]; then
            if [ -n "${SHARD:-}" ]; then command+=(--num_machines "$machines"); fi
            command+=(--machine_rank "$MACHINE_RANK" --main_process_ip "$MAIN_IP" --main_process_port 29500)
        fi
        command+=(--num_processes "$gpus" --mixed_precision "$precision" --module)
    fi
    command+=(training "$objective" --out "${OUT:-runs/train/$objective}")
    if [ -n "$config" ]; then command+=(--config "$config"); fi
    if [ -n "${MODEL:-}" ]; then command+=(--model "$MODEL"); fi
    read -r -a data <<<"${DATA:-}"
    for word in "${data[@]}"; do command+=(--data "$word"); done
    command+=(--set "precision=$precision")
    if [ -n "$batch" ]; then command+=(--set "batch_size=$batch"); fi
    read -r -a extra <<<"${EXTRA:-}"
    command+=("${extra[@]}")
    if [ "${DRY_RUN:-}" = 1 ]; then
        print_command "${command[@]}"
        return
    fi
    cd "$(dirname "${BASH_SOURCE[0]}")/../.."
    exec "${command[@]}"
}

refuse() {
    echo "error: $1 is not valid; allowed: $2" >&2
    exit 2
}

# One line that a shell reads back as the same words.
print_command() {
    local word line=""
    for word in "$@"; do
        if [[ $word =~ ^[A-Za-z0-9_=.,/:@%+-]+$ ]]; then line+="$word "; else line+="$(printf %q "$word") "; fi
    done
    echo "${line% }"
}
