"""A run on several machines. Its folder belongs to the first process, which reads and decides for all: the
other machines need the model and the data, but neither a shared disk nor the folder.

FSDP and DeepSpeed are the exception: every process writes its own part of a checkpoint, so their folder has
to be a shared one.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather_object
from torch import Tensor

from training.engine.saying import first_process

T = TypeVar("T")


class OtherProcessError(ValueError):
    """What a process raises where another one cannot go on; the message is the other's."""


def join(device: str) -> None:
    """Form the group of processes, where there are several. device: as of `accelerator_for`."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        PartialState(cpu=device == "cpu" or not torch.cuda.is_available())


def from_first(make: Callable[[], T]) -> T:
    """What the first process makes, in all of them; what it cannot make, none of them goes on without."""
    if not torch.distributed.is_initialized():
        return make()
    box: list[Any] = [None, ""]
    error: Exception | None = None
    if first_process():
        try:
            box[0] = make()
        except (ValueError, OSError) as problem:
            box[1], error = str(problem), problem
    broadcast_object_list(box)
    if error is not None:
        raise error
    if box[1]:
        raise OtherProcessError(box[1])
    made: T = box[0]
    return made


def everywhere(make: Callable[[], T]) -> T:
    """What every process makes for itself; where one of them cannot, all stop with its sentence."""
    if not torch.distributed.is_initialized():
        return make()
    made: list[T] = []
    problem: Exception | None = None
    try:
        made.append(make())
    except (ValueError, OSError) as error:
        problem = error
    texts = gather_object([str(problem) if problem else ""])
    if problem is not None:
        raise problem
    for process, text in enumerate(texts):
        if text:
            raise OtherProcessError(f"process {process}: {text}")
    return made[0]


def tensors_from_first(tensors: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """The first process's tensors, on the CPU in all processes, sent one by one through `device`."""
    if not torch.distributed.is_initialized():
        return dict(tensors)
    shapes = from_first(lambda: {name: (tuple(t.shape), t.dtype) for name, t in tensors.items()})
    received = {}
    for name, (shape, dtype) in shapes.items():
        tensor = torch.empty(shape, dtype=dtype, device=device)
        if first_process():
            tensor.copy_(tensors[name])
        torch.distributed.broadcast(tensor, 0)
        received[name] = tensor.cpu()
    return received


def check_shared(out: Path) -> None:
    """ValueError, in all processes, unless `out` is one folder for all of them."""
    name = from_first(lambda: _marked(out))
    lacking = [p for p, there in enumerate(gather_object([(out / name).is_file()])) if not there]
    if first_process():
        (out / name).unlink(missing_ok=True)
    if lacking:
        raise ValueError(
            f"out = {str(out)!r} is another folder in process {lacking[0]} than in process 0; allowed with "
            "FSDP and DeepSpeed: a folder on a disk that all machines share"
        )


def _marked(out: Path) -> str:
    name = f".shared-{secrets.token_hex(8)}"
    out.mkdir(parents=True, exist_ok=True)
    (out / name).touch()
    return name
