"""The learning rate: a pure function of the step."""

from __future__ import annotations

import pytest

from training.engine.schedule import rate_at
from training.engine.settings import TrainSettings


def rates(**settings: float) -> list[float]:
    s = TrainSettings(learning_rate=0.01, **settings)  # type: ignore[arg-type]
    return [rate_at(step, s) for step in range(s.max_steps)]


def test_the_rate_rises_stays_and_falls() -> None:
    found = rates(max_steps=100, warmup=10, decay=0.3)
    assert found[0] == pytest.approx(0.001) and found[9] == found[70] == 0.01
    assert found[99] == pytest.approx(0.01 / 30)
    assert found[:10] == sorted(found[:10]) and found[70:] == sorted(found[70:], reverse=True)


def test_a_longer_run_begins_as_the_shorter_one() -> None:
    assert rates(max_steps=200, warmup=10, decay=0.3)[:70] == rates(max_steps=100, warmup=10, decay=0.3)[:70]


def test_no_warm_up_and_no_decay_is_a_constant() -> None:
    assert set(rates(max_steps=50, warmup=0, decay=0.0)) == {0.01}
