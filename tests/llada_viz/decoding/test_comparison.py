"""Comparisons: whoever has spent least goes next, every frame is handed out once, all streams close."""

from __future__ import annotations

from typing import Any

import pytest

from llada_viz.decoding.comparison import Comparison, Comparisons
from llada_viz.decoding.runs import Run, Runs
from tests.llada_viz.decoding.test_runs import Stream
from tests.llada_viz.script import PIECES, every_event


def lanes(*streams: Any) -> Any:
    return [Run(PIECES, "table", stream(None, None)) for stream in streams]


def test_lanes_stay_in_step_by_nfe() -> None:
    comparison = Comparison(lanes(Stream(), Stream()))
    while any(comparison.advance(0)):
        first, second = (comparison.spent(run) for run in comparison.runs)
        most = max(b.nfe - a.nfe for a, b in zip(every_event(), every_event()[1:], strict=False))
        assert abs(first - second) <= most or comparison.ended
    assert comparison.ended and [len(run.events) for run in comparison.runs] == [len(every_event())] * 2


def test_lanes_stay_in_step_by_time() -> None:
    slow, fast = Stream(pause=0.02), Stream(pause=0.0005)
    comparison = Comparison(lanes(slow, fast), "time")
    while not comparison.runs[1].ended:
        comparison.advance(0)
    behind = len(comparison.runs[0].events)
    assert 0 < behind < len(every_event()) / 2  # the fast one ended while the slow one had begun
    assert comparison.runs[0].seconds == pytest.approx(comparison.runs[1].seconds, abs=0.1)


def test_every_frame_is_handed_out_once() -> None:
    comparison, seen = Comparison(lanes(Stream(), Stream(fails_at=4))), [[], []]
    while any(fresh := comparison.advance(0)):
        for lane, frames in zip(seen, fresh, strict=True):
            lane += [frame["seq"] for frame in frames]
    assert seen == [list(range(len(run.frames))) for run in comparison.runs]
    assert comparison.runs[1].frames[-1]["kind"] == "stop"  # a lane that breaks off leaves the others alone
    assert comparison.runs[0].frames[-1]["kind"] == "finish"


def test_stop_closes_all_lanes_and_keeps_what_they_wrote() -> None:
    streams = Stream(), Stream()
    comparison = Comparison(lanes(*streams))
    for _ in range(6):
        comparison.advance(0)
    comparison.stop()
    assert comparison.ended and all(stream.closed for stream in streams)
    assert all(run.frames[-1]["kind"] == "stop" for run in comparison.runs)


def test_a_run_waits_for_a_comparison_too() -> None:
    """They share one model, so the page says that a run waits for it."""
    known = Comparisons()
    runs, comparison = Runs(others_busy=known.busy), known.add(Comparison(lanes(Stream(), Stream())))
    assert not runs.busy()
    comparison.advance(0)
    assert runs.busy() and not Runs().busy()
    comparison.stop()
    assert not runs.busy()


def test_the_run_of_a_lane_is_found_whatever_a_page_asks() -> None:
    known = Comparisons()
    comparison = known.add(Comparison(lanes(Stream(), Stream())))
    assert known.run_of(comparison.id, 1) is comparison.runs[1]
    for lane in (2, -1, True, "1", None, 1.0):
        assert known.run_of(comparison.id, lane) is None, lane
    assert known.run_of("gone", 0) is None and known.run_of(["x"], 0) is None


def test_only_the_last_ones_are_remembered() -> None:
    known = Comparisons(most=1)
    stream = Stream()
    first = known.add(Comparison(lanes(stream)))
    first.advance(0)
    second = known.add(Comparison(lanes(Stream())))
    assert known.get(first.id) is None and known.get(second.id) is second and stream.closed
    assert known.get(None) is None and known.get("x") is None
