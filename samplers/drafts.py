"""Drafts: what the network would write in undecided cells, taken from forwards that are made anyway.

A forward makes the hidden states of every cell that it evaluates, and a sampler asks for the logits of some.
The denoiser reads the drafts of those from the same logits, and calls the head apart for the other undecided
cells: the sampler's own matrices keep their shapes, so its numbers do not change by a bit (law 9).

With drafts a step takes a second tensor back from the device, one for all its drafts. It is ready when the
sampler's own has come, so it costs the copy, not another wait for the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat

import torch
from torch import Tensor

from samplers.canvas import Canvas
from samplers.events import Cell, Event, Predicted
from samplers.settings import SettingError
from samplers.transfer import take, to_host

MOST_K = 32
MOST_DRAFTS = 2_000_000
"""Steps x cells x candidates x k of a run, at most. About half are made: cells are decided on the way."""
DRAFT_BYTES = 184
"""Of a Cell with its two numbers in memory; a line of a trace is shorter."""
_PIECE_BYTES = 64 * 2**20  # logits for drafts alone are computed in pieces of at most this size


@dataclass(frozen=True)
class Drafts:
    """Of one forward. cells: Bool[rows, length] on the host, n True, all undecided; tokens, probabilities:
    [n, k] on the device, likeliest first; order: Int[n], where each cell, row-major, is among these n."""

    cells: Tensor
    tokens: Tensor
    probabilities: Tensor
    order: Tensor

    def predicted(self, event: Event) -> Predicted:
        """The event of it; event: the first one after the forward, which says where the run is."""
        tokens, probabilities = to_host(self.tokens, self.probabilities.double())
        k = tokens.shape[-1]
        places = self.cells.nonzero().repeat_interleave(k, 0).T.tolist()
        values = zip(
            *places,
            tokens[self.order].flatten().tolist(),
            probabilities[self.order].flatten().round(decimals=4).tolist(),
            strict=True,
        )
        cells: tuple[Cell, ...] = tuple(map(tuple.__new__, repeat(Cell), values))
        return Predicted(
            nfe=event.nfe, forwards=event.forwards, block=event.block, forked=event.forked, cells=cells
        )


def draft(
    cells: Tensor,
    logits: Tensor,
    undecided: Tensor,
    k: int,
    others: Callable[[Tensor, int], Iterator[Tensor]],
) -> Drafts:
    """Drafts of the undecided cells, Bool[rows, length].

    cells, logits: those that a sampler asked for, Bool[rows, length], and their logits, Float[n, vocab],
    which are left as they are; others(cells, n): the logits of further cells, in pieces of n of them.
    """
    own, rest = undecided & cells, undecided & ~cells
    asked = logits if torch.equal(own, cells) else take(logits, own[cells])
    size = max(1, _PIECE_BYTES // (4 * logits.shape[-1]))
    pieces = [*torch.split(asked, size), *others(rest, size)]
    parts = [likeliest(piece, k) for piece in pieces if len(piece)]
    where = torch.cat([c.reshape(-1).nonzero()[:, 0] for c in (own, rest)])
    tokens, probabilities = (torch.cat(column) for column in zip(*parts, strict=True))
    return Drafts(undecided, tokens, probabilities, where.argsort())


def likeliest(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k likeliest tokens, Int[n, k], likeliest first, and their probabilities, Float[n, k], of logits,
    Float[n, vocab]."""
    values, tokens = logits.max(-1, keepdim=True) if k == 1 else logits.topk(k, -1)
    return tokens, (values - logits.logsumexp(-1, keepdim=True)).exp()


def with_drafts(
    events: Iterator[Event], canvas: Canvas, fresh: Callable[[], list[Drafts]]
) -> Iterator[Event]:
    """A sampler's events, with Predicted before the first one after each forward.

    fresh: the drafts of the forwards since it was called last. When that event comes, the sampler has changed
    its canvas already: where the run ends at the Predicted, the canvas is put back as it was before.
    """
    while True:
        before = canvas.copy()
        event = next(events, None)
        if event is None:
            return
        for drafts in fresh():
            try:
                yield drafts.predicted(event)
            except BaseException:
                canvas.become(before)
                raise
        yield event


def check_drafts(k: int, steps: int, cells: int) -> None:
    """SettingError, with the number and the size, where a run would make more drafts than are kept. cells:
    those of all candidates that are decoded at once."""
    drafts = k * steps * cells
    if drafts > MOST_DRAFTS:
        megabytes = drafts * DRAFT_BYTES // 10**6
        size = f"{steps:,} steps x {cells:,} cells x {k} a cell = {drafts:,} drafts, {megabytes:,} MB"
        raise SettingError(
            "drafts", k, f"at most {MOST_DRAFTS:,} drafts; these would be {size}", "Drafts",
            f"{size}: at most {MOST_DRAFTS:,} are kept. Take fewer steps, a shorter answer or fewer drafts.",
        )  # fmt: skip
