"""docs/traces.md: it names every event and field, and the reader that it shows reads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from samplers.events import EVENTS, Event
from samplers.fold import fold
from samplers.recording.trace_files import LIMITS, PLAIN_BYTES
from samplers.recording.traces import Trace, write_trace
from tests.samplers.random_events import event_lists

PAGE = (Path(__file__).parents[2] / "docs" / "traces.md").read_text(encoding="utf-8")
SHARED = {field.name for field in fields(Event)}


def test_every_event_and_field_is_described() -> None:
    rows = {line.split("`")[1]: line for line in PAGE.splitlines() if line.startswith("| `")}
    for kind, cls in EVENTS.items():
        for field in fields(cls):
            assert f"`{field.name}`" in (PAGE if field.name in SHARED else rows[kind]), (kind, field.name)


def test_the_limits_are_those_of_the_code() -> None:
    for name in ("events", "rows", "event_cells", "all_cells", "cells", "work", "pieces", "piece"):
        assert f"{getattr(LIMITS, name):,}" in PAGE, name
    sizes = [LIMITS.file, LIMITS.unpacked, LIMITS.line]
    assert "; ".join(f"{size >> 20} MiB" for size in sizes) in PAGE
    assert f"{PLAIN_BYTES >> 10} KiB" in PAGE and f"first {LIMITS.small >> 20} MiB | {LIMITS.ratio} |" in PAGE
    assert f"| {LIMITS.depth}; 20 |" in PAGE


@given(events=event_lists())
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_reader_shown_folds_as_ours(events: list[Event], tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert code is not None
    (tmp_path / "reader.py").write_text(code[1], encoding="utf-8")
    for name in ("run.jsonl", "run.jsonl.gz"):
        write_trace(tmp_path / name, Trace(tuple(events), {}, ""))
        command = [sys.executable, "-I", str(tmp_path / "reader.py"), str(tmp_path / name)]
        rows = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
        board = fold(events)
        assert rows == [row.tokens for row in board.rows]
