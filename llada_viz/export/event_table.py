"""The events of a run as a table: one row a changed cell, one for each event without cells."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

from evaluation.sets.harmless import harmless
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


def event_table(trace: Trace) -> str:
    """CSV text with a head. Cells that a spreadsheet would take for a formula are made harmless."""
    out = StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(HEAD)
    for number, event in enumerate(trace.events):
        for line in _lines(trace, event):
            table.writerow([number, type(event).__name__, event.nfe, event.forwards, event.block, *line])
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
