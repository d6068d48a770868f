"""Folding: rebuild the canvas from a stream of events, without the sampler or the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

from samplers.events import (
    GRIDS,
    BlockScored,
    CandidateChosen,
    CandidatesForked,
    Cell,
    Cells,
    Deleted,
    Drafted,
    Edited,
    Event,
    EventError,
    Finished,
    Inserted,
    PolicyScored,
    Predicted,
    Remasked,
    Renoised,
    Started,
    Unmasked,
    Verified,
    WindowTriggered,
)

MOST_CANDIDATES = 64
"""Of one row, as many as any sampler's settings allow: a trace that asks for more is no trace of ours."""
MOST_CELLS = 1 << 20
"""On a board, prompts and candidates included."""
Draft = tuple[tuple[int, float], ...]
"""What the network would write in a cell: its likeliest tokens, each with its probability."""


@dataclass
class BoardRow:
    """One row of a board; lists by position, prompt and left padding included.

    confidence: of each committed cell, None elsewhere; ids: of the cells, each used for one cell only;
    undecided: the cell holds a mask or noise; pinned: it is given, and never changes; fresh_ids: where new
    ids come from, the same for all candidates of a row; begin: where the prompt begins, behind its padding;
    waiting: ids of drafted cells that were not verified yet; drafts: by id, of undecided cells.
    """

    tokens: list[int]
    confidence: list[float | None]
    ids: list[int]
    undecided: list[bool]
    pinned: list[bool]
    fresh_ids: count[int]
    begin: int = 0
    waiting: set[int] = field(default_factory=set)
    drafts: dict[int, Draft] = field(default_factory=dict)

    def copy(self) -> BoardRow:
        """A candidate of this row: the same cells, with the same ids."""
        return BoardRow(
            self.tokens[:], self.confidence[:], self.ids[:], self.undecided[:], self.pinned[:],
            self.fresh_ids, self.begin, set(self.waiting), dict(self.drafts),
        )  # fmt: skip

    def write(self, position: int, token: int, confidence: float | None, undecided: bool) -> None:
        """Another token in a cell; its draft is over."""
        self.tokens[position] = token
        self.confidence[position] = confidence
        self.undecided[position] = undecided
        self.drafts.pop(self.ids[position], None)

    def insert(self, cells: Sequence[Cell], undecided: Sequence[bool]) -> None:
        """New cells, each before the position that it names."""
        before: dict[int, list[tuple[int, float, bool]]] = {}
        for cell, is_open in zip(cells, undecided, strict=True):
            before.setdefault(cell.position, []).append((cell.token, cell.confidence, is_open))
        for position in sorted(before, reverse=True):
            here, place = before[position], slice(position, position)
            self.tokens[place] = [token for token, _, _ in here]
            self.confidence[place] = [None if is_open else sure for _, sure, is_open in here]
            self.undecided[place] = [is_open for _, _, is_open in here]
            self.pinned[place] = [False] * len(here)
            self.ids[place] = [-1] * len(here)
        # Ids in the order of the event, from left to right.
        for position, known in enumerate(self.ids):
            if known < 0:
                self.ids[position] = next(self.fresh_ids)

    def delete(self, positions: Sequence[int]) -> None:
        """Cells that are gone."""
        for position in sorted(positions, reverse=True):
            gone = self.ids.pop(position)
            self.waiting.discard(gone)
            self.drafts.pop(gone, None)
            for values in (self.tokens, self.confidence, self.undecided, self.pinned):
                del values[position]


