"""RemeDi's noise (2509.23653, section 3.2): masks and wrong tokens."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class RemaskNoise(NamedTuple):
    """input_ids: Int[rows, length]; masked: Bool, cells shown as masks; wrong: Bool, cells whose token
    was replaced; p: Float[rows, length], the probability with which a cell was masked."""

    input_ids: Tensor
    masked: Tensor
    wrong: Tensor
    p: Tensor


def mask_rate(t: Tensor, eps: float = 1e-3) -> Tensor:
    """rho_mask(t) = (1 - eps) t + eps."""
    return (1 - eps) * t + eps


def wrong_rate(t: Tensor, r: float) -> Tensor:
    """rho_incorrect(t) = 4 r t (1 - t), r < .25: none at either end, r in the middle."""
    return 4 * r * t * (1 - t)


def remask_noise(
    tokens: Tensor,
    answer: Tensor,
    t: Tensor,
    r: float,
    mask_id: int,
    ordinary: Tensor,
    generator: torch.Generator,
    eps: float = 1e-3,
) -> RemaskNoise:
    """Mask answer cells with rho_mask(t); of those left, replace with rho_incorrect(t) by another
    ordinary token. The marginal rate of wrong cells is (1 - rho_mask) rho_incorrect.

    tokens: Int[rows, length]; answer: Bool[rows, length]; t: Float[rows], one a sequence; ordinary:
    Int[n], the ids that are no special tokens. The prompt stays clean.
    """
    p = mask_rate(t, eps)[:, None].expand(tokens.shape)
    masked = answer & (torch.rand(tokens.shape, generator=generator) < p)
    rate = wrong_rate(t, r)[:, None]
    wrong = answer & ~masked & (torch.rand(tokens.shape, generator=generator) < rate)
    replaced = torch.where(wrong, other_tokens(tokens, ordinary, generator), tokens)
    return RemaskNoise(torch.where(masked, mask_id, replaced), masked, wrong, p)


def other_tokens(tokens: Tensor, ordinary: Tensor, generator: torch.Generator) -> Tensor:
    """For each cell a uniform ordinary token that is not the one there. ordinary: sorted Int[n]."""
    place = torch.searchsorted(ordinary, tokens).clamp(max=len(ordinary) - 1)
    is_ordinary = ordinary[place] == tokens
    spread = (torch.rand(tokens.shape, generator=generator) * (len(ordinary) - is_ordinary.long())).long()
    return ordinary[spread + (is_ordinary & (spread >= place)).long()]


def ordinary_ids(vocabulary: int, special: list[int]) -> Tensor:
    """The ids that can be used as wrong tokens, Int[n], sorted: all but the special ones."""
    ordinary = torch.ones(vocabulary, dtype=torch.bool)
    ordinary[[i for i in special if 0 <= i < vocabulary]] = False
    return ordinary.nonzero()[:, 0]
