"""Draws which cells of the training rows are masked.

Every function takes `answer`, Bool[rows, length], the cells that may be masked (the prompt never
is), and returns `masked`, Bool[rows, length], and `p`, Float[rows, length], the probability with
which each cell was masked (1 where it does not matter).
"""

from __future__ import annotations

import torch
from torch import Tensor


def stratified_times(rows: int, generator: torch.Generator) -> Tensor:
    """One time t in (0, 1) for each row, Float[rows]: (0, 1) is cut into `rows` equal intervals, and each
    gives one t, in random order. So t is spread more evenly than independent draws are."""
    offsets = torch.rand(rows, generator=generator)
    order = torch.randperm(rows, generator=generator)
    return ((torch.arange(rows) + offsets) / rows)[order]


def uniform_noise(
    answer: Tensor, generator: torch.Generator, eps: float = 1e-3, at_least_one: bool = True
) -> tuple[Tensor, Tensor]:
    """LLaDA's forward process (2502.09992, eq. 3): p = (1 - eps) t + eps, one t a row.

    at_least_one: a row in which no cell was drawn gets one. Not for losses weighted by 1 / p: cells are
    then masked more often than p says and the loss becomes too large, most of all in short answers.
    """
    rows, length = answer.shape
    p = ((1 - eps) * stratified_times(rows, generator) + eps)[:, None].expand(rows, length)
    draws = torch.rand(rows, length, generator=generator)
    masked = answer & (draws < p)
    return _at_least_one(masked, answer, draws) if at_least_one else masked, p


def block_noise(
    answer: Tensor, text: Tensor, block_length: Tensor, generator: torch.Generator, eps: float = 1e-3
) -> tuple[Tensor, Tensor, Tensor]:
    """Noise as a block-wise sampler sees it while decoding: earlier blocks clean, later blocks all masked.

    The answer is cut into blocks of `block_length` (Int[rows]) cells; one of the blocks that hold
    `text` (Bool[rows, length]: the answer without its EOS tail) is current in each row, and its
    cells are masked with p ~ U(0, 1). Returns masked, p and `current`, Bool[rows, length], the
    cells of the current block. Only they belong in the loss: later blocks are masked because they are
    when decoding. Blockwise SFT, 2508.19529, section 3.
    """
    rows, length = answer.shape
    index = (answer.long().cumsum(-1) - 1).masked_fill(~answer, -1)
    block = torch.div(index, block_length[:, None], rounding_mode="floor").masked_fill(~answer, -1)
    count = block.masked_fill(~text, -1).amax(-1) + 1
    chosen = (torch.rand(rows, generator=generator) * count).long()
    current = block == chosen[:, None]
    later = block > chosen[:, None]
    p = ((1 - eps) * stratified_times(rows, generator) + eps)[:, None].expand(rows, length)
    draws = torch.rand(rows, length, generator=generator)
    masked = _at_least_one(current & (draws < p), current, draws)
    return masked | later, p, current


def _at_least_one(masked: Tensor, allowed: Tensor, draws: Tensor) -> Tensor:
    lowest = draws.masked_fill(~allowed, 2.0).argmin(-1, keepdim=True)
    empty = ~masked.any(-1, keepdim=True) & allowed.any(-1, keepdim=True)
    return masked | (torch.zeros_like(masked).scatter(-1, lowest, True) & empty)
