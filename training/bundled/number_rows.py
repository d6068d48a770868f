"""Number rows: the embeddings of the number tokens, with a part that all numbers share.

The row of number n, in the embedding and in the output head, is `free(n) + features(n) @ map`. The features
are its digits (one-hot) and cosines and sines of its value, and the map is the same for all numbers, so
what is learned about the units digit of one number holds for all others. `fold` adds the shared part into
ordinary weights at the end, so the published model has the usual layout.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

PERIODS = (2, 4, 5, 10, 20, 25, 50, 100, 200, 500, 1000)


def number_features(values: list[int]) -> Tensor:
    """Float[len(values), 30 + 2 * periods + 1]: hundreds, tens and units one-hot; cos and sin for each of
    PERIODS; and the value, scaled to -1..1."""
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
    """Give `module.weight` shared number rows. ids: the tokens' rows; values: their numbers; std: of a fresh
    weight."""
    rows = NumberRows(ids, values, module.get_parameter("weight").shape[1], std)
    parametrize.register_parametrization(module, "weight", rows, unsafe=True)


def fold(module: nn.Module) -> None:
    """Write the shared rows into the plain weight; a module without them is left as it is."""
    if parametrize.is_parametrized(module):
        parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
