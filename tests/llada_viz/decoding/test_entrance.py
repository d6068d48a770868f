"""The line before the model: who is let in, what those are told who wait."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from llada_viz.decoding import entrance as module
from llada_viz.decoding.entrance import Entrance


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_first_come_first_served_and_who_leaves_makes_room() -> None:
    entrance = Entrance(1)
    first, second, third = ExitStack(), ExitStack(), ExitStack()
    assert first.enter_context(entrance.entered()).wait(0) == "" and entrance.inside == 1
    waiting = second.enter_context(entrance.entered())
    last = third.enter_context(entrance.entered())
    assert waiting.wait(0) == "Waiting for the model: 1 run is before yours."
    assert last.wait(0) == "Waiting for the model: 2 runs are before yours."
    second.close()  # gives up
    assert last.wait(0) == "Waiting for the model: 1 run is before yours."
    first.close()
    assert last.wait(0) == "" and entrance.notice().startswith("Waiting for the model: 1 run is before yours")
    third.close()
    assert entrance.inside == 0 and entrance.notice() == ""


def test_the_wait_is_told_from_what_runs_took_lately(clock: list[float]) -> None:
    entrance = Entrance(1)
    with entrance.entered():
        clock[0] += 10
    with entrance.entered() as now, ExitStack() as others:
        assert now.wait(0) == ""
        clock[0] += 4
        waiting = [others.enter_context(entrance.entered()) for _ in range(2)]
        assert waiting[0].wait(0).endswith("1 run is before yours, about 6 s.")
        assert waiting[1].wait(0).endswith("2 runs are before yours, about 16 s.")
        clock[0] += 20  # it takes longer than others did
        assert waiting[0].wait(0).endswith("about 1 s.")


def test_many_go_at_once_where_there_is_room() -> None:
    entrance = Entrance(3)
    with ExitStack() as stack:
        places = [stack.enter_context(entrance.entered()) for _ in range(4)]
        assert [place.wait(0) for place in places[:3]] == [""] * 3
        assert places[3].wait(0) == "Waiting for the model: 3 runs are before yours."


def test_a_run_that_waits_is_let_in_by_another_s_end() -> None:
    entrance = Entrance(1)
    with ExitStack() as stack:
        with entrance.entered():
            waiting = stack.enter_context(entrance.entered())
            assert waiting.wait(0)
        assert waiting.wait(60) == ""
