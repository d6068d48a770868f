"""checkpoints/step-N/: what was learned so far, ready to use, and under training/ how to go on.

A checkpoint is written beside the others under another name, brought to the disk and then renamed:
whatever happens while it is being written, the one before it is whole. Safetensors and JSON only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

NAME = re.compile(r"step-(\d{1,12})")
STATE = "training"


class CheckpointError(ValueError):
    """A checkpoint that does not belong to this run; the message says what differs."""


def checkpoints(out: Path) -> list[tuple[int, Path]]:
    """(step, folder) of every whole checkpoint, the oldest first."""
    folder = out / "checkpoints"
    if not folder.is_dir():
        return []
    found = [(int(m[1]), path) for path in folder.iterdir() if (m := NAME.fullmatch(path.name))]
    return sorted(found)


def write(out: Path, step: int, fill: Callable[[Path], None]) -> Path:
    """checkpoints/step-N, filled by `fill`; OSError leaves nothing half-written behind."""
    final = out / "checkpoints" / f"step-{step}"
    replace_folder(final, fill)
    return final


def replace_folder(final: Path, fill: Callable[[Path], None]) -> None:
    """Write a folder as a whole: a new one, brought to the disk, then a rename."""
    fresh = final.with_name(final.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        fill(fresh)
        for path in fresh.rglob("*"):
            _to_disk(path)
        if final.exists():
            shutil.rmtree(final)
        os.replace(fresh, final)
        _to_disk(final.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def prune(out: Path, keep: int) -> None:
    """Remove the state of all but the last `keep` checkpoints; what they learned and their samples
    stay."""
    for _, folder in checkpoints(out)[: -keep or None] if keep else []:
        shutil.rmtree(folder / STATE, ignore_errors=True)


def write_state(folder: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Weights, moments and averages by name, and facts as JSON."""
    place = folder / STATE
    place.mkdir()
    plain = {n: t.detach().cpu().contiguous() for n, t in tensors.items()}
    save_file(plain, place / "state.safetensors")
    (place / "state.json").write_text(json.dumps(dict(facts), indent=1) + "\n")


def read_state(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write_state` wrote, on the CPU."""
    place = folder / STATE
    facts = json.loads((place / "state.json").read_text())
    return load_file(place / "state.safetensors"), facts


def latest(out: Path) -> Path | None:
    """The last checkpoint that can be gone on from."""
    return next((path for _, path in reversed(checkpoints(out)) if (path / STATE).is_dir()), None)


def optimizer_tensors(names: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """AdamW's step and moments by parameter name."""
    found = {}
    for name, parameter in names.items():
        for key, value in optimizer.state.get(parameter, {}).items():
            found[f"{key}.{name}"] = torch.as_tensor(value)
    return found


def restore(
    names: Mapping[str, Tensor], optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Put weights and moments back; CheckpointError when a parameter is not of this shape."""
    for name, parameter in names.items():
        saved = tensors.get(f"weight.{name}")
        if saved is None or saved.shape != parameter.shape:
            shape = None if saved is None else tuple(saved.shape)
            raise CheckpointError(
                f"checkpoint has {name} = {shape}; allowed: {tuple(parameter.shape)}, the model's"
            )
        with torch.no_grad():
            parameter.copy_(saved)
        state = {}
        for key in ("step", "exp_avg", "exp_avg_sq"):
            if (value := tensors.get(f"{key}.{name}")) is not None:
                state[key] = value.to(parameter.device)
        if state:
            optimizer.state[parameter] = state  # type: ignore[index]
