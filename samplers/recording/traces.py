"""Traces: a recorded run as lines of JSON, a header, then one event a line. Trace files are hostile input.

    {"format": "llada-viz-trace", "schema": 3, "model": name, "pieces": {id: hex bytes, …}, "events": count}
    {"kind": "Started", "nfe": 0, "forwards": 0, "block": -1, "forked": false, "tokens": [[…]], …}
    {"kind": "Predicted", "nfe": 1, …, "cells": [[row, position, token, confidence], …]}
    …

docs/traces.md describes every field. A large file is compressed with gzip, whatever its name
(trace_files). The cells are written out, one after the other: 1,024 steps over 512 cells with one
random draft a mask take 3.0 MB, 0.9 of them the text of the tokens (docs/decisions/024-traces.md).

`open_trace` reads an event at a time, each checked when it comes; `read_trace` reads all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from models.whole_file import write_whole_bytes
from samplers.events import SCHEMA, Event, EventError, Started, from_json, to_json
from samplers.fold import Board
from samplers.recording.trace_checks import Checks, check_header, json_value
from samplers.recording.trace_files import LIMITS, Limits, TraceError, packed, read_lines, too_much
from samplers.recording.upgrade import upgraded

__all__ = [
    "LIMITS",
    "Limits",
    "Trace",
    "TraceError",
    "TraceReader",
    "open_trace",
    "read_trace",
    "write_trace",
]

FORMAT = "llada-viz-trace"
FOREIGN = "This is not a trace saved by LLaDA Viz"


@dataclass(frozen=True)
class Trace:
    """A run: its events, and pieces, the bytes of the tokens it uses: it can be read without a tokenizer."""

    events: tuple[Event, ...]
    pieces: Mapping[int, bytes]
    model: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        first = self.events[0]
        assert isinstance(first, Started)
        return first.settings


def used_tokens(events: Iterable[Event]) -> set[int]:
    """Every token that occurs in the events."""
    used: set[int] = set()
    for event in events:
        for row in getattr(event, "tokens", ()):
            used.update(row)
        for name in ("cells", "accepted", "rejected"):
            used.update(cell.token for cell in getattr(event, name, ()))
    return used


def used_pieces(events: Iterable[Event], pieces: Sequence[bytes]) -> dict[int, bytes]:
    """The bytes of every token that occurs in the events."""
    return {i: pieces[i] for i in sorted(used_tokens(events)) if 0 <= i < len(pieces)}


# ---- writing ---------------------------------------------------------------------------------


def trace_lines(trace: Trace | TraceReader) -> Iterator[str]:
    """The lines of the file, one after the other. TraceError: over LIMITS, or numbers that are not allowed;
    whether the events fold is not asked here."""
    count = trace.count if isinstance(trace, TraceReader) else len(trace.events)
    header = {
        "format": FORMAT,
        "schema": SCHEMA,
        "model": trace.model,
        "pieces": {str(i): piece.hex() for i, piece in trace.pieces.items()},
        "events": count,
    }
    check_header(header, LIMITS)
    checks, size = Checks(LIMITS, count), 0
    events = trace if isinstance(trace, TraceReader) else trace.events
    for number, value in enumerate(chain([header], events), 1):
        if isinstance(value, Event):
            checks.event(value, number)
            value = to_json(value)
        try:
            line = json.dumps(value, separators=(",", ":"), allow_nan=False)
        except ValueError as error:
            raise TraceError(f"line {number} of the trace cannot be written: {error}") from None
        size += len(line) + 1
        if len(line) > LIMITS.line:
            raise too_much(f"line {number} of the trace has {len(line):,} bytes", LIMITS.line)
        if size > LIMITS.unpacked:
            raise too_much(f"trace has more than {LIMITS.unpacked >> 20} MB, unpacked", LIMITS.unpacked)
        yield line


def dump_trace(trace: Trace) -> str:
    """The whole file as text, not compressed."""
    return "".join(line + "\n" for line in trace_lines(trace))


def pack_trace(trace: Trace) -> bytes:
    """The whole file as `write_trace` writes it: compressed when it is large."""
    return b"".join(packed(trace_lines(trace)))


def write_trace(path: Path | str, trace: Trace) -> None:
    """Write the trace, compressed when it is large or its name ends in .gz; an existing file is replaced only
    once the new one is whole. TraceError: more than `LIMITS`."""
    path = Path(path)
    write_whole_bytes(path, packed(trace_lines(trace), always=path.suffix == ".gz"))


# ---- reading ---------------------------------------------------------------------------------


class TraceReader:
    """A trace that is read while one goes through its events, once: `for event in reader`.

    model, pieces, schema: of the header (events of older schemas come as today's); count: how many events the
    file says it has; board: all events that came so far, folded. Each event is checked before it is given; at
    the end, that the file has no more and no less. TraceError, in any of these places, says what is wrong.
    """

    def __init__(self, file: BinaryIO, limits: Limits = LIMITS) -> None:
        self.board = Board()
        self._file = file
        self._lines = read_lines(file, limits)
        line = next(self._lines, b"")
        try:
            header = json_value(line)
        except ValueError:
            raise TraceError(FOREIGN) from None
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise TraceError(FOREIGN)
        self.schema, self.count, self.model, self.pieces = check_header(header, limits)
        self._checks = Checks(limits, self.count)
        self._events = self._checked()

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _checked(self) -> Iterator[Event]:
        events = self._parsed()
        for number, event in enumerate(upgraded(events, self.schema) if self.schema < SCHEMA else events, 2):
            try:
                self.board.apply(event)
            except EventError as error:
                raise TraceError(f"line {number} of the trace does not fold: {error}") from None
            self._checks.board(self.board, event)
            yield event

    def _parsed(self) -> Iterator[Event]:
        number = 1
        for number, line in enumerate(self._lines, 2):
            if number > self.count + 1:
                raise TraceError(
                    f"trace goes on behind its {self.count:,} events; allowed: no more than these"
                )
            event = _event(line, number, self._checks)
            self._checks.event(event, number)
            yield event
        if number - 1 != self.count:
            raise TraceError(
                f"trace holds {number - 1:,} events of {self.count:,}: it is cut short or damaged"
            )


def _event(line: bytes, number: int, checks: Checks) -> Event:
    checks.line(line, number)
    try:
        data = json_value(line)
    except ValueError:
        raise TraceError(f"line {number} of the trace is not JSON: it is cut short or damaged") from None
    checks.data(data, number)
    try:
        return from_json(data)
    except EventError as error:
        raise TraceError(f"line {number} of the trace: {error}") from None
    except RecursionError:
        raise TraceError(f"line {number} of the trace is deeper than any event") from None


def open_trace(source: Path | str | bytes, limits: Limits = LIMITS) -> TraceReader:
    """Open a trace (a path, or the file's bytes) as a stream; its header is read and checked.

    with open_trace("run.jsonl.gz") as reader:
        for event in reader: ...
    """
    if isinstance(source, bytes):
        return TraceReader(BytesIO(source), limits)
    path = Path(source)
    if not path.is_file():
        raise TraceError(f"trace = {path.name!r} does not exist; allowed: a trace file")
    file = path.open("rb")
    try:
        return TraceReader(file, limits)
    except BaseException:
        file.close()
        raise


def read_trace(source: Path | str | bytes, limits: Limits = LIMITS) -> Trace:
    """Read and check a whole trace (a path, or the file's bytes); TraceError if it is not whole."""
    with open_trace(source, limits) as reader:
        return Trace(tuple(reader), reader.pieces, reader.model)
