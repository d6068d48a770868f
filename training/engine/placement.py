"""A run's device and precision, and how the state of FSDP and DeepSpeed runs is saved.

With FSDP every process writes its own part (shard) of weights and moments, as safetensors; with DeepSpeed
its engine does. Both are saved in the checkpoint's folder and can be resumed with as many processes only.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedType
from accelerate.state import AcceleratorState, GradientState
from accelerate.utils import DistributedDataParallelKwargs, GradientAccumulationPlugin
from torch import Tensor

from training.engine.checkpoints import STATE, CheckpointError, read_tensors, write_tensors
from training.engine.recipe import Recipe

BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""Flags of CPUs that compute bf16 in hardware; on others it is three to four times slower than float32. Of
those that have them some are slower too, so there it is measured (docs/log.md)."""
SHARDED = (DistributedType.FSDP, DistributedType.DEEPSPEED)


def accelerator_for(recipe: Recipe, device: str = "auto") -> Accelerator:
    """The Accelerator with a run's device and precision. device: auto (a GPU where there is one) or cpu.
    ValueError for settings that do not work with FSDP or DeepSpeed."""
    settings = recipe.settings
    cpu = device == "cpu" or not torch.cuda.is_available()
    precision = settings.precision
    if precision == "auto":
        precision = "bf16" if not cpu or (BF16_FLAGS & cpu_flags() and bf16_is_faster()) else "no"
    accelerator = Accelerator(
        cpu=cpu,
        mixed_precision=precision,
        gradient_accumulation_plugin=GradientAccumulationPlugin(recipe.parts, sync_with_dataloader=False),
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    kind = accelerator.distributed_type
    if kind in SHARDED and settings.ema:
        raise ValueError(f"ema = {settings.ema} is not valid with FSDP or DeepSpeed; allowed: 0")
    if kind == DistributedType.FSDP and not accelerator.is_fsdp2:
        raise ValueError("fsdp_version = 1 is not valid; allowed: 2")
    if kind == DistributedType.DEEPSPEED:
        rows = settings.batch_size // (accelerator.num_processes * recipe.parts)
        accelerator.state.deepspeed_plugin.deepspeed_config |= {
            "train_micro_batch_size_per_gpu": rows,
            "gradient_accumulation_steps": recipe.parts,
            "gradient_clipping": settings.clip,
        }
    return accelerator


def cpu_flags() -> frozenset[str]:
    """The CPU's feature flags; none where there is no /proc/cpuinfo."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("flags"):
                return frozenset(line.partition(":")[2].split())
    return frozenset()


def bf16_is_faster(repeats: int = 7) -> bool:
    """Whether a matrix product of a small network's shape takes less time in bf16 than in float32, here and
    now: the best of some repeats of each, taking turns. Milliseconds."""
    seconds: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    for _ in range(repeats + 1):  # the first warms up
        for dtype, times in seconds.items():
            left, right = torch.ones(1024, 256, dtype=dtype), torch.ones(256, 640, dtype=dtype)
            begin = time.perf_counter()
            torch.mm(left, right)
            times.append(time.perf_counter() - begin)
    return min(seconds[torch.bfloat16][1:]) < min(seconds[torch.float32][1:])


def forget_accelerator() -> None:
    """Reset the device and precision that accelerate keeps for the whole process, so that its next run can
    have others. The process group stays, because it cannot be formed a second time."""
    AcceleratorState._reset_state(reset_partial_state=False)
    GradientState._reset_state()


def leave_processes() -> None:
    """Destroy the process group before this process ends; torch may abort the process otherwise."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def write_shards(accelerator: Accelerator, out: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write every process's part to a folder beside the checkpoints, from where `take_shards` moves it."""
    place = _place(out)
    if accelerator.is_main_process:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    accelerator.wait_for_everyone()
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        accelerator.save_state(str(place))
    else:
        write_tensors(place / _name(accelerator.process_index), tensors)
    accelerator.wait_for_everyone()


def take_shards(out: Path, folder: Path) -> None:
    """Move the parts that all processes wrote into a checkpoint's folder; called by one process."""
    (folder / STATE).mkdir()
    os.replace(_place(out), folder / STATE / "shards")


def read_shards(accelerator: Accelerator, folder: Path, processes: int) -> dict[str, Tensor]:
    """This process's part; {} with DeepSpeed, whose engine loads its state itself. CheckpointError: the
    number of processes has changed."""
    now = accelerator.num_processes
    if processes != now:
        raise CheckpointError(
            f"processes = {now} is not valid; allowed: {processes}, which wrote {folder.name}"
        )
    place = folder / STATE / "shards"
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        accelerator.load_state(str(place))
        return {}
    return read_tensors(place / _name(accelerator.process_index))


def _place(out: Path) -> Path:
    return out / "checkpoints" / "shards.new"


def _name(process: int) -> str:
    return f"process-{process}.safetensors"
