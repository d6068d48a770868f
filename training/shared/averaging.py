"""The mean of two checkpoints of one network: what a model has learned last, without losing what it knew
(weight-space ensembles, WiSE-FT, 2109.01903, equation 1)."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from models.checkpoint import ModelError, copy_files, read_tensors, read_weights, stored_tensors
from models.convert import SMALL_FILES
from training.engine.checkpoints import replace_folder
from training.shared.merge import MergeError


def average_folders(first: str, second: str, share: float, out: Path) -> int:
    """Write `out` as a model folder with (1 - share) * first + share * second, computed in float32 and stored
    in the types of the first, whose other files it has; returns the number of tensors.

    ModelError: one cannot be read, they are not of one shape, or a tensor is of packed integers, whose mean
    means nothing; MergeError: share is not from 0 to 1, or `out` exists. Then nothing is written.
    """
    if not 0 <= share <= 1:
        raise MergeError(f"share = {share:g} is not valid; allowed: 0 to 1, how much of the second goes in")
    if out.exists():
        raise MergeError(f"out = {str(out)!r} exists; allowed: a new folder")
    stored, others = stored_tensors(first), read_weights(second, torch.float32)
    for name in sorted(stored.keys() | others.keys()):
        if name not in stored or name not in others or others[name].shape != stored[name].shape:
            raise ModelError(
                f"{name} is not the same in {first!r} and {second!r}; allowed: one network twice"
            )
    mean = {
        name: ((1 - share) * _real(name, own, first) + share * others[name]).to(own.dtype)
        for name, own in read_tensors(first, stored)
    }

    def fill(folder: Path) -> None:
        copy_files(first, SMALL_FILES, folder)
        save_file(mean, folder / "model.safetensors", metadata={"format": "pt"})

    replace_folder(out, fill)
    return len(mean)


def _real(name: str, tensor: torch.Tensor, folder: str) -> torch.Tensor:
    """The tensor in float32. ModelError: it is of integers."""
    if not tensor.is_floating_point():
        raise ModelError(
            f"{name} in {folder!r} is of packed integers ({tensor.dtype}); allowed: weights of real numbers"
        )
    return tensor.float()
