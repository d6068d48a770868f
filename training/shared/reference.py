"""The reference model of DPO and GRPO: the model as it was when training began.

It is kept in the cheapest of three ways. Where all weights learn: a frozen copy of the network. Where an
adapter goes on from a saved one: a frozen copy of that adapter, in the same network. Where the adapter is
fresh: nothing, because a fresh adapter changes nothing, so switching the adapter off gives the reference.
It is made with the recipe, before a checkpoint is read, so that a resumed run has the same reference.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from training.shared.adapters import NAME, adapter_off, lora_on

REFERENCE = "reference"
"""The name under which peft keeps the frozen copy of the adapter."""


def hold_reference(model: nn.Module) -> nn.Module | None:
    """Keep the network as it is now for `reference_of`. Returns a frozen copy where all its weights learn,
    else None: the network gets a frozen copy of its adapter, unless that is fresh."""
    if not lora_on(model):
        return copy.deepcopy(model).requires_grad_(False).eval()
    if any(bool(p.any()) for name, p in model.named_parameters() if f".lora_B.{NAME}." in name):
        _copy_adapter(model)
    return None


@contextmanager
def reference_of(model: nn.Module, frozen: nn.Module | None) -> Iterator[Any]:
    """The reference, without gradients: the frozen copy, or the model with the frozen adapter, or with its
    adapter off. In the model's mode (train or eval); the random state is restored at the end, so that a
    pass that follows draws the same dropout."""
    with torch.no_grad(), own_draws(next(model.parameters()).device):
        if frozen is not None:
            yield frozen
        else:
            with _second_adapter(model) if REFERENCE in _configs(model) else adapter_off(model):
                yield model


@contextmanager
def own_draws(device: torch.device) -> Iterator[None]:
    """Within it random draws do not advance the generators of the CPU and the device: they are restored."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield


def _copy_adapter(model: nn.Module) -> None:
    """Add a frozen copy of the adapter to the same layers."""
    from peft import inject_adapter_in_model

    with warnings.catch_warnings(), own_draws(torch.device("cpu")):
        warnings.filterwarnings("ignore", "Already found a `peft_config` attribute")
        inject_adapter_in_model(copy.deepcopy(_configs(model)[NAME]), model, REFERENCE)
    for layer in _layers(model):
        for part in (layer.lora_A, layer.lora_B):
            part[REFERENCE].weight = nn.Parameter(part[NAME].weight.detach().clone(), requires_grad=False)
        layer.set_adapter(NAME)


@contextmanager
def _second_adapter(model: nn.Module) -> Iterator[None]:
    layers = _layers(model)
    for layer in layers:
        layer.set_adapter(REFERENCE)
    try:
        yield
    finally:
        for layer in layers:
            layer.set_adapter(NAME)


def _layers(model: nn.Module) -> list[Any]:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return [layer for layer in model.modules() if isinstance(layer, BaseTunerLayer)]


def _configs(model: nn.Module) -> Any:
    """peft's configurations of a network's adapters by name."""
    return model.peft_config
