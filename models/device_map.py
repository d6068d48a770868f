"""A network over several devices, by accelerate: GPUs first, then the CPU's memory, then a folder on disk.

A block is never split. What is not on a GPU is brought there when it is computed, and leaves again; so every
forward reads those weights once more.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import RLock
from typing import Any

import torch
from accelerate import dispatch_model, infer_auto_device_map
from accelerate.utils import offload_weight, save_offload_index
from torch import Tensor

from models.checkpoint import ModelError
from models.llada import LLaDAModelLM
from models.memory import free_memory, gigabytes
from models.streaming import Keep

DEVICE_MAPS = ("", "auto")
DISK = "disk"
Place = int | str
"""The number of a GPU, "cpu" or "disk"."""
SPARE = 0.1
"""Share of a device's free memory that is left to activations and caches."""


def room(device: str) -> dict[Place, int]:
    """Bytes that may be filled, by place. device: cpu keeps off every GPU, cuda:1 off the others."""
    wanted = torch.device(device)
    gpus = range(torch.cuda.device_count() if wanted.type == "cuda" else 0)
    free: dict[Place, int] = {
        gpu: free_memory(f"cuda:{gpu}") for gpu in gpus if wanted.index in (None, gpu)
    }  # fmt: skip
    free["cpu"] = free_memory("cpu")
    return {place: int(size * (1 - SPARE)) for place, size in free.items()}


def plan_places(
    name: str, model: LLaDAModelLM, dtype: torch.dtype, device: str, offload: str
) -> dict[str, Place]:
    """Which part of the network goes where: {module: place}. model: on the meta device.

    offload: the folder for what fits no memory. ModelError: something must go to disk and no folder is named,
    or it has not the room.
    """
    found: dict[str, Place] = infer_auto_device_map(
        model, max_memory=room(device), no_split_module_classes=model._no_split_modules, dtype=dtype
    )
    on_disk = sum(
        t.numel() * dtype.itemsize for key, t in model.state_dict().items() if place_of(key, found) == DISK
    )
    if not on_disk:
        return found
    need = f"model = {name!r}: {gigabytes(on_disk)} of its weights fit no memory"
    if not offload:
        raise ModelError(f"{need}; allowed: offload = a folder for them, or quantization = nf4")
    try:
        Path(offload).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"offload = {offload!r} cannot be made ({error.strerror})"
        raise ModelError(f"{why}; allowed: a folder that can be written to") from None
    free = shutil.disk_usage(offload).free
    if free < on_disk:
        raise ModelError(f"{need}, offload = {offload!r} has {gigabytes(free)}; allowed: one with room")
    return found


def place_of(key: str, places: Mapping[str, Place]) -> Place:
    """Where a weight goes: what is said of the innermost module that it belongs to."""
    parts = key.split(".")
    for count in range(len(parts), -1, -1):
        if (module := ".".join(parts[:count])) in places:
            return places[module]
    raise KeyError(key)


class Dispatched:
    """Weights on their way to their places; then the network with hooks that bring them where they compute.

    The part on disk is in a new folder inside `offload`, which goes when the network goes.
    """

    def __init__(
        self, model: LLaDAModelLM, places: Mapping[str, Place], dtype: torch.dtype, offload: str
    ) -> None:
        self.model, self.places, self.dtype = model, dict(places), dtype
        self.index: dict[str, object] = {}
        self.folder: str | None = None
        if DISK in self.places.values():
            self.folder = tempfile.mkdtemp(prefix="weights-", dir=offload)
            weakref.finalize(model, shutil.rmtree, self.folder, ignore_errors=True)

    @property
    def keep(self) -> Keep:
        """See models.streaming."""

        def kept(key: str, tensor: Tensor) -> Tensor | None:
            place = place_of(key, self.places)
            if place != DISK:
                return tensor.to(place, self.dtype, copy=True)
            assert self.folder is not None
            offload_weight(tensor.to(self.dtype), key, self.folder, self.index)
            return None

        return kept

    def attach(self) -> None:
        """Put the hooks on the network, once it is filled."""
        if self.folder is not None:
            save_offload_index(self.index, self.folder)
        logger = logging.getLogger("accelerate.big_modeling")
        level = logger.level
        logger.setLevel(
            logging.ERROR
        )  # it warns of every weight that is elsewhere, which is what was asked for
        try:
            dispatch_model(self.model, self.places, offload_dir=self.folder)
        finally:
            logger.setLevel(level)
        if self.model.is_parted:
            _one_at_a_time(self.model)


def _one_at_a_time(model: LLaDAModelLM) -> None:
    """Let the threads that use a network wait for each other: hooks bring a weight and drop it again, in
    place, and one thread would drop what another is using."""
    lock = RLock()

    def alone(method: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def called(*args: Any, **kwargs: Any) -> Tensor:
            with lock:
                return method(*args, **kwargs)

        return called

    model.hidden, model.head = alone(model.hidden), alone(model.head)  # type: ignore[method-assign]
