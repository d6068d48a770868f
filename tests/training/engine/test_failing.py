"""Errors between two steps: a checkpoint is saved first, and a resumed run makes up for what failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.toy import Toy, engine_of, lines, same, toy_settings, whole
from training.engine.checkpoints import checkpoints, latest
from training.engine.recipe import Batch


class Fails(Toy):
    """A judge that is down: an error of its kind where rows are made, or evaluated, from a step on."""

    def __init__(self, place: str, at: int, error: Exception, **changes: Any) -> None:
        super().__init__(toy_settings(**changes))
        self.place, self.at, self.error, self.steps = place, at, error, 0

    def fail(self, place: str) -> None:
        if place == self.place and self.steps >= self.at:
            raise self.error

    def before(self, step: int) -> None:
        self.steps = step
        self.fail("before")

    def batches(self, step: int) -> list[Batch]:
        self.fail("batches")
        self.steps = step + 1
        return list(super().batches(step))

    def evaluate(self) -> dict[str, float]:
        self.fail("evaluate")
        return super().evaluate()


@pytest.mark.parametrize(("place", "at", "saved"), [
    ("before", 9, 9), ("batches", 9, 9), ("evaluate", 10, 10),
])  # fmt: skip
def test_an_error_between_two_steps_loses_nothing(tmp_path: Path, place: str, at: int, saved: int) -> None:
    """There is a checkpoint of the step before it, or of the step that was to be evaluated."""
    changes = {"save_every": 100, "log_every": 5, "ema": 0.9, "eval_every": 2 if place == "evaluate" else 0}
    with pytest.raises(RuntimeError, match="down"):
        engine_of(Fails(place, at, RuntimeError("down"), **changes), tmp_path / "cut").run()
    assert latest(tmp_path / "cut") == tmp_path / "cut" / "checkpoints" / f"step-{saved}"
    engine = engine_of(Fails("", 0, RuntimeError(), **changes), tmp_path / "cut")
    assert engine.resume()
    engine.run()
    whole(tmp_path / "whole", **changes)
    same(tmp_path / "cut", tmp_path / "whole")


@pytest.mark.parametrize("save_every", [5, 100])
def test_an_evaluation_that_failed_is_made_again(tmp_path: Path, save_every: int) -> None:
    """At a step that is due for a line anyway, with a checkpoint of its own or not; it may fail twice."""
    changes = {"save_every": save_every, "log_every": 5, "eval_every": 10}
    for _ in range(2):
        engine = engine_of(Fails("evaluate", 0, RuntimeError("down"), **changes), tmp_path / "cut")
        engine.resume()
        with pytest.raises(RuntimeError, match="down"):
            engine.run()
        assert engine.step == 10 and [line["step"] for line in lines(tmp_path / "cut")] == [5]
    engine = engine_of(Toy(toy_settings(**changes)), tmp_path / "cut")
    assert engine.resume()
    engine.run()
    whole(tmp_path / "whole", **changes)
    same(tmp_path / "cut", tmp_path / "whole")


@pytest.mark.parametrize("place", ["before", "evaluate"])
def test_what_is_no_number_is_not_saved_and_nothing_is_saved_twice(tmp_path: Path, place: str) -> None:
    changes = {"save_every": 100, "eval_every": 9 if place == "evaluate" else 0}
    with pytest.raises(FloatingPointError):
        engine_of(Fails(place, 9, FloatingPointError("nan"), **changes), tmp_path / "raised").run()
    spoilt = Fails(place, 9, RuntimeError("nan in nan out"), **changes)
    engine = engine_of(spoilt, tmp_path / "spoilt")
    engine._check = lambda _: None if engine.step < 8 else spoilt.module.head.bias.data.fill_(torch.nan)  # type: ignore
    with pytest.raises(RuntimeError, match="nan in"):
        engine.run()
    with pytest.raises(RuntimeError):
        engine_of(Fails("before", 0, RuntimeError("at once"), **changes), tmp_path / "first").run()
    assert [checkpoints(tmp_path / name) for name in ("raised", "spoilt", "first")] == [[]] * 3
