"""Traces that earlier versions saved keep opening (recorded by scripts/record_traces.sh): v0.1, and v0.2, the
last that wrote schema 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from samplers import SAMPLERS
from samplers.fold import fold
from samplers.traces import read_trace

FOLDER = Path(__file__).parents[1] / "vectors" / "traces"
VERSIONS = ("v0.1", "v0.2")
SAVED = sorted(FOLDER.glob("v0.*/*.jsonl"))


@pytest.mark.parametrize("path", SAVED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_opens_and_folds_to_a_whole_answer(path: Path) -> None:
    trace = read_trace(path)
    board = fold(trace.events)
    assert board.finished and trace.settings["schema"] == 2
    assert 0 < board.steps <= board.forwards <= board.nfe
    answer = [token for row in trace.events[-1].tokens for token in row]  # type: ignore[attr-defined]
    assert set(answer) <= set(trace.pieces)


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
