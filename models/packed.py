"""A network for decoding on a CPU: its matrices in the order in which oneDNN multiplies fastest.

A product of 64 rows takes half the time that it takes with the weights as they lie in memory (docs/log.md).
The sums are added up in another order, so results differ in the last bits.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from models.llada import LLaDAModelLM

MOST_PARAMETERS = 250_000_000  # packed weights are a second copy in memory
ROWS = 64  # the usual number of rows of a product, for which the order is chosen


class PackedLinear(nn.Module):
    """A linear layer without gradients. weight: of the layer that it stands for, Float[out, in]."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.packed, self.bias = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), ROWS), bias

    def forward(self, x: Tensor) -> Tensor:
        """Float[…, in] -> Float[…, out]."""
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")
        return out


def can_pack(model: LLaDAModelLM) -> bool:
    """Whether `packed` helps: float32 on a CPU, plain layers, and not so large that a second copy hurts."""
    parameters = sum(p.numel() for p in model.parameters())
    return (
        model.device.type == "cpu" and model.dtype == torch.float32 and parameters <= MOST_PARAMETERS
        and torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )  # fmt: skip


def packed(model: LLaDAModelLM) -> LLaDAModelLM:
    """The same network with packed layers, for decoding alone; everything else is shared with `model`,
    whose weights must not change any more."""
    memo: dict[int, Any] = {id(p): p for p in [*model.parameters(), *model.buffers()]}
    for module in model.modules():
        if type(module) is nn.Linear:
            memo[id(module)] = PackedLinear(module.weight, module.bias)
    return copy.deepcopy(model, memo)
