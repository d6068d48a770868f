"""A recorded sample of a training in words: what was asked, what was written before, what is written now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llada_viz.jobs.trainings import TrainingRequest
from llada_viz.render.sample import Written, sample_html, written
from samplers.recording.traces import read_trace
from samplers.settings import describe
from training.registry import OBJECTIVES

TRACE = Path(__file__).parents[1] / "vectors" / "traces" / "v0.2" / "remedi.jsonl"
HOSTILE = "<img src=x onerror=alert(1)>"


def test_what_a_trace_asks_and_answers() -> None:
    trace = read_trace(TRACE)
    found = written(trace)
    assert found is not None and "<|" not in found.answer
    assert written(replace(trace, events=trace.events[:2])) is None, "it did not finish"


def test_before_and_now_stand_below_the_prompt() -> None:
    before = Written(HOSTILE, "1 + 1 = 3", "Wrong: the answer is 2.", False)
    now = Written(HOSTILE, f"1 + 1 = 2 {HOSTILE}", "Right.", True)
    html = sample_html([(10, before), (1200, now)])
    assert HOSTILE not in html and html.count("&lt;img") == 2
    assert html.index("before, step 10") < html.index("now, step 1,200")
    assert (
        "<b class='is-wrong'>Wrong: the answer is 2.</b>" in html and "<b class='is-right'>Right.</b>" in html
    )
    assert "answer, step 10" in sample_html([(10, before)]) and sample_html([]) == ""


def test_m52_a_job_can_be_named() -> None:
    settings = {d.name: d.default for d in describe(OBJECTIVES["sft"].settings)}
    named = TrainingRequest("sft", ("linear",), settings, name="Ann’s first")
    assert named.title.startswith("Ann’s first · sft · linear · ")
    assert TrainingRequest("sft", ("linear",), settings).title.startswith("sft · linear · ")
