"""The events between two canvases of which nothing but the tokens is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from samplers.events import Cell, Deleted, Edited, Event, Inserted, Remasked, Unmasked

MOST_COMPARED = 1 << 18
"""Pairs of cells that are compared to align two rows; rows that differ in more are aligned from the left."""


@dataclass
class Changes:
    """What changed in all rows of a canvas, in the order in which it is told: cells that go, cells that
    come, then those that change, at the positions where they then are."""

    deleted: list[Cell] = field(default_factory=list)
    inserted: list[Cell] = field(default_factory=list)
    unmasked: list[Cell] = field(default_factory=list)
    edited: list[Cell] = field(default_factory=list)
    remasked: list[Cell] = field(default_factory=list)

    def row(
        self, row: int, old: Sequence[int], new: Sequence[int], mask_id: int, start: int,
        confidence: Sequence[float] = (),
    ) -> None:  # fmt: skip
        """Add those of a row. start: its first cell that may change; confidence: of each new cell, 0 where it
        is not known."""
        spans = aligned(old, new, mask_id, start)
        shift = 0  # of positions, by the cells that went further left
        for low, high, first, last in spans:
            kept = min(high - low, last - first)
            self.deleted += [Cell(row, p, old[p], 0.0) for p in range(low + kept, high)]
            place = low + kept + shift
            self.inserted += [
                Cell(row, place, new[p], _of(confidence, p, new[p], mask_id))
                for p in range(first + kept, last)
            ]
            shift -= high - low - kept
            for i in range(kept):
                self._cell(row, first + i, old[low + i], new[first + i], mask_id, confidence)

    def _cell(
        self, row: int, position: int, was: int, now: int, mask_id: int, confidence: Sequence[float]
    ) -> None:
        cell = Cell(row, position, now, _of(confidence, position, now, mask_id))
        if was == now:
            return
        if was == mask_id:
            self.unmasked.append(cell)
        elif now == mask_id:
            self.remasked.append(Cell(row, position, was, 0.0))
        else:
            self.edited.append(cell)

    def events(self, step: int, nfe: int, forwards: int, block: int = -1) -> list[Event]:
        """One Unmasked, for the pass, and what else there is. step: as in Unmasked."""
        common: dict[str, Any] = {"nfe": nfe, "forwards": forwards, "block": block}
        found: list[Event] = []
        if self.deleted:
            found.append(Deleted(**common, cells=tuple(self.deleted)))
        if self.inserted:
            found.append(Inserted(**common, cells=tuple(self.inserted)))
        found.append(Unmasked(**common, step=step, cells=tuple(self.unmasked)))
        if self.edited:
            found.append(Edited(**common, cells=tuple(self.edited)))
        if self.remasked:
            found.append(Remasked(**common, cells=tuple(self.remasked), reason="imported"))
        return found


def _of(confidence: Sequence[float], position: int, token: int, mask_id: int) -> float:
    return confidence[position] if position < len(confidence) and token != mask_id else 0.0


def aligned(
    old: Sequence[int], new: Sequence[int], mask_id: int, start: int = 0
) -> list[tuple[int, int, int, int]]:
    """Spans (of old: from, to; of new: from, to) that stand for each other, from left to right; together they
    are all cells from `start` on.

    Rows of one length stand cell for cell. A longer one whose first cells may have come of the other by
    filling masks in has grown at its end. All others are aligned by what they have in common.
    """
    grown = len(new) >= len(old)
    if grown and (
        len(new) == len(old) or all(a in (b, mask_id) for a, b in zip(old[start:], new[start:], strict=False))
    ):
        return [(start, len(old), start, len(new))]
    least = min(len(old), len(new))
    left = start
    while left < least and old[left] == new[left]:
        left += 1
    right = 0
    while right < least - left and old[-1 - right] == new[-1 - right]:
        right += 1
    a, b = old[left : len(old) - right], new[left : len(new) - right]
    spans = [(start, left, start, left)]
    if len(a) * len(b) <= MOST_COMPARED:
        codes = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
        spans += [(left + i, left + j, left + k, left + n) for _, i, j, k, n in codes]
    else:
        spans.append((left, left + len(a), left, left + len(b)))
    return [*spans, (len(old) - right, len(old), len(new) - right, len(new))]
