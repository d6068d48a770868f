"""A denoiser that may not write some tokens in some cells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor

from samplers.canvas import Canvas
from samplers.denoiser import Denoiser
from samplers.run import Run

ANY = -1
"""Instead of a token: nothing is barred in the cell."""


class _Barred:
    """tokens: Int[rows, length], the token that each cell may not be, or ANY."""

    def __init__(self, denoise: Denoiser, tokens: Tensor) -> None:
        self.denoise, self.tokens = denoise, tokens

    def __call__(self, canvas: Canvas, cells: Tensor) -> Tensor:
        logits = self.denoise(canvas, cells)
        tokens = self.tokens[cells]
        which = (tokens != ANY).nonzero()[:, 0]  # on the host, where nothing waits for a GPU
        logits[which.to(logits.device), tokens[which].to(logits.device)] = -torch.inf
        return logits

    def __getattr__(self, name: str) -> Any:
        return getattr(self.denoise, name)


def differing(forked: Run, cells: Tensor, k: int) -> Run:
    """The run of k candidates a row, each unable to write one of the tokens that stand now in the cells,
    Bool[rows * k, length], again: see one_barred_each. To be asked before masks are put there."""
    tokens = one_barred_each(forked.canvas.tokens, forked.confidence, cells, k)
    return replace(forked, denoise=cast(Denoiser, _Barred(forked.denoise, tokens)))


def one_barred_each(tokens: Tensor, confidence: Tensor, cells: Tensor, k: int) -> Tensor:
    """For k candidates of each row, one after the other: what stands in the n-th least sure cell of a row is
    barred there for its n-th candidate; after the last cell it begins anew.

    tokens: Int[rows * k, length]; confidence: Float[rows * k, length]; cells: Bool[rows * k, length], those
    that are decided again, the same for all candidates of a row. Returns Int[rows * k, length], ANY where
    nothing is barred.
    """
    found = torch.full_like(tokens, ANY)
    for row in cells.any(-1).nonzero()[:, 0].tolist():
        own = cells[row].nonzero()[:, 0]
        by_confidence = own[confidence[row, own].argsort(stable=True)]
        cell = by_confidence[row % k % len(own)]
        found[row, cell] = tokens[row, cell]
    return found
