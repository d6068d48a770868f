"""Runs: frames are handed out as time passes, a stop keeps what exists, streams are always closed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from llada_viz.decoding.runs import Run, Runs
from samplers.recording.traces import Trace, dump_trace, read_trace
from tests.llada_viz.script import PIECES, every_event, frames_of


class Stream:
    """A sampler's stream over recorded events; knows whether it was closed."""

    def __init__(self, pause: float = 0.0, fails_at: Any = None) -> None:
        self.closed, self.pause, self.fails_at = False, pause, fails_at

    def __call__(self, denoise: Any, canvas: Any) -> Iterator[Any]:
        try:
            for i, event in enumerate(every_event()):
                time.sleep(self.pause)
                if i == self.fails_at:
                    raise RuntimeError("the network fell over")
                yield event
        finally:
            self.closed = True


def start(stream: Any, runs: Any = None) -> Any:
    prepared = SimpleNamespace(stream=lambda: stream(None, None), place=None)
    return (runs or Runs()).start(prepared, PIECES, "table")


def untimed(frames: Any) -> Any:
    return [{k: v for k, v in frame.items() if k != "t"} for frame in frames]


def test_a_run_hands_out_every_frame_once() -> None:
    stream = Stream()
    run, seen = start(stream), []
    while fresh := run.advance(0.0):
        seen += fresh
    assert untimed(seen) == untimed(frames_of(every_event(), PIECES)) and run.ended and stream.closed
    assert run.events == every_event() and all(frame["t"] >= 0 for frame in seen)
    run.stop()  # a run that has ended stays as it is
    assert len(run.frames) == len(seen)


def test_frames_are_gathered_for_the_time_asked() -> None:
    run = start(Stream(pause=0.002))
    assert len(run.advance(0.0)) == 1
    assert len(run.advance(10.0)) == len(every_event()) - 1


def test_stop_keeps_what_exists() -> None:
    stream = Stream()
    run = start(stream)
    for _ in range(5):
        run.advance(0.0)
    run.stop()
    assert stream.closed and run.ended and run.advance(1.0) == []
    assert [f["kind"] for f in run.frames][-1] == "stop" and len(run.frames) == 6
    assert read_trace(dump_trace(run.trace()).encode()).events == tuple(every_event()[:5])


def test_stop_from_another_thread_ends_a_run_that_is_advancing() -> None:
    run = start(Stream(pause=0.01))
    thread = threading.Thread(target=lambda: run.advance(60.0))
    thread.start()
    time.sleep(0.05)
    run.stop()
    thread.join(5)
    assert not thread.is_alive() and run.ended and 1 < len(run.frames) < len(every_event())
    assert [frame["seq"] for frame in run.frames] == list(range(len(run.frames)))


def test_stop_before_the_first_frame() -> None:
    run = start(Stream())
    run.stop()
    assert run.ended and run.frames == [] and run.advance(1.0) == []


def test_a_sampler_that_raises_ends_the_run_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    stream = Stream(fails_at=3)
    run = start(stream)
    frames = run.advance(60.0)
    assert stream.closed and run.ended and len(frames) == 4
    assert frames[-1]["say"][0] == "Broke off" and "the network fell over" in frames[-1]["say"][1]
    assert "broke off" in caplog.text


def test_opened_traces() -> None:
    events = every_event()
    whole = Runs().open(Trace(tuple(events), dict(enumerate(PIECES)), "table"))
    assert whole.frames == frames_of(events, PIECES) and whole.ended
    part = Runs().open(Trace(tuple(events[:4]), dict(enumerate(PIECES)), "table"))
    assert part.frames[-1]["kind"] == "stop" and part.trace().events == tuple(events[:4])


def test_the_oldest_run_is_forgotten_and_stopped() -> None:
    runs, streams = Runs(most=2), [Stream() for _ in range(3)]
    first, second, third = (start(stream, runs) for stream in streams)
    first.advance(0.0)
    assert runs.get(first.id) is None and runs.get(second.id) is second
    assert runs.get(third.id) is third and len({first.id, second.id, third.id}) == 3


@pytest.mark.parametrize("foreign", [None, 3, [], {}, "", "x" * 24])
def test_a_foreign_id_is_no_run(foreign: Any) -> None:
    assert Runs().get(foreign) is None


def test_busy() -> None:
    runs = Runs()
    run = start(Stream(), runs)
    assert not runs.busy()
    run.advance(0.0)
    assert runs.busy()
    run.stop()
    assert not runs.busy()


def test_a_visitor_who_leaves_while_he_waits_for_the_model_ends_his_run() -> None:
    runs = Runs()
    run, other = start(Stream(), runs), start(Stream(), runs)
    run.belongs_to("he")
    other.belongs_to("she")
    runs.leave("he")
    assert run.ended and run.advance(0.0) == [] and not other.ended


def test_run_forgets_to_be_shared() -> None:
    assert Run(PIECES).frames is not Run(PIECES).frames
