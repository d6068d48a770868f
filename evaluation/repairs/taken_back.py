"""What a run took back: tokens that were masked again, overwritten, or lost with a candidate that was not
chosen.

Of one row. Where candidates were open, only what happened to the one that was chosen counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from samplers.events import (
    BlockScored,
    CandidateChosen,
    CandidatesForked,
    Cell,
    Deleted,
    Drafted,
    Edited,
    Event,
    Finished,
    Inserted,
    PolicyScored,
    Remasked,
    Started,
    Unmasked,
)
from samplers.fold import Board, BoardRow

REMASKED, OVERWRITTEN, OUTVOTED = "re-masked", "overwritten", "outvoted"
WHOLE_BLOCKS, POLICY = "backmask", "ups"
"""Reasons of Remasked whose scores stand in events before it, of blocks and of cells."""


@dataclass
class Fall:
    """Tokens that were taken back at once. By position: old: these tokens; score: what was said of each, 1
    the best, None where nothing was; stood: every token that was decided just before; new: the tokens that
    came next. event: its number in the run."""

    event: int
    how: str
    old: dict[int, int]
    score: dict[int, float | None]
    stood: dict[int, int]
    new: dict[int, int] = field(default_factory=dict)


class TakenBack:
    """Sees a run of one row; `falls` in their order. ValueError: several rows, or cells that move."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.board, self.falls = Board(), list[Fall]()
        self._waiting: dict[int, list[Fall]] = {}  # position -> falls whose next token has not come
        self._of_blocks: dict[int, float] = {}  # position -> the latest score of its block
        self._of_cells: dict[int, float] = {}  # position -> the latest score of a policy
        self._of_candidates: list[dict[int, float]] = []
        self._winners = iter([event.winners[0] for event in events if isinstance(event, CandidateChosen)])
        self._own: int | None = 0  # the row that counts; None: no candidate is chosen
        for number, event in enumerate(events):
            self._see(number, event)
            self.board.apply(event)
        if not self.board.finished:
            raise ValueError("events end before Finished; allowed: a whole run")

    @property
    def final(self) -> list[int]:
        """The row's tokens at the end, prompt included."""
        return self.board.tokens[0]

    def _see(self, number: int, event: Event) -> None:
        if isinstance(event, Started) and len(event.tokens) != 1:
            raise ValueError(f"a run of {len(event.tokens)} rows; allowed: one")
        if isinstance(event, (Inserted, Deleted)):
            raise ValueError("cells of the run move; allowed: runs whose cells keep their places")
        if isinstance(event, (BlockScored, PolicyScored)):
            self._scored(event)
        elif isinstance(event, CandidatesForked):
            self._own = next(self._winners, None)
            self._of_candidates = [dict(self._of_blocks) for _ in range(event.k)]
        elif isinstance(event, CandidateChosen):
            self._chosen(number)
        elif isinstance(event, (Remasked, Edited)):
            self._fell(number, event)
        elif isinstance(event, (Unmasked, Drafted)):
            self._written(self._own_cells(event.cells))
        elif isinstance(event, Finished):
            self._waiting.clear()

    def _own_cells(self, cells: Sequence[Cell]) -> list[Cell]:
        return [cell for cell in cells if cell.row == self._own]

    def _scored(self, event: BlockScored | PolicyScored) -> None:
        span = range(*event.span)
        if isinstance(event, PolicyScored):
            if self._own is not None and event.scores[self._own]:
                self._of_cells = dict(zip(span, event.scores[self._own], strict=True))
            return
        kept = self._of_candidates if event.forked else [self._of_blocks]
        for known, score in zip(kept, event.scores, strict=True):
            if score is not None:
                known.update(dict.fromkeys(span, score))

    def _fell(self, number: int, event: Remasked | Edited) -> None:
        cells = self._own_cells(event.cells)
        if not cells or self._own is None:
            return
        row = self.board.rows[self._own]
        old = {cell.position: row.tokens[cell.position] for cell in cells}
        score: dict[int, float | None] = {cell.position: cell.confidence for cell in cells}
        how = REMASKED
        if isinstance(event, Edited):
            how, score = OVERWRITTEN, {cell.position: 1 - cell.confidence for cell in cells}
        elif event.reason in (WHOLE_BLOCKS, POLICY):
            known = self._of_blocks if event.reason == WHOLE_BLOCKS else self._of_cells
            score = {position: known.get(position) for position in old}
        self._add(Fall(number, how, old, score, _decided(row)))
        if isinstance(event, Edited):
            self._written(cells)

    def _add(self, fall: Fall) -> None:
        self.falls.append(fall)
        for position in fall.old:
            self._waiting.setdefault(position, []).append(fall)

    def _written(self, cells: Sequence[Cell]) -> None:
        for cell in cells:
            for fall in self._waiting.pop(cell.position, []):
                fall.new[cell.position] = cell.token

    def _chosen(self, number: int) -> None:
        """Candidates that lost are tokens taken back, for those of the winner."""
        if self._own is not None:
            rows = self.board.rows
            won = _decided(rows[self._own])
            for candidate, known in enumerate(self._of_candidates):
                stood = _decided(rows[candidate])
                old = {p: t for p, t in stood.items() if won.get(p, t) != t}
                if old:
                    score = {position: known.get(position) for position in old}
                    new = {position: won[position] for position in old}
                    self.falls.append(Fall(number, OUTVOTED, old, score, stood, new))
        self._own = 0


def _decided(row: BoardRow) -> dict[int, int]:
    return dict(_decided_cells(row))


def _decided_cells(row: BoardRow) -> Iterator[tuple[int, int]]:
    for position, (token, is_open) in enumerate(zip(row.tokens, row.undecided, strict=True)):
        if not is_open:
            yield position, token
