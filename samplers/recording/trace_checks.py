"""What is checked of a trace beside what the fold checks: sizes before anything is built, numbers, order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite
from typing import Any

from samplers.events import (
    SCHEMA,
    Branched,
    CandidateChosen,
    CandidatesForked,
    Cells,
    Deleted,
    Event,
    Finished,
    Inserted,
    Started,
)
from samplers.fold import Board
from samplers.recording.trace_files import Limits, TraceError, too_much

MOST_TOKEN = 1 << 31
MOST_DIGITS = 20
"""Of a whole number: seeds have 64 bits."""
SLACK = 1 << 12
"""Brackets of a line beside those of its cells: rows, settings, brackets in a text."""
GRIDS = ("tokens", "attention_mask", "noise", "pinned")


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text[:20]} is no number")
    return value


def _constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(parse_int=_whole, parse_float=_finite, parse_constant=_constant)


def json_value(line: bytes) -> Any:
    """One line's value. ValueError: it is no JSON, too deep, or holds NaN, infinities or huge numbers."""
    try:
        return _DECODER.decode(line.decode())
    except RecursionError:
        raise ValueError("too deep") from None


def check_header(header: dict[str, Any], limits: Limits) -> tuple[int, int, str, dict[int, bytes]]:
    """Schema, number of events, model and pieces of a header; TraceError where one is not allowed."""
    schema, events, model = header.get("schema"), header.get("events"), header.get("model", "")
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        raise TraceError(
            f"This trace has schema {str(schema)[:20]}, of another version of LLaDA Viz. This one reads "
            f"schemas 1 to {SCHEMA}: save the run again, or use the version that wrote it"
        )
    if type(events) is not int or not 1 <= events <= limits.events:
        raise TraceError(f"trace says it has {str(events)[:20]!r} events; allowed: 1 to {limits.events:,}")
    if not isinstance(model, str) or len(model) > limits.model or not _is_text(model):
        raise TraceError(f"model of the trace is not a text; allowed: at most {limits.model:,} characters")
    return schema, events, model, _pieces(header.get("pieces"), limits)


def _pieces(data: Any, limits: Limits) -> dict[int, bytes]:
    if isinstance(data, dict) and len(data) > limits.pieces:
        raise too_much(f"trace has pieces of {len(data):,} tokens", limits.pieces)
    try:
        pieces = {int(i): bytes.fromhex(piece) for i, piece in data.items()}
    except (AttributeError, TypeError, ValueError):
        raise TraceError("pieces of the trace cannot be read; allowed: {id: hex bytes}") from None
    if (longest := max(map(len, pieces.values()), default=0)) > limits.piece:
        raise too_much(f"trace has a piece of {longest:,} bytes", limits.piece)
    return pieces


