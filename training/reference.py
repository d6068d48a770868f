"""The reference of DPO and GRPO: the network that training began with."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from training.adapters import adapter_off, lora_on


def frozen_copy(model: nn.Module) -> nn.Module | None:
    """A copy of a network whose weights all learn; None for one with an adapter, which can be
    switched off instead."""
    if lora_on(model):
        return None
    return copy.deepcopy(model).requires_grad_(False).eval()


@contextmanager
def reference_of(model: nn.Module, frozen: nn.Module | None) -> Iterator[Any]:
    """The reference, without gradients: the frozen copy, or the policy with its adapter off (an
    adapter that the run began with is off too)."""
    with torch.no_grad():
        if frozen is not None:
            yield frozen
        else:
            with adapter_off(model):
                yield model
