"""What happened to the cells of each row of the trunk, kept from a stream of events for its measures."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from samplers.events import (
    CandidateChosen,
    CandidatesForked,
    Cells,
    Drafted,
    Edited,
    Event,
    EventError,
    Inserted,
    Predicted,
    Started,
    Unmasked,
)
from samplers.fold import Board, BoardRow

UNASKED = -1
"""The forward of a cell that no forward decided: after an early stop it became the end of the text."""


class Write(NamedTuple):
    """A cell got a token. forward: passes of the network until then, UNASKED where none was made for it; id:
    of the cell (see samplers.fold)."""

    forward: int
    id: int
    token: int
    confidence: float


class Guess(NamedTuple):
    """A likely token of an undecided cell. place: in the answer, from 0; of several guesses of one cell and
    forward the likeliest stands first."""

    forward: int
    id: int
    place: int
    token: int
    probability: float


class FullDraft(NamedTuple):
    """The answer as it would have ended after a forward: tokens up to the first end of the text."""

    forward: int
    tokens: tuple[int, ...]


@dataclass
class RowLog:
    """One row, or one candidate of it since its fork, in the order of events."""

    writes: list[Write] = field(default_factory=list)
    guesses: list[Guess] = field(default_factory=list)
    drafts: list[FullDraft] = field(default_factory=list)

    def extend(self, later: RowLog) -> None:
        """Go on with the candidate that was chosen."""
        self.writes += later.writes
        self.guesses += later.guesses
        self.drafts += later.drafts


class Recorder:
    """Sees events one after the other; `logs` are those of the trunk's rows. Time and memory grow with the
    cells that the events name and, where full drafts are kept, with those of the answers.

    ends: tokens that end a text; full_drafts: keep the answer as it would have ended after each Predicted,
    and after each Edited of a row that is decided. What rejected candidates did is dropped: a row has the
    history of the candidates that won.
    """

    def __init__(self, ends: Collection[int] = (), full_drafts: bool = False) -> None:
        self.ends, self.full_drafts = frozenset(ends), full_drafts
        self.board = Board()
        self.logs: list[RowLog] = []
        self.first_forward = 0
        self.unsure = False  # the run holds no probabilities
        self._candidates: list[RowLog] | None = None

    def see(self, event: Event) -> Board:
        """Fold an event in and keep what it says; the board after it. EventError: it does not fit."""
        board = self.board.apply(event)
        kind = type(event)
        if kind is Unmasked or kind is Edited or kind is Drafted:
            self._written(event)
        elif kind is Predicted:
            self._predicted(event)
        elif kind is Inserted:
            self._inserted(event)
        elif kind is CandidatesForked:
            self._candidates = [RowLog() for _ in board.rows]
        elif kind is CandidateChosen:
            self._chosen(event)
        elif not self.logs:
            self.logs = [RowLog() for _ in board.trunk]
            self.first_forward = event.forwards
            self.unsure = isinstance(event, Started) and event.settings.get("confidence") == "unknown"
        return board

    @property
    def _open_logs(self) -> list[RowLog]:
        return self.logs if self._candidates is None else self._candidates

    def _written(self, event: Event) -> None:
        cells: Cells = event.cells  # type: ignore[attr-defined]
        logs, rows = self._open_logs, self.board.rows
        asked = not (isinstance(event, Unmasked) and event.step < 0)
        forward = event.forwards - self.first_forward if asked else UNASKED
        for row, position, token, confidence in cells:
            logs[row].writes.append(Write(forward, rows[row].ids[position], token, confidence))
        if self.full_drafts and type(event) is Edited:
            for row in {cell.row for cell in cells}:
                if not any(rows[row].undecided):
                    self._keep_draft(row, forward)

    def _predicted(self, event: Event) -> None:
        cells: Cells = event.cells  # type: ignore[attr-defined]
        logs, rows = self._open_logs, self.board.rows
        forward, start = event.forwards - self.first_forward, self.board.prompt_length
        for row, position, token, probability in cells:
            guess = Guess(forward, rows[row].ids[position], position - start, token, probability)
            logs[row].guesses.append(guess)
        if self.full_drafts:
            for row in {cell.row for cell in cells}:
                self._keep_draft(row, forward)

    def _inserted(self, event: Event) -> None:
        cells: Cells = event.cells  # type: ignore[attr-defined]
        logs, rows, forward = self._open_logs, self.board.rows, event.forwards - self.first_forward
        before: dict[int, int] = {}  # row -> cells that were put in further left
        for row, position, token, confidence in sorted(cells, key=lambda cell: cell.position):
            now = position + before.get(row, 0)
            before[row] = before.get(row, 0) + 1
            if not rows[row].undecided[now]:
                logs[row].writes.append(Write(forward, rows[row].ids[now], token, confidence))

    def _chosen(self, event: Event) -> None:
        winners: tuple[int | None, ...] = event.winners  # type: ignore[attr-defined]
        assert self._candidates is not None
        k = len(self._candidates) // len(self.logs)
        for row, winner in enumerate(winners):
            if winner is not None:
                self.logs[row].extend(self._candidates[row * k + winner])
        self._candidates = None

    def _keep_draft(self, row: int, forward: int) -> None:
        tokens = draft_of(self.board.rows[row], self.board.prompt_length, self.ends)
        if tokens is not None:
            self._open_logs[row].drafts.append(FullDraft(forward, tokens))


def draft_of(row: BoardRow, start: int, ends: Collection[int]) -> tuple[int, ...] | None:
    """The answer, from position `start` to the first of `ends`: decided tokens, and drafts where there are
    none. None: a cell of it has neither."""
    tokens: list[int] = []
    drafts = row.drafts
    for position in range(start, len(row.tokens)):
        token = row.tokens[position]
        if row.undecided[position]:
            draft = drafts.get(row.ids[position])
            if draft is None:
                return None
            token = draft[0][0]
        if token in ends:
            break
        tokens.append(token)
    return tuple(tokens)


def recorded(events: Iterable[Event], ends: Collection[int] = (), full_drafts: bool = False) -> Recorder:
    """All of a run, or what there is of one that was stopped."""
    recorder = Recorder(ends, full_drafts)
    for event in events:
        recorder.see(event)
    if not recorder.logs:
        raise EventError("no events to measure; allowed: a run, from Started on")
    return recorder
