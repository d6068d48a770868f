"""Folding: rebuild the canvas from a stream of events, without the sampler or the network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from samplers.events import (
    CandidateChosen,
    CandidatesForked,
    Cell,
    Edited,
    Event,
    EventError,
    Finished,
    Remasked,
    Started,
    Unmasked,
)

MOST_CANDIDATES = 64
"""Of one row, as many as any sampler's settings allow: a trace that asks for more is no trace of ours."""


@dataclass
class Board:
    """The state after some events. `tokens`: the accepted rows (trunk); `candidates`: the rows of
    an open fork, `k` for each trunk row; `confidence`: of each committed cell of the trunk;
    `steps`: denoiser calls so far, one for each Unmasked event but the fill after an early stop."""

    mask_id: int = -1
    prompt_length: int = 0
    tokens: list[list[int]] = field(default_factory=list)
    confidence: list[list[float | None]] = field(default_factory=list)
    candidates: list[list[int]] | None = None
    candidate_confidence: list[list[float | None]] = field(default_factory=list)
    k: int = 1
    nfe: int = 0
    steps: int = 0
    finished: bool = False

    @property
    def rows(self) -> list[list[int]]:
        """The rows that events address now: candidates while forked, else the trunk."""
        return self.tokens if self.candidates is None else self.candidates

    def masks_left(self, row: int = 0) -> int:
        """Masks in the answer of a trunk row."""
        return self.tokens[row][self.prompt_length :].count(self.mask_id)

    def apply(self, event: Event) -> Board:
        """Fold one event in; EventError if it does not fit the state. Returns self."""
        self.nfe = event.nfe
        if isinstance(event, Started):
            self.tokens = [list(row) for row in event.tokens]
            self.confidence = [[None] * len(row) for row in event.tokens]
            self.mask_id, self.prompt_length = event.mask_id, event.prompt_length
        elif not self.tokens:
            raise EventError(f"{type(event).__name__} before Started; allowed: Started first")
        elif isinstance(event, (Unmasked, Edited)):
            self.steps += isinstance(event, Unmasked) and event.step >= 0
            for cell in event.cells:
                self._write(cell, cell.token, cell.confidence)
        elif isinstance(event, Remasked):
            for cell in event.cells:
                self._write(cell, self.mask_id, None)
        elif isinstance(event, CandidatesForked):
            if not 1 <= event.k <= MOST_CANDIDATES or event.rows != event.k * len(self.tokens):
                raise EventError(
                    f"a fork of {len(self.tokens)} rows into {event.k} candidates each, {event.rows} in all; "
                    f"allowed: 1 to {MOST_CANDIDATES} each"
                )
            self.k = event.k
            self.candidates = [list(row) for row in self.tokens for _ in range(event.k)]
            self.candidate_confidence = [list(row) for row in self.confidence for _ in range(event.k)]
        elif isinstance(event, CandidateChosen):
            self._choose(event)
        elif isinstance(event, Finished):
            self.finished = True
            if [list(row) for row in event.tokens] != self.tokens:
                raise EventError("Finished.tokens differ from the folded canvas; the trace is damaged")
        return self

    def _write(self, cell: Cell, token: int, confidence: float | None) -> None:
        rows = self.rows
        if not (0 <= cell.row < len(rows) and self.prompt_length <= cell.position < len(rows[0])):
            raise EventError(
                f"cell (row {cell.row}, position {cell.position}) is outside the canvas; allowed: "
                f"rows 0 to {len(rows) - 1}, positions {self.prompt_length} to {len(rows[0]) - 1}"
            )
        rows[cell.row][cell.position] = token
        confidences = self.confidence if self.candidates is None else self.candidate_confidence
        confidences[cell.row][cell.position] = confidence

    def _choose(self, event: CandidateChosen) -> None:
        if self.candidates is None or len(event.winners) != len(self.tokens):
            raise EventError("CandidateChosen without a fork of as many rows; the trace is damaged")
        for row, winner in enumerate(event.winners):
            if winner is not None:
                if not 0 <= winner < self.k:
                    raise EventError(f"winner = {winner}; allowed: 0 to {self.k - 1}")
                self.tokens[row] = self.candidates[row * self.k + winner]
                self.confidence[row] = self.candidate_confidence[row * self.k + winner]
        self.candidates, self.k = None, 1


def fold(events: Iterable[Event]) -> Board:
    """The state after all events."""
    board = Board()
    for event in events:
        board.apply(event)
    return board
