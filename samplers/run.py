"""A run under way: what a sampler works on, and every change of its canvas together with the event of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict

import torch
from torch import Tensor

from samplers.canvas import Canvas
from samplers.denoiser import Denoiser
from samplers.events import (
    Cell,
    Cells,
    Deleted,
    Drafted,
    Edited,
    Inserted,
    Remasked,
    Renoised,
    Unmasked,
    Verified,
)  # fmt: skip
from samplers.scoring import Scorer
from samplers.settings import SettingError


@dataclass(frozen=True)
class Standing:
    """What stands on a canvas from another run, which this one goes on from. confidence: Float[rows, length],
    of each cell when it was committed, 1 elsewhere; block: the first one that is gone through."""

    confidence: Tensor
    block: int = 0


class Now(TypedDict):
    """The fields that every event of a run has."""

    nfe: int
    forwards: int
    block: int
    forked: bool


@dataclass
class Run:
    """What a sampler works on. `forked`: the canvas holds candidates; confidence: Float[rows,
    length], of each cell when it was committed; refined: how many windows of each row were refined;
    first_block: the first one that is gone through."""

    denoise: Denoiser
    canvas: Canvas
    confidence: Tensor
    score: Scorer | None = None
    forked: bool = False
    refined: Counter[int] = field(default_factory=Counter)
    first_block: int = 0

    def fork(self, k: int, rows: Tensor) -> Run:
        """The same run on k candidates of every row; only those of `rows`, Bool[rows], will change."""
        confidence = self.confidence.repeat_interleave(k, 0)
        return replace(self, canvas=self.canvas.fork(k, rows), confidence=confidence, forked=True)

    def now(self, block: int = -1) -> Now:
        """What every event says: the cost so far, and where the run is."""
        denoise = self.denoise
        return Now(nfe=denoise.nfe, forwards=denoise.forwards, block=block, forked=self.forked)

    def adopt(self, forked: Run, winners: Sequence[int | None]) -> None:
        """End a fork: each row takes over its winning candidate, None keeps it as it is."""
        self.canvas.adopt(forked.canvas, winners)
        self._widen(forked.confidence.shape[1])
        forked._widen(self.confidence.shape[1])
        k = forked.canvas.rows // self.canvas.rows
        for row, winner in enumerate(winners):
            if winner is not None:
                self.confidence[row] = forked.confidence[row * k + winner]

    def unmasked(self, block: int, commit: Tensor, tokens: Tensor, confidence: Tensor) -> Unmasked:
        """Write tokens, Int[n], into the cells Bool[rows, length]; the event of it."""
        self.canvas.write(commit, tokens)
        self.confidence[commit] = confidence
        cells = changed(commit, tokens, confidence)
        return Unmasked(**self.now(block), step=self.denoise.calls - 1, cells=cells)

    def edited(self, block: int, cells: Tensor, tokens: Tensor, confidence: Tensor) -> Edited:
        """Overwrite the cells Bool[rows, length] with tokens, Int[n]; the event of it."""
        self.canvas.write(cells, tokens)
        return Edited(**self.now(block), cells=changed(cells, tokens, confidence))

    def remasked(self, block: int, cells: Tensor, confidence: Tensor, reason: str) -> Remasked:
        """Put masks into the cells Bool[rows, length]; the event of it. confidence: Float[n], of the tokens
        that go."""
        mask_id = self.canvas.mask_id
        if mask_id is None:
            raise SettingError("mask_id", None, f"a canvas with masks, for re-masking ({reason})")
        gone = changed(cells, self.canvas.tokens[cells], confidence)
        self.canvas.write(cells, torch.full((len(gone),), mask_id))
        return Remasked(**self.now(block), cells=gone, reason=reason)

    def renoised(self, block: int, cells: Tensor, tokens: Tensor) -> Renoised:
        """Put random tokens, Int[n], into the cells Bool[rows, length], which are undecided then; the event
        of it."""
        self.canvas.write(cells, tokens, noise=True)
        return Renoised(**self.now(block), cells=changed(cells, tokens, torch.zeros(len(tokens))))

    def drafted(self, block: int, cells: Tensor, tokens: Tensor, confidence: Tensor) -> Drafted:
        """Write a cheap draft's tokens, Int[n], into the cells Bool[rows, length], for `verified` to check;
        the event of it."""
        self.canvas.write(cells, tokens)
        self.confidence[cells] = confidence
        return Drafted(**self.now(block), cells=changed(cells, tokens, confidence))

    def verified(
        self, block: int, accepted: Tensor, rejected: Tensor, confidence: Tensor, noise: Tensor | None = None
    ) -> Verified:
        """Drafted cells that stand, and others that are undecided again, both Bool[rows, length]; the event
        of it. confidence: Float[rows, length], the check's; noise: Int[n rejected], which a canvas without
        masks gets there."""
        canvas = self.canvas
        if canvas.mask_id is not None:
            noise = torch.full((int(rejected.sum()),), canvas.mask_id)
        elif noise is None:
            raise SettingError("noise", None, "random tokens, where a canvas has no masks")
        self.confidence[accepted] = confidence[accepted].to(self.confidence.dtype)
        stands = changed(accepted, canvas.tokens[accepted], confidence[accepted])
        shown = noise if canvas.mask_id is None else canvas.tokens[rejected]
        gone = changed(rejected, shown, confidence[rejected])
        canvas.write(rejected, noise, noise=True)
        return Verified(**self.now(block), accepted=stands, rejected=gone)

    def inserted(
        self, block: int, row: int, position: int, tokens: Sequence[int], confidence: Sequence[float],
        noise: bool = False,
    ) -> Inserted:  # fmt: skip
        """New cells of a row before a position, the row's length at most; the event of it. noise: as in
        Inserted; a mask's confidence does not count."""
        self._move(self.canvas.insert(row, position, tokens, noise))
        self.confidence[row, position : position + len(tokens)] = torch.tensor(confidence)
        cells = (Cell(row, position, t, float(c)) for t, c in zip(tokens, confidence, strict=True))
        return Inserted(**self.now(block), cells=tuple(cells), noise=noise)

    def deleted(self, block: int, cells: Tensor, confidence: Tensor) -> Deleted:
        """Take the cells Bool[rows, length] away; the event of it. confidence: Float[n], of the decision."""
        gone = changed(cells, self.canvas.tokens[cells], confidence)
        self._move(self.canvas.delete(cells))
        return Deleted(**self.now(block), cells=gone)

    def _move(self, moved: Tensor) -> None:
        """Take confidences along. moved: Int[rows, length], where each cell was."""
        known = self.confidence.gather(1, moved.clamp(min=0, max=self.confidence.shape[1] - 1))
        self.confidence = torch.where(moved >= 0, known, 1.0)

    def _widen(self, length: int) -> None:
        more = max(0, length - self.confidence.shape[1])
        self.confidence = torch.nn.functional.pad(self.confidence, (0, more), value=1.0)


def changed(cells: Tensor, tokens: Tensor, confidence: Tensor) -> Cells:
    """Event cells for Bool[rows, length] cells with tokens and confidence, both [n]."""
    places: Sequence[Any] = cells.nonzero().tolist()
    values = zip(places, tokens.tolist(), confidence.tolist(), strict=True)
    return tuple(Cell(row, position, token, score) for (row, position), token, score in values)
