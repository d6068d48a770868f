"""One weight with its adapter: W + scale * B A, computed in float32 (2106.09685)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from models.adapters import Adapter, lora_config
from models.errors import ModelError

ROUNDED = (torch.float32, torch.float16, torch.bfloat16)
"""Types of weights that an adapter is added to."""


def check_mergeable(adapter: Adapter) -> None:
    """ModelError: the adapter is of a kind that is not added up weight by weight."""
    if adapter.config.get("use_dora"):
        raise ModelError(f"use_dora = True in {adapter.name!r} is not supported by merge; allowed: false")
    lora_config(adapter)  # refuses what this could not honour


def merged_weight(weight: Tensor, adapter: Adapter, module: str) -> Tensor:
    """W + scale * B A of one layer, in W's type. ModelError where shapes differ or it is not finite."""
    down, up = (_half(adapter.tensors, module, half) for half in "AB")
    if weight.shape != (up.shape[0], down.shape[1]) or up.shape[1] != down.shape[0]:
        shapes = f"{tuple(up.shape)} x {tuple(down.shape)}"
        raise ModelError(f"{module} of adapter {adapter.name!r} is {shapes}; wanted: {tuple(weight.shape)}")
    if weight.dtype not in ROUNDED:
        raise ModelError(f"{module} is of {weight.dtype}; allowed: {', '.join(map(str, ROUNDED))}")
    merged = (weight.float() + _scale(adapter.config, module, len(down)) * (up @ down)).to(weight.dtype)
    if not torch.isfinite(merged).all():
        raise ModelError(f"adapter {adapter.name!r} is broken: it makes {module} infinite or NaN")
    return merged


def _half(tensors: Mapping[str, Tensor], module: str, half: str) -> Tensor:
    key = f"base_model.model.{module}.lora_{half}.weight"
    if key not in tensors:
        raise ModelError(f"tensor {key} is missing in the adapter; wanted: both halves of a layer")
    return tensors[key].float()


def _scale(config: Mapping[str, Any], module: str, rank: int) -> float:
    """alpha / r, or alpha / sqrt(r) (2312.03732)."""
    from peft.utils.other import get_pattern_key

    by_module = config.get("alpha_pattern") or {}
    alpha = by_module.get(get_pattern_key(by_module.keys(), module), config["lora_alpha"])
    return float(alpha / (rank**0.5 if config.get("use_rslora") else rank))
