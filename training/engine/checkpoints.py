"""Checkpoints: checkpoints/step-N/ holds what was learned so far, ready to use, and in its folder training/
the state that a resumed run needs.

A checkpoint is written under another name, flushed to the disk and then renamed: if the run dies while it
is being written, the one before it is still whole. Safetensors and JSON files only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.distributed.tensor import DTensor

NAME = re.compile(r"step-(\d{1,12})")
STATE = "training"
FACTS = "state.json"
"""Step, seconds and more, as JSON. It is written last and removed first: a checkpoint that has it is
complete and can be resumed."""


class CheckpointError(ValueError):
    """A checkpoint that does not belong to this run; the message says what differs."""


def checkpoints(out: Path) -> list[tuple[int, Path]]:
    """(step, folder) of every whole checkpoint, the oldest first."""
    folder = out / "checkpoints"
    if not folder.is_dir():
        return []
    folders = [(int(m[1]), path) for path in folder.iterdir() if (m := NAME.fullmatch(path.name))]
    return sorted(folders)


def write(out: Path, step: int, fill: Callable[[Path], None]) -> Path:
    """checkpoints/step-N, filled by `fill`; OSError leaves nothing half-written behind."""
    final = out / "checkpoints" / f"step-{step}"
    replace_folder(final, fill)
    return final


def replace_folder(final: Path, fill: Callable[[Path], None]) -> None:
    """Write a folder completely or not at all: `fill` writes a new one, which then takes its place.

    OSError: it could not be written (the disk is full, say); a folder that was there before still is.
    """
    fresh, old = (final.with_name(final.name + end) for end in (".new", ".old"))
    try:
        _put_back(old, final)
        for rest in (fresh, old):  # left by a run that was killed
            shutil.rmtree(rest, ignore_errors=True)
        fresh.mkdir(parents=True)
        fill(fresh)
        for path in (fresh, *fresh.rglob("*")):
            _to_disk(path)
        if final.exists():
            os.replace(final, old)
        os.replace(fresh, final)
        _to_disk(final.parent)
    except (OSError, SafetensorError) as error:
        raise OSError(
            f"{final.name} could not be written: {error}. What was saved before is as it was: "
            "make room, then go on with --resume"
        ) from error
    finally:
        with suppress(OSError):
            _put_back(old, final)
        for rest in (fresh, old) if final.exists() else (fresh,):
            shutil.rmtree(rest, ignore_errors=True)


def _put_back(old: Path, final: Path) -> None:
    """Undo the first of the two renames, where the second failed or never came."""
    if old.exists() and not final.exists():
        os.replace(old, final)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def prune(out: Path, keep: int) -> None:
    """Remove the resume state of all but the last `keep` checkpoints (their weights and samples stay), and
    folders that killed runs left half-written. keep = 0 keeps every state."""
    for _, folder in checkpoints(out)[:-keep] if keep else []:
        (folder / STATE / FACTS).unlink(missing_ok=True)
        shutil.rmtree(folder / STATE, ignore_errors=True)
    for rest in (out / "checkpoints").glob("step-*.*"):
        shutil.rmtree(rest, ignore_errors=True)


def latest(out: Path) -> Path | None:
    """The last checkpoint that can be resumed; None when there is none."""
    return next((path for _, path in reversed(checkpoints(out)) if (path / STATE / FACTS).is_file()), None)


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file; of a tensor that is spread over processes, this process's part."""
    save_file({n: share(t).detach().cpu().contiguous() for n, t in tensors.items()}, path)


def write_state(folder: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write a checkpoint's resume state: weights, its optimizer's moments and averages, facts as JSON."""
    place = folder / STATE
    place.mkdir(exist_ok=True)
    write_tensors(place / "state.safetensors", tensors)
    (place / FACTS).write_text(json.dumps(dict(facts), indent=1) + "\n")


def read_state(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write_state` wrote, on the CPU; facts have step, seconds and sums at least."""
    try:
        facts = json.loads((folder / STATE / FACTS).read_text())
        missing = [name for name in ("step", "seconds", "sums") if name not in facts]
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{folder.name} cannot be read: {FACTS}: {error}") from None
    if missing:
        raise CheckpointError(f"{folder.name} cannot be read: {FACTS} lacks {', '.join(missing)}")
    return read_tensors(folder / STATE / "state.safetensors"), facts


def read_tensors(path: Path) -> dict[str, Tensor]:
    """A safetensors file, on the CPU."""
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"checkpoint cannot be read: {path.name}: {error}") from None
    return tensors


MOMENTS = ("exp_avg", "exp_avg_sq", "momentum_buffer")
"""What optimizers keep for a parameter, in its shape: AdamW the first two, Muon the last."""


def optimizer_tensors(names: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's step and moments by parameter name."""
    tensors = {}
    for name, parameter in names.items():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{key}.{name}"] = torch.as_tensor(value)
    return tensors


def restore(
    names: Mapping[str, Tensor], optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Put weights and moments back; CheckpointError, before anything is changed, when a shape differs."""
    for name, parameter in names.items():
        for key in ("weight", *MOMENTS):
            saved, expected = tensors.get(f"{key}.{name}"), tuple(share(parameter).shape)
            if (saved is None and key == "weight") or (saved is not None and saved.shape != expected):
                shape = None if saved is None else tuple(saved.shape)
                raise CheckpointError(
                    f"checkpoint has {key} of {name} = {shape}; allowed: {expected}, the model's"
                )
    for name, parameter in names.items():
        with torch.no_grad():
            share(parameter).copy_(tensors[f"weight.{name}"])
        state = {}
        for key in ("step", *MOMENTS):
            if (value := tensors.get(f"{key}.{name}")) is not None:
                state[key] = value.to(parameter.device) if key == "step" else _like(value, parameter)
        if state:
            optimizer.state[parameter] = state


def share(tensor: Tensor) -> Tensor:
    """This process's part of a tensor that FSDP spreads over processes; any other tensor unchanged."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _like(value: Tensor, parameter: Tensor) -> Tensor:
    if not isinstance(parameter, DTensor):
        return value.to(parameter.device)
    return DTensor.from_local(
        value.to(parameter.device), parameter.device_mesh, parameter.placements,
        shape=parameter.shape, stride=parameter.stride(),
    )  # fmt: skip