@dataclass
class Board:
    """The state after some events. `trunk`: the accepted rows; `candidates`: the rows of an open fork, `k`
    for each trunk row; `mask_id`: None under uniform noise; `steps`: denoiser calls so far, one for each
    Unmasked event but the fill after an early stop."""

    mask_id: int | None = -1
    prompt_length: int = 0
    grid: str = "answer"
    trunk: list[BoardRow] = field(default_factory=list)
    candidates: list[BoardRow] | None = None
    k: int = 1
    nfe: int = 0
    forwards: int = 0
    steps: int = 0
    finished: bool = False

    @property
    def tokens(self) -> list[list[int]]:
        """The tokens of the accepted rows."""
        return [row.tokens for row in self.trunk]

    @property
    def confidence(self) -> list[list[float | None]]:
        """The confidence of the accepted rows' cells."""
        return [row.confidence for row in self.trunk]

    @property
    def rows(self) -> list[BoardRow]:
        """The rows that events address now: candidates while forked, else the trunk."""
        return self.trunk if self.candidates is None else self.candidates

    def first_block(self, row: int, block_length: int) -> int:
        """Where block 0 of a trunk row begins: see Canvas.first_block."""
        begin = self.trunk[row].begin
        shared = (self.prompt_length - begin) % block_length if self.grid == "absolute" else 0
        return self.prompt_length - shared

    def masks_left(self, row: int = 0) -> int:
        """Undecided cells of a trunk row."""
        return sum(self.trunk[row].undecided)

    def apply(self, event: Event) -> Board:
        """Fold one event in; EventError if it does not fit the state. Returns self."""
        self.nfe, self.forwards = event.nfe, event.forwards
        if isinstance(event, Started):
            self._start(event)
        elif not self.trunk:
            raise EventError(f"{type(event).__name__} before Started; allowed: Started first")
        elif self.finished:
            raise EventError(f"{type(event).__name__} behind Finished; allowed: Finished last")
        elif isinstance(event, Unmasked):
            self.steps += event.step >= 0
            self._write(event.cells, undecided=False)
        elif isinstance(event, (Edited, Renoised)):
            self._write(event.cells, undecided=isinstance(event, Renoised))
        elif isinstance(event, Remasked):
            self._back_to_masks(event.cells)
        elif isinstance(event, Predicted):
            self._predict(event.cells)
        elif isinstance(event, Inserted):
            self._insert(event)
        elif isinstance(event, Deleted):
            self._delete(event.cells)
        elif isinstance(event, Drafted):
            self._draft(event.cells)
        elif isinstance(event, Verified):
            self._verify(event)
        elif isinstance(event, CandidatesForked):
            self._fork(event)
        elif isinstance(event, CandidateChosen):
            self._choose(event)
        elif isinstance(event, Finished):
            self._finish(event)
        elif isinstance(event, (PolicyScored, BlockScored, WindowTriggered)):
            self._check_span(event)
        return self

    # ---- whole rows --------------------------------------------------------------------------

    def _start(self, event: Started) -> None:
        self.mask_id, self.prompt_length, self.grid = event.mask_id, event.prompt_length, event.grid
        self.candidates, self.k = None, 1
        self.trunk, self.finished = [], False
        self._check_size(sum(map(len, event.tokens)))
        if event.grid not in GRIDS:
            raise EventError(f"grid = {event.grid[:20]!r}; allowed: {', '.join(GRIDS)}")
        if event.noise and event.mask_id is not None:
            raise EventError("Started has both mask_id and noise; allowed: one of them")
        given = ("noise",) * (event.mask_id is None) + ("pinned",) * bool(event.pinned)
        for name in ("attention_mask", *given):
            if [len(row) for row in getattr(event, name)] != [len(row) for row in event.tokens]:
                raise EventError(f"Started.{name} is not as long as its tokens")
        shortest = min(map(len, event.tokens), default=0)
        if not 0 <= event.prompt_length <= shortest:
            raise EventError(f"prompt_length = {event.prompt_length}; allowed: 0 to {shortest}")
        for number, tokens in enumerate(event.tokens):
            empty = event.noise[number] if event.mask_id is None else [t == event.mask_id for t in tokens]
            stays = event.pinned[number] if event.pinned else [not is_empty for is_empty in empty]
            pinned = [i < event.prompt_length or is_pinned for i, is_pinned in enumerate(stays)]
            undecided = [
                is_empty and not is_pinned for is_empty, is_pinned in zip(empty, pinned, strict=True)
            ]
            self.trunk.append(BoardRow(
                list(tokens), [None] * len(tokens), list(range(len(tokens))), undecided, pinned,
                count(len(tokens)), event.attention_mask[number][: event.prompt_length].count(False),
            ))  # fmt: skip

    def _fork(self, event: CandidatesForked) -> None:
        if self.candidates is not None:
            raise EventError("CandidatesForked while a fork is open; allowed: CandidateChosen first")
        if not 1 <= event.k <= MOST_CANDIDATES or event.rows != event.k * len(self.trunk):
            raise EventError(
                f"a fork of {len(self.trunk)} rows into {event.k} candidates each, {event.rows} in all; "
                f"allowed: 1 to {MOST_CANDIDATES} each"
            )
        self._check_size((event.k + 1) * sum(len(row.tokens) for row in self.trunk))
        self.k = event.k
        self.candidates = [row.copy() for row in self.trunk for _ in range(event.k)]

    def _choose(self, event: CandidateChosen) -> None:
        if self.candidates is None or len(event.winners) != len(self.trunk):
            raise EventError("CandidateChosen without a fork of as many rows; the trace is damaged")
        for row, winner in enumerate(event.winners):
            if winner is not None:
                if not 0 <= winner < self.k:
                    raise EventError(f"winner = {winner}; allowed: 0 to {self.k - 1}")
                self.trunk[row] = self.candidates[row * self.k + winner]
        self.candidates, self.k = None, 1

    def _finish(self, event: Finished) -> None:
        self.finished = True
        if self.candidates is not None:
            raise EventError("Finished while a fork is open; allowed: CandidateChosen first")
        if [list(row) for row in event.tokens] != self.tokens:
            raise EventError("Finished.tokens differ from the folded canvas; the trace is damaged")
        if any(row.waiting for row in self.trunk):
            raise EventError("Finished while drafted cells wait for Verified; the trace is damaged")

    def _check_span(self, event: PolicyScored | BlockScored | WindowTriggered) -> None:
        (start, stop), longest = event.span, max(len(row.tokens) for row in self.rows)
        if not 0 <= start <= stop <= longest:
            raise EventError(f"span = {start} to {stop} is outside the canvas; allowed: 0 to {longest}")
        if isinstance(event, WindowTriggered) and not 0 <= event.row < len(self.rows):
            raise EventError(f"row = {event.row}; allowed: 0 to {len(self.rows) - 1}")

    def _check_size(self, cells: int) -> None:
        if cells > MOST_CELLS:
            raise EventError(f"a canvas of {cells:,} cells; allowed: at most {MOST_CELLS:,}")

    # ---- cells -------------------------------------------------------------------------------

    def _row(self, cell: Cell, over: int = 0) -> BoardRow:
        """The row of a cell of the answer. over: 1 where the position may be the row's end."""
        rows, place = self.rows, f"cell (row {cell.row}, position {cell.position})"
        if not 0 <= cell.row < len(rows):
            raise EventError(f"{place} is outside the canvas; allowed: rows 0 to {len(rows) - 1}")
        row = rows[cell.row]
        if not self.prompt_length <= cell.position < len(row.tokens) + over:
            allowed = f"positions {self.prompt_length} to {len(row.tokens) + over - 1}"
            raise EventError(f"{place} is outside the canvas; allowed: {allowed}")
        if not over and row.pinned[cell.position]:
            raise EventError(f"{place} is pinned")
        return row

    def _write(self, cells: Cells, undecided: bool) -> None:
        if undecided and self.mask_id is not None:
            raise EventError("Renoised on a canvas with masks; allowed: under uniform noise")
        for cell in cells:
            confidence = None if undecided else cell.confidence
            self._row(cell).write(cell.position, cell.token, confidence, undecided)

    def _back_to_masks(self, cells: Cells) -> None:
        if self.mask_id is None and cells:
            raise EventError("Remasked under uniform noise; allowed: on a canvas with masks")
        for cell in cells:
            self._row(cell).write(cell.position, self.mask_id or 0, None, True)

    def _predict(self, cells: Cells) -> None:
        drafts: dict[tuple[int, int], list[tuple[int, float]]] = {}
        for cell in cells:
            drafts.setdefault((cell.row, cell.position), []).append((cell.token, cell.confidence))
            row = self._row(cell)
            if not row.undecided[cell.position]:
                raise EventError(f"Predicted for position {cell.position}, which is decided")
        for (number, position), likeliest in drafts.items():
            row = self.rows[number]
            row.drafts[row.ids[position]] = tuple(likeliest)

    def _insert(self, event: Inserted) -> None:
        if event.noise and self.mask_id is not None:
            raise EventError("Inserted noise on a canvas with masks; allowed: under uniform noise")
        self._check_size(sum(len(row.tokens) for row in self.rows) + len(event.cells))
        for cells in _by_row(event.cells).values():
            rows = [self._row(cell, over=1) for cell in cells]
            rows[0].insert(cells, [event.noise or cell.token == self.mask_id for cell in cells])

    def _delete(self, cells: Cells) -> None:
        for number, gone in _by_row(cells).items():
            positions = [cell.position for cell in gone]
            rows = [self._row(cell) for cell in gone]
            if twice := [p for p, times in Counter(positions).items() if times > 1]:
                raise EventError(f"Deleted names position {twice[0]} of row {number} twice; allowed: once")
            rows[0].delete(positions)

    def _draft(self, cells: Cells) -> None:
        for cell in cells:
            row = self._row(cell)
            if not row.undecided[cell.position]:
                raise EventError(f"Drafted for position {cell.position}, which is decided")
            row.write(cell.position, cell.token, cell.confidence, False)
            row.waiting.add(row.ids[cell.position])

    def _verify(self, event: Verified) -> None:
        for cell, stands in [(c, True) for c in event.accepted] + [(c, False) for c in event.rejected]:
            row = self._row(cell)
            if row.ids[cell.position] not in row.waiting:
                raise EventError(f"Verified names position {cell.position}, which was not drafted")
            row.waiting.remove(row.ids[cell.position])
            if stands:
                row.confidence[cell.position] = cell.confidence
            else:
                token = cell.token if self.mask_id is None else self.mask_id
                row.write(cell.position, token, None, True)


def _by_row(cells: Cells) -> dict[int, list[Cell]]:
    rows: dict[int, list[Cell]] = {}
    for cell in cells:
        rows.setdefault(cell.row, []).append(cell)
    return rows


def fold(events: Iterable[Event]) -> Board:
    """The state after all events."""
    board = Board()
    for event in events:
        board.apply(event)
    return board
