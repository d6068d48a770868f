"""Number rows that share what numbers have in common, foldable into plain weights.

The row of number n in the embedding and in the head is `free(n) + features(n) @ map`: its digits
(one-hot) and Fourier features of its value. What is learned about the units digit of one number
is then known of all. `fold` leaves ordinary weights behind: the published layout is unchanged.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

PERIODS = (2, 4, 5, 10, 20, 25, 50, 100, 200, 500, 1000)


def number_features(values: list[int]) -> Tensor:
    """Float[len(values), 30 + 2 * periods + 1]: hundreds, tens, units one-hot; cos, sin; size."""
    rows = []
    for n in values:
        row = [0.0] * 30
        for place, digit in enumerate((n // 100, n // 10 % 10, n % 10)):
            row[10 * place + digit] = 1.0
        for period in PERIODS:
            row += [math.cos(2 * math.pi * n / period), math.sin(2 * math.pi * n / period)]
        rows.append([*row, n / 500 - 1])
    return torch.tensor(rows)


class NumberRows(nn.Module):
    """Adds `features @ map` to the rows `ids` of a weight, Float[vocab, d_model]."""

    ids: Tensor
    features: Tensor

    def __init__(self, ids: list[int], values: list[int], width: int, std: float) -> None:
        super().__init__()
        features = number_features(values)
        self.register_buffer("ids", torch.tensor(ids), persistent=False)
        self.register_buffer("features", features, persistent=False)
        self.map = nn.Parameter(torch.randn(features.shape[1], width) * std / math.sqrt(14))

    def forward(self, weight: Tensor) -> Tensor:
        return weight.index_add(0, self.ids, (self.features @ self.map).to(weight.dtype))


def attach(module: nn.Module, ids: list[int], values: list[int], std: float) -> None:
    """Let `module.weight` share number rows while training."""
    rows = NumberRows(ids, values, module.get_parameter("weight").shape[1], std)
    parametrize.register_parametrization(module, "weight", rows, unsafe=True)


def fold(module: nn.Module) -> None:
    """Write the shared rows into the plain weight; a module without them is left as it is."""
    if parametrize.is_parametrized(module):
        parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
