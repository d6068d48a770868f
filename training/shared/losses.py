"""Training objectives as pure functions of logits (algorithms: LLaDA, 2502.09992)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def cell_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each masked cell, in float32 at least. logits: Float[n, vocab]; targets: Int[n]."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return F.cross_entropy(logits, targets, reduction="none")


def pretrain_loss(cross_entropy: Tensor, p: Tensor, rows: int, length: int) -> Tensor:
    """L = sum over masked cells of CE / p, over (rows * length). Eq. 3.

    cross_entropy, p: Float[n], of the masked cells only; p is the probability of their masking.
    """
    return (cross_entropy / p).sum() / (rows * length)


def sft_loss(cross_entropy: Tensor, p: Tensor, row: Tensor, answer_lengths: Tensor) -> Tensor:
    """L = mean over rows of sum over masked cells of (CE / p) / answer length. Eq. 5.

    cross_entropy, p: Float[n]; row: Int[n], the row of each masked cell; answer_lengths:
    Int[rows], EOS padding included, because it is trained.
    """
    weights = answer_lengths.to(cross_entropy.dtype)
    return (cross_entropy / p / weights[row]).sum() / len(answer_lengths)


def masked_mean_loss(cross_entropy: Tensor) -> Tensor:
    """Plain mean over the learned cells, without the weights 1 / p: lower variance, but no longer the bound
    on the likelihood of eq. 3."""
    return cross_entropy.mean()


def rows_mean(values: Tensor, row: Tensor, rows: int) -> Tensor:
    """Mean over rows of each row's own mean. It is the same however processes share the rows.

    values: Float[n]; row: Int[n], the row of each value. A row without values counts as 0.
    """
    counts = torch.bincount(row, minlength=rows).clamp(min=1)
    return (values / counts[row]).sum() / rows
