"""Labels of parts against the exact checker, and against what people can see."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from samplers.checker import Checker
from samplers.scoring import Draft, Question
from tasks import EASY, MIDDLE, TASKS, generate
from training.prm.prm_labels import part_labels
from training.prm.prm_rollouts import spoil


def checker_scores(task: str, fields: dict[str, str], parts: list[str]) -> list[float]:
    question = Question("", task, tuple(sorted(fields.items())))
    return Checker([question], lambda ids: "").judge([Draft(question, tuple(parts), True)])[0]


def cut_at_random(text: str, rng: random.Random) -> list[str]:
    places = sorted({0, len(text), *(rng.randrange(1, len(text)) for _ in range(5))})
    return [text[a:b] for a, b in pairwise(places)]


@pytest.mark.parametrize("task", TASKS)
def test_whole_lines_are_labelled_as_the_checker_scores_them(task: str) -> None:
    rng, wrong = random.Random(1), 0
    for problem in generate(task, "train", 60, seed=3):
        parts = spoil(problem.solution, task, rng).splitlines(keepends=True)
        scores = checker_scores(task, problem.fields, parts)
        labels = part_labels(task, problem.fields, parts)
        assert labels == [int(score == 1) for score in scores], parts
        wrong += labels.count(0)
    assert wrong > 20


@pytest.mark.parametrize("level", [EASY, MIDDLE])
@pytest.mark.parametrize("task", TASKS)
def test_a_right_answer_is_right_wherever_it_is_cut(task: str, level: str) -> None:
    rng = random.Random(2)
    for problem in generate(task, "train", 40, seed=4, level=level):
        parts = cut_at_random(problem.solution, rng)
        assert part_labels(task, problem.fields, parts) == [1] * len(parts), parts


@pytest.mark.parametrize("task", TASKS)
def test_no_part_is_right_in_which_the_checker_finds_an_error(task: str) -> None:
    rng = random.Random(3)
    for problem in generate(task, "train", 60, seed=5):
        parts = cut_at_random(spoil(problem.solution, task, rng), rng)
        labels = part_labels(task, problem.fields, parts)
        scores = checker_scores(task, problem.fields, parts)
        assert all(score == 1 for score, label in zip(scores, labels, strict=True) if label), parts


def test_a_label_says_nothing_about_what_follows() -> None:
    rng = random.Random(4)
    for problem in generate("expression", "train", 40, seed=6):
        parts = cut_at_random(spoil(problem.solution, "expression", rng), rng)
        whole = part_labels("expression", problem.fields, parts)
        for count in range(1, len(parts)):
            assert part_labels("expression", problem.fields, parts[:count], ended=False) == whole[:count]


SUM = {"expression": "(3 + 12) - 20"}


def test_an_answer_that_ends_without_a_box_is_wrong_at_its_end() -> None:
    assert part_labels("expression", SUM, ["3 + 12 = 15\n", "15 -"]) == [1, 0]
    assert part_labels("expression", SUM, ["3 + 12 = 15\n", "15 -"], ended=False) == [1, 1]
    assert part_labels("expression", SUM, ["3 + 12 = 16\n", "1"], ended=False) == [0, 0], "over a wrong sum"
    assert part_labels("expression", SUM, ["3 + 12 ", "= 1", "6"], ended=False) == [1, 1, 0]
    assert part_labels("expression", SUM, ["3 + 12 = 15\n", "x" * 61], ended=False) == [1, 0]


def test_a_problem_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="equation"):
        part_labels("linear", {"equation": "nothing"}, ["1"])
