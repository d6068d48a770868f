"""The events of a run as a table: one row a changed cell, one for each event without cells."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import StringIO

from evaluation.sets.harmless import harmless
from llada_viz.export.telling import Told, about, nobody
from models.text import cell_texts
from samplers.events import Cell, Event
from samplers.recording.traces import Trace

HEAD = (
    "event",
    "kind",
    "nfe",
    "forwards",
    "block",
    "row",
    "position",
    "token",
    "text",
    "confidence",
    "reason",
)


def event_table(trace: Trace, told: Told = nobody) -> Iterator[str]:
    """CSV text with a head, in parts. Cells that a spreadsheet would take for a formula are made harmless.
    told: how many events are written."""
    yield _csv([HEAD])
    for number, event in enumerate(trace.events):
        yield _rows(trace, number, event)
        told(number + 1, len(trace.events))


def table_size(trace: Trace) -> int:
    """About how many bytes `event_table` has: the rows of many events are told from some of them."""
    numbered = list(enumerate(trace.events))
    return len(_csv([HEAD])) + about(numbered, lambda each: len(_rows(trace, *each).encode()))


def _rows(trace: Trace, number: int, event: Event) -> str:
    first = [number, type(event).__name__, event.nfe, event.forwards, event.block]
    return _csv([*first, *line] for line in _lines(trace, event))


def _csv(rows: Iterable[Iterable[object]]) -> str:
    out = StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def _lines(trace: Trace, event: Event) -> Iterator[list[object]]:
    reason = harmless(str(getattr(event, "reason", "")))
    cells: list[Cell] = [
        cell for name in ("cells", "accepted", "rejected") for cell in getattr(event, name, ())
    ]
    for row, position, token, confidence in cells:
        text = cell_texts(trace.pieces, [token], None)[0]
        yield [row, position, token, harmless(text), f"{confidence:.6g}", reason]
    if not cells:
        yield ["", "", "", "", "", reason]
