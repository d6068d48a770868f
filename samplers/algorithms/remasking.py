"""Back-masking's arithmetic: which cells of a window go back to masks (LLaDA R3, 2507.08018)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

P_MIN = 0.01
CHOICES = ("score_x_confidence", "random")


def backmask_probabilities(scores: Sequence[float], alpha: float) -> list[float]:
    """P of each block: q = max(exp(-alpha s), p_min), stretched to [p_min, 1]."""
    return _stretched([max(math.exp(-alpha * s), P_MIN) for s in scores], scores)


def refine_probabilities(scores: Sequence[float], alpha: float) -> list[float]:
    """P of each block of a window: q = exp(alpha (1 - s)), stretched to [p_min, 1]."""
    return _stretched([math.exp(alpha * (1 - s)) for s in scores], scores)


def _stretched(q: list[float], scores: Sequence[float]) -> list[float]:
    """p_min + (1 - p_min) (q - min q) / (max q - min q). Ours: with equal scores this is 0 / 0,
    so P = p_min + (1 - p_min) (1 - mean score), the same for each."""
    low, high = min(q), max(q)
    if high == low:
        p = [1 - sum(scores) / len(scores)] * len(q)
    else:
        p = [(x - low) / (high - low) for x in q]
    return [P_MIN + (1 - P_MIN) * x for x in p]


def cells_to_remask(size: int, intensity: float, p: float, open_cells: Tensor, order: Tensor) -> Tensor:
    """Bool[length]: round(size * p * intensity) of the cells Bool[length], those lowest in `order`,
    Float[length], first; ties to the left."""
    count = min(math.floor(size * p * intensity + 0.5), int(open_cells.sum()))
    places = order.masked_fill(~open_cells, torch.inf).sort(stable=True).indices
    chosen = torch.zeros_like(open_cells)
    chosen[places[:count]] = True
    return chosen
