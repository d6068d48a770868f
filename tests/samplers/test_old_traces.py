"""Traces that earlier versions saved keep opening (recorded by scripts/record_traces.sh): v0.1, and v0.2, the
last that wrote schema 1."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from samplers import SAMPLERS
from samplers.events import SCHEMA
from samplers.fold import fold
from samplers.recording.traces import open_trace, read_trace

FOLDER = Path(__file__).parents[1] / "vectors" / "traces"
VERSIONS = ("v0.1", "v0.2")
SAVED = sorted(FOLDER.glob("v0.*/*.jsonl"))


@pytest.mark.parametrize("path", SAVED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_opens_and_folds_to_a_whole_answer(path: Path) -> None:
    trace = read_trace(path)
    board = fold(trace.events)
    assert board.finished and trace.settings["schema"] == SCHEMA
    assert 0 < board.steps <= board.forwards <= board.nfe
    answer = [token for row in trace.events[-1].tokens for token in row]  # type: ignore[attr-defined]
    assert set(answer) <= set(trace.pieces)


@cache
def old_boards() -> dict[str, list[dict[str, Any]]]:
    """What the last code of schema 1 folded: a third of a file's events, two thirds, as of runs that were
    stopped there, and all."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in (FOLDER / "boards.jsonl").read_text(encoding="utf-8").splitlines():
        board = json.loads(line)
        found.setdefault(board["trace"], []).append(board)
    return found


@pytest.mark.parametrize("path", SAVED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_folds_to_the_boards_of_old(path: Path) -> None:
    header, *lines = path.read_bytes().splitlines(keepends=True)
    old = old_boards()[f"{path.parent.name}/{path.name}"]
    assert [board["events"] for board in old][-1] == len(lines)
    for board in old:
        stopped = json.dumps(json.loads(header) | {"events": board["events"]}).encode() + b"\n"
        with open_trace(stopped + b"".join(lines[: board["events"]])) as reader:
            for _ in reader:
                pass
        now = reader.board
        assert (now.tokens, now.confidence) == (board["tokens"], board["confidence"])
        assert (now.steps, now.nfe) == (board["steps"], board["nfe"])
        candidates = None if now.candidates is None else [row.tokens for row in now.candidates]
        assert candidates == board["candidates"]


@pytest.mark.parametrize("version", VERSIONS)
def test_there_is_one_of_every_sampler_of_that_version_and_of_every_event(version: str) -> None:
    traces = [read_trace(path) for path in SAVED if path.parent.name == version]
    assert {trace.settings["sampler"] for trace in traces} <= set(SAMPLERS)
    assert len({trace.settings["sampler"] for trace in traces}) == 12
    kinds = {type(event).__name__ for trace in traces for event in trace.events}
    assert kinds == {
        "Started", "Unmasked", "Edited", "Remasked", "PolicyScored", "CandidatesForked", "BlockScored",
        "WindowTriggered", "CandidateChosen", "Finished",
    }  # fmt: skip
