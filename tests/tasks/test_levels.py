"""Levels: which there are, that the usual ones are the problems of TASKS, and what is refused."""

from __future__ import annotations

import json
import random

import pytest

from tasks import EASY, LEVELS, MIDDLE, TASKS, USUAL_LEVELS, at_level, generate
from tasks import __main__ as cli
from tasks.linear import coefficients

EVERY = [(task, level) for task, levels in LEVELS.items() for level in levels]


def test_every_task_has_both_levels() -> None:
    assert list(LEVELS) == list(TASKS)
    assert all(list(levels) == [EASY, MIDDLE] for levels in LEVELS.values())


@pytest.mark.parametrize("task", TASKS)
def test_the_usual_level_is_that_of_tasks(task: str) -> None:
    usual = USUAL_LEVELS[task]
    assert at_level(task, usual) == TASKS[task]
    assert generate(task, "heldout", 20, 3, usual) == generate(task, "heldout", 20, 3)
    other = next(level for level in LEVELS[task] if level != usual)
    assert generate(task, "heldout", 20, 3, other) != generate(task, "heldout", 20, 3)


@pytest.mark.parametrize(("task", "level"), EVERY)
def test_answers_of_every_level_are_right(task: str, level: str) -> None:
    problems = generate(task, "heldout", 40, 4, level)
    assert problems == generate(task, "heldout", 40, 4, level)
    assert len({p.key for p in problems}) == 40
    for p in problems:
        assert p.prompt == at_level(task, level).template.format(**p.fields)
        # The task's own checker knows every level: judges find it by the task's name.
        assert TASKS[task].check(p.fields, p.solution, answer=p.answer).correct


def test_what_the_levels_ask() -> None:
    assert {p.fields["numbers"].count(",") for p in generate("countdown", "train", 50, 1, EASY)} == {1}
    assert {p.fields["numbers"].count(",") for p in generate("countdown", "train", 50, 1, MIDDLE)} == {2}
    assert {len(p.key) for p in generate("sudoku", "train", 50, 1, MIDDLE)} == {36}
    operands = [p.key.count(" ") // 2 + 1 for p in generate("expression", "train", 300, 1, MIDDLE)]
    assert set(operands) == {3, 4}
    equations = [p.fields["equation"] for p in generate("linear", "train", 300, 1, MIDDLE)]
    assert 20 < max(abs(coefficients(equation)[1]) for equation in equations) <= 99
    steps = {p.solution.count("\n") for p in generate("word", "train", 200, 1, MIDDLE)}
    assert steps == {3, 4, 5}


def test_levels_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match="level is 'hard'; allowed: easy, middle"):
        generate("linear", "heldout", 1, 1, "hard")
    with pytest.raises(ValueError, match="task is 'chess'; allowed: sudoku, "):
        at_level("chess", EASY)
    with pytest.raises(ValueError, match="split is 'tests'"):
        at_level("linear", MIDDLE).generate(random.Random(0), "tests")


def test_samples_of_a_level_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["sample", "--task", "sudoku", "--level", "middle", "--n", "3"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(row["fields"]["puzzle"]) for row in rows] == [36] * 3
    with pytest.raises(ValueError, match="level is 'hard'"):
        cli.main(["sample", "--task", "sudoku", "--level", "hard"])
