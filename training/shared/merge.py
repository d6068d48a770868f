"""Merges a LoRA adapter into a model folder, tensor by tensor: W + scale * B A in float32.

Each weight file is copied, and the changed tensors are overwritten in the copy (a tensor keeps its type and
size, so the file's header stays valid): no more than one tensor is in memory. The result is then compared
with the unmerged network and adapter: weight by weight, and by their logits.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from models.adapter_weights import check_mergeable, merged_weight
from models.adapters import Adapter, read_adapter
from models.checkpoint import INDEX, ModelError, copy_files, weight_files
from models.convert import SMALL_FILES
from models.loading import load
from models.shards import read_header
from training.engine.checkpoints import replace_folder
from training.shared.adapters import NAME, LoraSettings, attach

TOLERANCE = {torch.float32: 1e-4, torch.float16: 5e-3, torch.bfloat16: 3e-2}
"""How far merged and unmerged logits may differ, as a share of the largest logit, for each type of the
stored weights: rounding them makes that much difference."""
INPUTS, LENGTH = 3, 64


class MergeError(ValueError):
    """The merge failed; nothing was written."""


@dataclass(frozen=True)
class MergeCheck:
    """Merged against unmerged logits on random inputs. difference: the largest between them; allowed: the
    limit for it; effect: the largest difference that the adapter makes to the base model's logits."""

    difference: float
    allowed: float
    effect: float


def merge_folder(model: str, adapter: str, out: Path, check: bool = True) -> tuple[int, MergeCheck | None]:
    """Write `out` as a model folder; returns the number of merged layers and the check's result, None
    without a check.

    ModelError, MergeError: it could not be merged, and `out` was not written.
    """
    if out.exists():
        raise MergeError(f"out = {str(out)!r} exists; allowed: a new folder")
    lora = read_adapter(adapter)
    check_mergeable(lora)
    checks: list[MergeCheck] = []

    def fill(folder: Path) -> None:
        copy_files(model, (*SMALL_FILES, INDEX), folder)
        _write_context(lora, folder / "config.json")
        _merge_shards(model, lora, folder)
        if check:
            checks.append(compare(model, adapter, folder))

    replace_folder(out, fill)
    return len(lora.modules), checks[0] if checks else None


def _write_context(adapter: Adapter, path: Path) -> None:
    """Write the context length that the adapter was trained in into the copied config."""
    if adapter.context:
        config = json.loads(path.read_text(encoding="utf-8")) | adapter.context
        path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _merge_shards(model: str, adapter: Adapter, folder: Path) -> None:
    unmerged = set(adapter.modules)
    for source in weight_files(model):
        copied = folder / source.name
        shutil.copyfile(source, copied)
        header = read_header(copied)
        with safe_open(source, "pt") as weights, copied.open("r+b") as file:
            for module in sorted(unmerged):
                key = f"{module}.weight"
                if key not in header.tensors:
                    continue
                file.seek(header.start + header.tensors[key].start)
                merged = merged_weight(weights.get_tensor(key), adapter, module)
                file.write(merged.contiguous().view(torch.uint8).numpy().tobytes())
                unmerged.discard(module)
    if unmerged:
        raise ModelError(f"module {min(unmerged)} of adapter {adapter.name!r} is no weight of {model!r}")


def compare(model: str, adapter: str, merged: Path) -> MergeCheck:
    """Compare the merged folder with the model that has the adapter, in float32, one network at a time.

    MergeError when their logits differ by more than rounding.
    """
    beside = load(model, device="cpu", dtype=torch.float32).model
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(beside.config.vocab_size, (INPUTS, LENGTH), generator=draw)
    ids = ids[:, : beside.config.max_sequence_length]
    base_logits = _logits(beside, ids)
    attach(beside, LoraSettings(precision="no", lora_dropout=0.0), adapter)
    unmerged_logits = _logits(beside, ids)
    _compare_weights(beside, merged)
    del beside
    merged_logits = _logits(load(str(merged), device="cpu", dtype=torch.float32).model, ids)
    difference = float((merged_logits - unmerged_logits).abs().max())
    allowed = TOLERANCE[_stored_type(merged)] * float(unmerged_logits.abs().max())
    if not difference <= allowed:
        raise MergeError(
            f"merged and unmerged logits differ by {difference:.4g}; allowed: {allowed:.4g}. "
            "Nothing was written"
        )
    return MergeCheck(difference, allowed, float((unmerged_logits - base_logits).abs().max()))


@torch.no_grad()
def _compare_weights(beside: Any, merged: Path) -> None:
    """MergeError unless every merged weight is what peft computes, apart from one rounding. Logits alone
    might not show a small error."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = {name: m for name, m in beside.named_modules() if isinstance(m, BaseTunerLayer)}
    for path in weight_files(str(merged)):
        with safe_open(path, "pt") as weights:
            for key in weights.keys():  # noqa: SIM118 - not a dict
                layer = layers.get(key.removesuffix(".weight"))
                if layer is None:
                    continue
                stored, change = weights.get_tensor(key), layer.get_delta_weight(NAME)
                expected = layer.get_base_layer().weight + change
                rounding = torch.finfo(stored.dtype).eps * expected.abs() + 1e-6 * (1 + change.abs())
                if ((stored.float() - expected).abs() > rounding).any():
                    raise MergeError(f"{key} is not W + scale * B A after the merge. Nothing was written")


@torch.no_grad()
def _logits(model: Any, ids: Tensor) -> Tensor:
    logits: Tensor = model.eval()(ids).logits
    return logits


def _stored_type(folder: Path) -> torch.dtype:
    """The type with the largest TOLERANCE among those that a folder's weights are stored in."""
    stored = set()
    for path in weight_files(str(folder)):
        with safe_open(path, "pt") as weights:
            stored |= {weights.get_slice(key).get_dtype() for key in weights.keys()}  # noqa: SIM118
    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    return max((types[name] for name in stored if name in types), key=lambda kind: TOLERANCE[kind])
