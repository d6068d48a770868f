"""Drafts: what the network would write in undecided cells, taken from forwards that are made anyway.

A forward makes the hidden states of every cell that it evaluates, and a sampler asks for the logits of some.
The denoiser reads the drafts of those from the same logits, and calls the head apart for the other undecided
cells: the sampler's own matrices keep their shapes, so its numbers do not change by a bit (law 9).

With drafts a step takes a second tensor back from the device, one for all its drafts. It is ready when the
sampler's own has come, so it costs the copy, not another wait for the network.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import repeat

import torch
from torch import Tensor

from samplers.canvas import Canvas
from samplers.events import Cell, Event, Predicted
from samplers.forwards.transfer import take, to_host
from samplers.settings import SettingError

MOST_K = 32
MOST_DRAFTS = 2_000_000
"""Steps x cells x candidates x k of a run, at most. About half are made: cells are decided on the way."""
DRAFT_BYTES = 184
"""Of a Cell with its two numbers in memory; a line of a trace is shorter."""
_PIECE_BYTES = 64 * 2**20  # logits for drafts alone are computed in pieces of at most this size


@dataclass(frozen=True)
class Drafts:
    """Of one forward. cells: Bool[rows, length] on the host, n True, all undecided; tokens, probabilities:
    [n, k] on the device, likeliest first; order: Int[n], where each cell, row-major, is among these n; None:
    they are row-major."""

    cells: Tensor
    tokens: Tensor
    probabilities: Tensor
    order: Tensor | None = None

    def predicted(self, event: Event) -> Predicted:
        """The event of it; event: the first one after the forward, which says where the run is."""
        tokens, probabilities = to_host(self.tokens, self.probabilities.double())
        if self.order is not None:
            tokens, probabilities = tokens[self.order], probabilities[self.order]
        places, k = self.cells.nonzero(), tokens.shape[-1]
        rows, positions = (places if k == 1 else places.repeat_interleave(k, 0)).T.tolist()
        rounded = probabilities.round(decimals=4).flatten().tolist()
        values = zip(rows, positions, tokens.flatten().tolist(), rounded, strict=True)
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
    size, order = max(1, _PIECE_BYTES // (4 * logits.shape[-1])), None
    own = cells if undecided is cells else undecided & cells
    asked = logits if own is cells else take(logits, own[cells])
    parts = [likeliest(piece, k) for piece in torch.split(asked, size)]
    if own is not cells and not torch.equal(own, undecided):
        rest = undecided & ~cells
        parts += [likeliest(piece, k) for piece in others(rest, size)]
        order = torch.cat([c.reshape(-1).nonzero()[:, 0] for c in (own, rest)]).argsort()
    tokens, probabilities = parts[0]
    if len(parts) > 1:
        tokens, probabilities = (torch.cat(column) for column in zip(*parts, strict=True))
    return Drafts(undecided, tokens, probabilities, order)


def likeliest(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k likeliest tokens, Int[n, k], likeliest first, and their probabilities, Float[n, k], of logits,
    Float[n, vocab]."""
    probabilities = logits.softmax(-1)
    if k == 1:  # amax is many times faster than a gather from max on a CPU
        return logits.argmax(-1, keepdim=True), probabilities.amax(-1, keepdim=True)
    tokens = logits.topk(k, -1).indices
    return tokens, probabilities.gather(-1, tokens)


def with_drafts(
    events: Iterator[Event], canvas: Canvas, fresh: Callable[[], list[Drafts]]
) -> Iterator[Event]:
    """A sampler's events, with Predicted before the first one after each forward.

    fresh: the drafts of the forwards since it was called last. When that event comes, the sampler has changed
    its canvas already: where the run ends at the Predicted, the canvas is put back as it was before.
    """
    try:
        while True:
            before = canvas.cells()
            event = next(events, None)
            if event is None:
                return
            for drafts in fresh():
                try:
                    yield drafts.predicted(event)
                except BaseException:
                    canvas.put_back(before)
                    raise
            yield event
    finally:
        if isinstance(events, Generator):
            events.close()


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