def _is_text(text: str) -> bool:
    """Whether UTF-8 can write it: JSON can say halves of a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Checks:
    """Counts one trace against its limits, event by event."""

    def __init__(self, limits: Limits, count: int) -> None:
        self.limits, self.count = limits, count
        self.cells = self.work = 0
        self.started = self.finished = False

    def line(self, line: bytes, number: int) -> None:
        """Before it is parsed: every cell has a bracket."""
        most = self.limits.event_cells
        if line.count(b"[") + line.count(b"{") > most + SLACK:
            raise too_much(f"line {number} of the trace holds more than {most:,} cells", most)

    def data(self, data: Any, number: int) -> None:
        """Before an event is built: a canvas of rows that are too many or too long."""
        for name in GRIDS if isinstance(data, dict) else ():
            rows = data.get(name)
            if isinstance(rows, list) and all(isinstance(row, list) for row in rows):
                self._canvas([len(row) for row in rows], f"{name} of line {number} of the trace")

    def _canvas(self, lengths: list[int], what: str) -> None:
        if len(lengths) > self.limits.rows:
            raise too_much(f"{what}: a canvas of {len(lengths):,} rows", self.limits.rows)
        if sum(lengths) > self.limits.cells:
            raise too_much(f"{what}: a canvas of {sum(lengths):,} cells", self.limits.cells)
        if max(lengths, default=0) > self.limits.length:
            raise too_much(f"{what}: a row of {max(lengths):,} cells", self.limits.length)

    def event(self, event: Event, number: int) -> None:
        """Order, shape, numbers and count of cells."""
        where = f"line {number} of the trace"
        if isinstance(event, Started) is self.started or self.finished:
            raise TraceError(
                f"{where}: {type(event).__name__} at a wrong place; allowed: Started first, Finished last"
            )
        self.started, self.finished = True, isinstance(event, Finished)
        if isinstance(event, Started):
            self._start(event, where)
        if isinstance(event, (Started, Branched)):
            self._settings(event.settings, where)
        for cells in _cells(event):
            self.cells += len(cells)
            if len(cells) > self.limits.event_cells:
                raise too_much(f"{where}: {len(cells):,} cells in one event", self.limits.event_cells)
            for _, position, token, confidence in cells:
                if not (0 <= token < MOST_TOKEN and 0 <= confidence <= 1):
                    raise TraceError(
                        f"{where}: token {token} with confidence {confidence:.4g} at position {position}; "
                        f"allowed: 0 to {MOST_TOKEN - 1:,}, and 0 to 1"
                    )
        if self.cells > self.limits.all_cells:
            raise too_much(f"{where}: {self.cells:,} cells in all events up to it", self.limits.all_cells)

    def _start(self, event: Started, where: str) -> None:
        lengths = [len(row) for row in event.tokens]
        self._canvas(lengths, where)
        if self.count * sum(lengths) > self.limits.boards:
            what = f"trace has {self.count:,} events over {sum(lengths):,} cells"
            raise TraceError(f"{what}; allowed: at most {self.limits.boards:,}, multiplied")
        if not lengths or lengths != [len(row) for row in event.attention_mask]:
            raise TraceError("Started of the trace has an attention_mask of another shape than its tokens")
        if not 0 <= event.prompt_length <= min(lengths):
            raise TraceError(
                f"prompt_length = {event.prompt_length} of the trace; allowed: 0 to {min(lengths)}"
            )
        if not all(0 <= token < MOST_TOKEN for row in event.tokens for token in row):
            raise TraceError(f"{where}: a token out of range; allowed: 0 to {MOST_TOKEN - 1:,}")

    def _settings(self, settings: dict[str, Any], where: str) -> None:
        if _depth(settings, self.limits.depth) > self.limits.depth:
            raise too_much(f"{where}: settings deeper than {self.limits.depth} levels", self.limits.depth)
        if not _is_text(json.dumps(settings, ensure_ascii=False, default=str)):
            raise TraceError(f"{where}: settings hold half a character; allowed: text that UTF-8 can write")

    def board(self, board: Board, event: Event) -> None:
        """After an event was folded: rows that grew, and the work it took."""
        if isinstance(event, (Inserted, Deleted, CandidatesForked, CandidateChosen)):
            self._canvas([len(row.tokens) for row in board.trunk], "trace grows")
            self.work += sum(len(row.tokens) + 1 for row in board.rows)
            if self.work > self.limits.work:
                raise too_much(f"trace moves more than {self.limits.work:,} cells", self.limits.work)


def _cells(event: Event) -> Iterator[Cells]:
    for name in ("cells", "accepted", "rejected"):
        if cells := getattr(event, name, ()):
            yield cells


def _depth(value: Any, most: int) -> int:
    """How many dicts and lists stand in each other; most + 1: more than that."""
    level, depth = [value], 0
    while level and depth <= most:
        level = [inner for outer in level if isinstance(outer, (dict, list, tuple))
                 for inner in (outer.values() if isinstance(outer, dict) else outer)]  # fmt: skip
        depth += 1
    return depth
