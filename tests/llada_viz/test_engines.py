"""Traces of other engines in the viewer: they open, every frame can be applied, and what they do not know is
not said."""

from __future__ import annotations

import json

import pytest
import torch

from llada_viz.decoding.runs import recorded
from llada_viz.render.figures import confidence_map
from samplers.engines.imported import to_trace
from samplers.engines.recorder import Recorder
from samplers.engines.streamer import EventStreamer
from samplers.recording.traces import Trace
from tests.samplers.engines.tiny_gemma import CASES, PIECES, generate, without_inductor

__all__ = ["without_inductor"]  # a fixture that every test here uses
MASK = 9
CANVASES = [
    [[1, 2, MASK, MASK]],
    [[1, 2, 3, MASK]],
    [[1, 2, MASK, 5]],
    [[1, 2, 4, 5, MASK]],
    [[1, 2, 4, 6, 7]],
]


def streamed(top_k: int) -> Trace:
    streamer = EventStreamer(pieces=PIECES, top_k=top_k, model="tiny")
    generate(CASES["dgemma_04"], streamer)
    return streamer.trace()


@pytest.mark.parametrize("top_k", [0, 2])
def test_generate_in_the_viewer(top_k: int) -> None:
    run = recorded(streamed(top_k))
    assert run.frames[-1]["kind"] == "finish" and run.layout.noise and run.layout.gen_length == 12
    assert "again" not in run.frames[-1], "the form of our samplers is not what went on here"
    json.dumps(run.frames, allow_nan=False)
    drafts = [dict(frame["drafts"]) for frame in run.frames if frame["kind"] == "predict"]
    assert len(drafts) == 4 and drafts[0].keys() == set(range(12))
    shown: dict[int, list[list[object]]] = {}
    for fresh, wanted in zip(drafts, CASES["dgemma_04"]["drafts"], strict=True):
        shown |= fresh
        assert [shown[i][0][0] for i in range(12)] == [PIECES[t].decode() for t in wanted[0]]
    likely = [pair[1] for cell in shown.values() for pair in cell]
    assert set(likely) == {None} if top_k == 0 else all(isinstance(p, float) for p in likely)
    said = [" ".join(frame["say"][:2]) for frame in run.frames]
    assert said[1].startswith("Drafts. What it would write in 12 cells that are open")
    assert any("%" in line for line in said) == (top_k > 0)


def test_imported_canvases_in_the_viewer() -> None:
    run = recorded(to_trace(CANVASES, PIECES).trace)
    ops = [op for frame in run.frames for op in frame["ops"]]
    assert {confidence for _, _, confidence, _ in ops} == {None}
    said = [frame["say"] for frame in run.frames]
    assert ["Step 1.", "“3” in cell 0.", ""] in said and not any("%" in say[1] for say in said)
    assert not any("early" in word for say in said for word in say)
    assert [frame["kind"] for frame in run.frames if frame.get("ins")] == ["insert"]
    hover = {line for column in confidence_map(run.events, PIECES).data[0].text for line in column}
    assert "confidence unknown" in hover and not any("early" in line for line in hover)


def test_canvases_that_grow_have_the_blocks_that_they_grow_by() -> None:
    """LLaDA 2.x begins with a part of its first block; text from left to right with nothing."""
    recorder = Recorder()
    recorder.start([[1, 2, 3, 4, 5, 0, 0, 0]], 0, 5, {"block_length": 8}, grid="absolute")
    layout = recorded(recorder.trace()).layout
    assert (layout.block_length, layout.first_block) == (8, 3)
    streamer = EventStreamer()
    for tokens in ([5, 6], [7], [8]):
        streamer.put(torch.tensor(tokens))
    streamer.end()
    run = recorded(streamer.trace())
    assert (run.layout.gen_length, run.layout.block_length, run.frames[-1]["step"]) == (0, 32, 2)


def test_an_interrupted_generate_opens_as_a_stopped_run() -> None:
    whole = streamed(1)
    run = recorded(Trace(whole.events[:6], whole.pieces, whole.model))
    assert run.frames[-1]["kind"] == "stop" and run.frames[-1]["masks"] == 12
