"""Rewards: exact checkers, format, whole numbers, what could not be found out."""

from __future__ import annotations

import pytest

from evaluation.grading.grades import Grade
from samplers.settings import SettingError
from tasks import generate
from training.grpo.rewards import Rewards, RewardSettings, well_formed, whole_number
from training.shared.questions import Question, of_problem

TASK = of_problem(generate("linear", "train", 1, seed=0)[0])


class Grades:
    """Answers as told, and notes what it was asked."""

    def __init__(self, *found: bool | None) -> None:
        self.found, self.asked = list(found), []

    def grade_many(self, pairs: list[tuple[str, str]]) -> list[Grade]:
        self.asked += pairs
        return [Grade(self.found.pop(0), "", "") for _ in pairs]

    def close(self) -> None: ...


def rewards(*found: bool | None, **weights: object) -> Rewards:
    return Rewards(RewardSettings(**weights), Grades(*found))  # type: ignore[arg-type]


def test_parts_are_weighed_and_summed() -> None:
    scored = rewards(reward_correct=2, reward_format=0.5, reward_integer=0.25)
    texts = [TASK.solution, "\\boxed{9999}", "\\boxed{1/2}", TASK.answer]
    assert scored([TASK] * 4, texts) == [2.75, 0.75, 0.5, 0]


def test_tasks_are_checked_and_other_sets_graded_in_order() -> None:
    plain = Question("2 + 2?", "4")
    scored = rewards(True, False, reward_correct=1, reward_format=0, reward_integer=0)
    assert scored([plain, TASK, plain], ["four", TASK.solution, "five"]) == [1, 1, 0]
    assert scored.grader.asked == [("four", "4"), ("five", "4")]


def test_what_could_not_be_graded_has_no_reward() -> None:
    plain = Question("2 + 2?", "4")
    assert rewards(None, True)([plain, plain], ["\\boxed{4}"] * 2) == [None, 3]


def test_the_real_grader_grades_a_number() -> None:
    with Rewards(RewardSettings(reward_format=0, reward_integer=0)) as scored:
        assert scored([Question("", "x = 4")] * 2, ["so \\boxed{4}", "\\boxed{5}"]) == [2, 0]


@pytest.mark.parametrize(("text", "form", "integer"), [
    ("so\n\\boxed{13}", True, True), ("\\boxed{-7}.", True, True), ("$\\boxed{x = 5}$", True, True),
    ("\\boxed{2.5}", True, False), ("\\boxed{}", False, False), ("\\boxed{1", False, False),
    ("\\boxed{1} and more", False, True), ("\\boxed{1} \\boxed{2}", False, True), ("13", False, False),
])  # fmt: skip
def test_form_and_whole_numbers(text: str, form: bool, integer: bool) -> None:
    assert (well_formed(text), whole_number(text)) == (form, integer)


@pytest.mark.parametrize(("settings", "name"), [
    ({"reward_correct": 0, "reward_format": 0, "reward_integer": 0}, "reward_correct"),
    ({"reward_judge": 1}, "judge_url"),
    ({"judge_url": "http://localhost:1/v1"}, "judge_url"),
    ({"reward_judge": 1, "judge_url": "localhost:1", "judge_model": "m"}, "judge_url"),
    ({"reward_judge": 1, "judge_url": "file:///etc/passwd", "judge_model": "m"}, "judge_url"),
    ({"reward_judge": 1, "judge_url": "http://localhost:1/v1"}, "judge_model"),
    ({"judge_failures": "zero"}, "judge_failures"),
])  # fmt: skip
def test_settings_that_cannot_be(settings: dict[str, object], name: str) -> None:
    with pytest.raises((SettingError, ValueError), match=f"{name} = .* is not valid; allowed"):
        RewardSettings(**settings)  # type: ignore[arg-type]
