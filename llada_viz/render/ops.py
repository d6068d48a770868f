"""What an event changed in the row that is shown, cell by cell: the ops and drafts of a frame.

Ids are those of the board, counted from the first cell of the answer: while nothing is inserted or deleted a
cell's id is its position.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from models.text import cell_texts
from samplers.events import (
    CandidateChosen,
    Cells,
    Drafted,
    Edited,
    Event,
    Inserted,
    Remasked,
    Renoised,
    Started,
    Unmasked,
    Verified,
)
from samplers.fold import Board, BoardRow

Op = list[Any]
"""[id, text, confidence, state] of a cell that changed."""
Pieces = Sequence[bytes] | Mapping[int, bytes]
"""The bytes of a token, by its id."""

REMASK_STATES = {"backmask": "b", "ups": "u"}
LOST_TEXT = "burx"
"""States whose op has the text of the token that was dropped."""
NOISE = -1  # stands for noise where text is decoded: no token has this id


def unit(value: float) -> float | None:
    """A confidence or score for the page: in [0, 1], four digits after the point; None: not finite."""
    return round(min(max(value, 0.0), 1.0), 4) if math.isfinite(value) else None


def two_digits(value: float) -> str:
    """A confidence or score in a sentence, as the page's script writes it beside the board: a half goes up. A
    dash where it is not finite."""
    given = unit(value)
    return "–" if given is None else str(Decimal(given).quantize(Decimal("0.01"), ROUND_HALF_UP))


@dataclass(frozen=True)
class Seen:
    """The answer that is shown, after some event; lists by position."""

    ids: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    undecided: list[bool] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    confidence: list[float | None] = field(default_factory=list)
    waiting: frozenset[int] = frozenset()


def seen_now(board: Board, row: BoardRow, pieces: Pieces, before: Seen) -> Seen:
    """The row as it is now. before: as it was; its texts are taken over where nothing changed."""
    start = board.prompt_length
    ids = [cell - start for cell in row.ids[start:]]
    tokens, undecided = row.tokens[start:], row.undecided[start:]
    same = tokens == before.tokens and undecided == before.undecided
    texts = before.texts if same else _texts(pieces, tokens, undecided, board.mask_id)
    waiting = frozenset(cell - start for cell in row.waiting)
    return Seen(ids, tokens, undecided, texts, row.confidence[start:], waiting)


def _texts(pieces: Pieces, tokens: list[int], undecided: list[bool], mask_id: int | None) -> list[str]:
    """The text of each cell; noise is text by itself, and completes no characters of words beside it."""
    if mask_id is not None:
        return cell_texts(pieces, tokens, mask_id)
    opened = list(zip(tokens, undecided, strict=True))
    words = cell_texts(pieces, [NOISE if is_open else token for token, is_open in opened], NOISE)
    return [
        cell_texts(pieces, [token], None)[0] if is_open else word
        for (token, is_open), word in zip(opened, words, strict=True)
    ]


def ops_of(event: Event, before: Seen, now: Seen, board: Board, place: int) -> list[Op]:
    """The cells that an event changed, and those whose text did: a later token completed a character.

    board: after the event; place: the row of it that is shown.
    """
    states = dict(_states(event, before, now, board, place))
    chosen = isinstance(event, CandidateChosen)
    if not states and not chosen and now.texts is before.texts:
        return []
    positions = {cell: position for position, cell in enumerate(now.ids)}
    old_texts, old_values = _aligned(before, now)
    lost = _lost_confidence(event, before, board, place)
    ops: list[Op] = []
    for cell in sorted(states, key=positions.__getitem__):
        state, position = states[cell], positions[cell]
        # A re-masked cell shows the token that was dropped.
        text = old_texts[position] if state in LOST_TEXT else now.texts[position]
        ops.append([cell, text, _certainty(lost.get(cell, now.confidence[position])), state])
    for position, (old, text) in enumerate(zip(old_texts, now.texts, strict=True)):
        surer = chosen and now.confidence[position] != old_values[position]
        if (old != text or surer) and now.ids[position] not in states:
            value = _certainty(now.confidence[position]) if surer else None
            ops.append([now.ids[position], text, value, "t"])
    return ops


def _aligned(before: Seen, now: Seen) -> tuple[list[str], list[float | None]]:
    """The texts and confidences before the event, where their cells stand now."""
    if before.ids == now.ids:
        return before.texts, before.confidence
    texts = dict(zip(before.ids, before.texts, strict=True))
    confidence = dict(zip(before.ids, before.confidence, strict=True))
    return [texts.get(cell, "") for cell in now.ids], [confidence.get(cell) for cell in now.ids]


def _certainty(value: float | None) -> float | None:
    return None if value is None else unit(value) or 0.0


def _lost_confidence(event: Event, before: Seen, board: Board, place: int) -> dict[int, float]:
    """id -> confidence of the token that a cell lost."""
    gone: Cells = ()
    if isinstance(event, Remasked):
        gone = event.cells
    if isinstance(event, Verified):
        gone = event.rejected
    start = board.prompt_length
    return {before.ids[cell.position - start]: cell.confidence for cell in gone if cell.row == place}


def _states(event: Event, before: Seen, now: Seen, board: Board, place: int) -> Iterator[tuple[int, str]]:
    """(id, state) of the shown cells that the event changed."""
    opened = "m" if board.mask_id is not None else "n"
    if isinstance(event, Started):
        pinned = board.rows[place].pinned[board.prompt_length :]
        for cell, is_open, given in zip(now.ids, now.undecided, pinned, strict=True):
            yield cell, opened if is_open else "p" if given else "s"
    elif isinstance(event, Inserted):
        known = set(before.ids)
        for cell, is_open in zip(now.ids, now.undecided, strict=True):
            if cell not in known:
                yield cell, opened if is_open else "c"
    elif isinstance(event, CandidateChosen):
        yield from _chosen(before, now, board)
    else:
        for cells, state in _written(event, board):
            for written in cells:
                if written.row == place:
                    at = written.position - board.prompt_length
                    again = state == "z" and before.undecided[at]  # other noise
                    yield before.ids[at], "n" if again else state


def _written(event: Event, board: Board) -> Iterator[tuple[Cells, str]]:
    """Cells of an event that changes no order, with their state."""
    if isinstance(event, Unmasked):
        yield event.cells, "c"
    elif isinstance(event, Edited):
        yield event.cells, "e"
    elif isinstance(event, Remasked):
        yield event.cells, REMASK_STATES.get(event.reason, "r")
    elif isinstance(event, Renoised):
        yield event.cells, "z"
    elif isinstance(event, Drafted):
        yield event.cells, "d"
    elif isinstance(event, Verified):
        yield event.accepted, "v"
        yield event.rejected, "y" if board.mask_id is None else "x"


def _chosen(before: Seen, now: Seen, board: Board) -> Iterator[tuple[int, str]]:
    """The cells in which the candidate that goes on differs from the one that was shown."""
    old = dict(zip(before.ids, zip(before.tokens, before.undecided, strict=True), strict=True))
    for cell, token, is_open in zip(now.ids, now.tokens, now.undecided, strict=True):
        checked = (cell in now.waiting) == (cell in before.waiting)
        if old.get(cell) == (token, is_open) and checked:
            continue
        if is_open:
            still = old.get(cell, (0, True))[1]
            masks, noise = ("m", "n") if still else ("b", "z")
            yield cell, noise if board.mask_id is None else masks
        else:
            yield cell, "d" if cell in now.waiting else "c"
