"""A saved trace is put beside what was compared; what is none is a sentence, and the boards stay."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.comparison import Comparison, Comparisons
from llada_viz.decoding.runs import Run
from samplers.engines.imported import to_trace
from samplers.recording.traces import write_trace
from tests.llada_viz.decoding.test_runs import Stream
from tests.llada_viz.handlers import given
from tests.llada_viz.script import PIECES, every_event

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.tabs.compare import Compare

CANVASES = [[[4, 5, 0, 0]], [[4, 5, 8, 0]], [[4, 5, 8, 6]]]


@pytest.fixture
def tab(tmp_path: Path) -> Any:
    with gr.Blocks():
        made = Compare(Bundled(tmp_path), Comparisons())
        made.build()
    return made


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    write_trace(tmp_path / "other.jsonl", to_trace(CANVASES, PIECES, "other").trace)
    return tmp_path / "other.jsonl"


def opened(tab: Any, file: Path, before: str = "") -> Any:
    return tab.on_open({tab.opener: str(file), tab.run_id: before})


def test_a_trace_stands_beside_a_run_of_ours(tab: Any, trace: Path) -> None:
    ours = Comparison([Run(PIECES, "table", Stream()(None, None))], "time")
    tab.comparisons.add(ours)
    refused = opened(tab, trace, ours.id)
    assert "still going on" in refused[tab.alert] and tab.canvas not in refused
    while any(ours.advance(1)):
        pass
    updates = opened(tab, trace, ours.id)
    both = tab.comparisons.get(updates[tab.run_id])
    assert [run.model for run in both.runs] == ["table", "other"] and both.ended and both.measure == "NFE"
    assert len(both.runs[0].events) == len(every_event()) and both.runs[1].layout.sampler == "imported"
    shown = updates[tab.canvas]
    assert [frames[-1]["kind"] for frames in json.loads(shown["lanes"])] == ["finish", "finish"]
    assert shown["number"] > ours.number and 'role="alert"' not in updates[tab.alert]
    frames = next(f for f in tab.canvas.server_fns if f.__name__ == "frames")
    assert [frame["seq"] for frame in frames([both.id, 1, 0])] == list(range(len(both.runs[1].frames)))


def test_traces_alone_are_compared_up_to_four(tab: Any, trace: Path) -> None:
    before = ""
    for count in range(1, 5):
        before = opened(tab, trace, before)[tab.run_id]
        assert len(tab.comparisons.get(before).runs) == count
    refused = opened(tab, trace, before)
    assert "4 boards are there" in refused[tab.alert] and set(refused) == {tab.alert}


def test_a_foreign_file_leaves_the_boards(tab: Any, tmp_path: Path) -> None:
    for content in (b"", b"[[1, 2]]", b"\xff"):
        (tmp_path / "file").write_bytes(content)
        assert set(opened(tab, tmp_path / "file")) == {tab.alert}


@pytest.mark.slow
def test_m14_the_page_opens_on_a_difference_whatever_the_weights() -> None:
    """The prompt and the samplers that Compare opens with end in different words; where new weights make
    them the same, choose others (`llada_viz.decoding.line_up.FIRST`, `FIRST_EXAMPLE`)."""
    with gr.Blocks():
        tab = Compare(Bundled(), Comparisons())
        tab.build()
    inputs = {tab.prompt, tab.seed, tab.measure, tab.attached, tab.scorer.scorer, tab.lanes, *tab.sizes}
    begun = next(tab.on_start(given(inputs) | {tab.run_id: ""}))
    comparison = tab.comparisons.get(begun[tab.run_id])
    while any(comparison.advance(1)):
        pass
    texts = [run.frames[-1]["verdict"] for run in comparison.runs]
    assert [len(run.events) > 1 for run in comparison.runs] == [True, True]
    last = [run.events[-1].tokens[0] for run in comparison.runs]
    assert last[0] != last[1], texts
    assert comparison.names == ["LLaDA · surest first", "Fast-dLLM · threshold (threshold 0.05)"]
