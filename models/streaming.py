"""Weights from a checkpoint's files into a network that has none yet, one tensor at a time.

The network is made on the meta device, where weights have shapes and no memory. Each tensor is read, brought
to its device and type, put in its place, and its file's pages are let go: at no time is there a second copy
of all weights. What is loaded is the process's own memory, not a view of the files: a file may be replaced
by a new download while its model decodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from models.checkpoint import ModelError, StoredTensor, read_tensors

FLOATS = ("F", "BF")
"""How safetensors spells their types: F32, F16, F8_E4M3, BF16 …"""
Keep = Callable[[str, Tensor], Tensor | None]
"""What becomes of a tensor, given its name: the weight to put in its place, None where it has gone elsewhere.
The tensor is a view of its file, so a weight must be a copy."""


def check_fits(name: str, model: nn.Module, stored: Mapping[str, StoredTensor]) -> None:
    """ModelError unless the files have every weight of a network in its shape, and no others; and floats for
    floats: whole numbers are a weight without its scale."""
    shapes = {key: tuple(t.shape) for key, t in model.state_dict().items()}
    floats = {key for key, weight in model.named_parameters() if weight.is_floating_point()}
    for key, shape in shapes.items():
        if key not in stored:
            raise ModelError(f"weight {key} is missing in {name!r}; wanted: shape {shape}")
        if stored[key].shape != shape:
            raise ModelError(f"weight {key} in {name!r} has shape {stored[key].shape}; wanted: {shape}")
        if key in floats and not stored[key].dtype.startswith(FLOATS):
            raise ModelError(f"weight {key} in {name!r} is stored as {stored[key].dtype}; wanted: floats")
    unknown = sorted(set(stored) - set(shapes))
    if unknown:
        raise ModelError(f"weight {unknown[0]} in {name!r} belongs to no part of this network")


def stream(name: str, model: nn.Module, stored: Mapping[str, StoredTensor], keep: Keep) -> None:
    """Fill a network on the meta device, in place."""
    for key, tensor in read_tensors(name, stored):
        weight = keep(key, tensor)
        if weight is not None:
            set_weight(model, key, weight)


def to_device(device: torch.device | str, dtype: torch.dtype) -> Keep:
    """Every weight as a copy on one device, in one type."""
    return lambda _, tensor: tensor.to(device, dtype, copy=True)


def set_weight(model: nn.Module, key: str, weight: Tensor) -> None:
    """Put a weight in the place of the one of that name."""
    owner, _, leaf = key.rpartition(".")
    parameter = weight if isinstance(weight, nn.Parameter) else nn.Parameter(weight)
    setattr(model.get_submodule(owner), leaf, parameter)
