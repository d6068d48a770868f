"""Traces: a recorded run as JSON lines, a header first. Trace files are hostile input."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.whole_file import write_whole
from samplers.events import SCHEMA, Event, EventError, Started, from_json, to_json
from samplers.fold import Board, fold
from samplers.upgrade import upgraded

FORMAT = "llada-viz-trace"
FOREIGN = "This is not a trace saved by LLaDA Viz"
MAX_BYTES = 64 * 2**20


class TraceError(ValueError):
    """A file that is not a whole trace; the message says what is wrong and where."""


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


def used_pieces(events: Iterable[Event], pieces: Sequence[bytes]) -> dict[int, bytes]:
    """The bytes of every token that occurs in the events."""
    used: set[int] = set()
    for event in events:
        for row in getattr(event, "tokens", ()):
            used.update(row)
        used.update(cell.token for cell in getattr(event, "cells", ()))
    return {i: pieces[i] for i in sorted(used) if 0 <= i < len(pieces)}


def dump_trace(trace: Trace) -> str:
    """The whole file as text."""
    header = {
        "format": FORMAT,
        "schema": SCHEMA,
        "model": trace.model,
        "pieces": {str(i): piece.hex() for i, piece in trace.pieces.items()},
        "events": len(trace.events),
    }
    lines = [json.dumps(header), *(json.dumps(to_json(e)) for e in trace.events)]
    return "\n".join(lines) + "\n"


def write_trace(path: Path | str, trace: Trace) -> None:
    """Write the trace; an existing file is replaced only once the new one is whole."""
    write_whole(Path(path), dump_trace(trace))


def read_trace(source: Path | str | bytes) -> Trace:
    """Read and check a trace (a path, or the file's bytes); TraceError if it is not whole."""
    if not isinstance(source, bytes):
        path = Path(source)
        if not path.is_file():
            raise TraceError(f"trace = {path.name!r} does not exist; allowed: a trace file")
        if path.stat().st_size > MAX_BYTES:
            raise TraceError(f"trace is larger than {MAX_BYTES >> 20} MB; allowed: at most that")
        source = path.read_bytes()
    try:
        lines = source.decode().splitlines()
        header = json.loads(lines[0] if lines else "")
    except (ValueError, RecursionError):
        raise TraceError(FOREIGN) from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise TraceError(FOREIGN)
    schema = header.get("schema")
    if schema not in range(1, SCHEMA + 1):
        raise TraceError(f"trace has schema {schema!r}; allowed: 1 to {SCHEMA}")
    events = tuple(_event(line, number) for number, line in enumerate(lines[1:], 2))
    if header.get("events") != len(events) or not events or not isinstance(events[0], Started):
        raise TraceError(
            f"trace holds {len(events)} events of {header.get('events')!r}: it is cut short or damaged"
        )
    _whole(events)
    if schema == 1:
        events = tuple(upgraded(events))
    return Trace(events, _pieces(header.get("pieces")), str(header.get("model", "")))


def _whole(events: tuple[Event, ...]) -> Board:
    first = events[0]
    assert isinstance(first, Started)
    lengths = [len(row) for row in first.tokens]
    if not lengths or lengths != [len(row) for row in first.attention_mask]:
        raise TraceError("Started of the trace has an attention_mask of another shape than its tokens")
    if not 0 <= first.prompt_length <= min(lengths):
        raise TraceError(f"prompt_length = {first.prompt_length} of the trace; allowed: 0 to {min(lengths)}")
    try:
        return fold(events)
    except EventError as error:
        raise TraceError(f"trace does not fold: {error}") from None


def _json(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise TraceError(f"line {number} of the trace is not JSON: it is cut short or damaged") from None


def _event(line: str, number: int) -> Event:
    try:
        return from_json(_json(line, number))
    except EventError as error:
        raise TraceError(f"line {number} of the trace: {error}") from None


def _pieces(data: Any) -> dict[int, bytes]:
    try:
        return {int(i): bytes.fromhex(piece) for i, piece in dict(data).items()}
    except (TypeError, ValueError):
        raise TraceError("pieces of the trace cannot be read; allowed: {id: hex bytes}") from None
