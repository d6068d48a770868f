"""progress.json: what is done is named and counted, and the time left counts evaluations and checkpoints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.toy import Toy, engine_of, toy_settings
from training.engine import progress as module
from training.engine.progress import EVALUATING, FILE, SAVING, STEP, Progress, due, read_progress


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(module, "time", found)
    return found


def test_how_often_something_is_still_due() -> None:
    for every in range(1, 9):
        for last in range(1, 20):
            comes = [step for step in range(1, last + 1) if step % every == 0 or step == last]
            for step in range(last + 1):
                assert due(step, last, every) == sum(s > step for s in comes)
    assert due(3, 10, 0) == 0


def test_m18_the_time_left_counts_evaluations_and_checkpoints(tmp_path: Path, clock: Clock) -> None:
    progress = Progress(tmp_path / FILE, toy_settings(max_steps=20, eval_every=5, save_every=10))
    assert progress.state().left is None
    for step in range(1, 6):
        with progress.timed(STEP):
            clock.now += 2
        progress.step = step
    assert progress.state().pace == 2 and progress.state().left == 15 * 2  # no evaluation was seen yet
    with progress.timed(EVALUATING):
        clock.now += 10
        progress.tell(EVALUATING, 40, 160)
        now = progress.state()
        assert now.words == "evaluating 40 of 160"
        assert now.left == 15 * 2 + 3 * 40 + 30  # 40 s each, three to come, 30 s of this one
        clock.now += 30
    with progress.timed(SAVING):
        assert progress.state().words == "saving"
        clock.now += 3
    assert progress.state().left == 15 * 2 + 3 * 40 + 2 * 3 and progress.state().words == ""


def test_m18_the_file_says_what_is_being_done(tmp_path: Path) -> None:
    """Looked at from inside the work itself, as somebody else would."""
    seen = []

    class Tells(Toy):
        def evaluate(self) -> dict[str, float]:
            self.progress("evaluating", 1, 2)
            seen.append(read_progress(tmp_path / FILE))
            return super().evaluate()

        def sample(self, folder: Path) -> None:
            self.progress("decoding a sample", 0, 1, together=False)
            seen.append(read_progress(tmp_path / FILE))
            super().sample(folder)

    engine_of(Tells(toy_settings(max_steps=4, save_every=2, eval_every=2, samples=1)), tmp_path).run()
    assert [(now.step, now.doing) for now in seen if now] == [
        (2, "decoding a sample"), (2, "evaluating"), (4, "decoding a sample"), (4, "evaluating"),
    ]  # fmt: skip
    assert all(now and now.pace and now.left is not None for now in seen)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"step": 1}', "[" * 9999])
def test_what_is_no_progress_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert read_progress(tmp_path / FILE) is None
    assert read_progress(tmp_path / "none") is None


def test_numbers_that_cannot_be_are_no_progress(tmp_path: Path) -> None:
    good = {"step": 1, "doing": "saving", "done": 0, "count": 0, "pace": None, "left": None}
    (tmp_path / FILE).write_text(json.dumps(good))
    assert read_progress(tmp_path / FILE) is not None
    for bad in ({"step": -1}, {"left": float("nan")}, {"doing": 3}, {"pace": "x"}):
        (tmp_path / FILE).write_text(json.dumps(good | bad))
        assert read_progress(tmp_path / FILE) is None
