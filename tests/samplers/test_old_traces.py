"""Traces that earlier versions saved keep opening (recorded by scripts/record_traces.sh)."""

from __future__ import annotations

from pathlib import Path

import pytest

from samplers import SAMPLERS
from samplers.fold import fold
from samplers.traces import read_trace

FOLDER = Path(__file__).parents[1] / "vectors" / "traces" / "v0.1"
SAVED = sorted(FOLDER.glob("*.jsonl"))


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_opens_and_folds_to_a_whole_answer(path: Path) -> None:
    trace = read_trace(path)
    board = fold(trace.events)
    assert board.finished
    answer = [token for row in trace.events[-1].tokens for token in row]  # type: ignore[attr-defined]
    assert set(answer) <= set(trace.pieces)


def test_there_is_one_of_every_sampler_of_that_version_and_of_every_event() -> None:
    traces = [read_trace(path) for path in SAVED]
    assert {trace.settings["sampler"] for trace in traces} <= set(SAMPLERS)
    assert len({trace.settings["sampler"] for trace in traces}) == 12
    kinds = {type(event).__name__ for trace in traces for event in trace.events}
    assert kinds == {
        "Started", "Unmasked", "Edited", "Remasked", "PolicyScored", "CandidatesForked", "BlockScored",
        "WindowTriggered", "CandidateChosen", "Finished",
    }  # fmt: skip
