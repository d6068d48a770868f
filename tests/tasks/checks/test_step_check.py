"""Step by step against the problem: right answers pass, and every kind of wrong step is found."""

from __future__ import annotations

import pytest

from tasks import TASKS, generate
from tasks.checks.step_check import check_steps
from tasks.steps import plain, step


@pytest.mark.parametrize("task", list(TASKS))
def test_worked_answers_hold(task: str) -> None:
    for problem in generate(task, "heldout", 60, 5):
        steps = check_steps(TASKS[task], problem.fields, problem.solution)
        assert all(s.right for s in steps), problem
        assert len(steps) == len(problem.solution.splitlines())
        assert steps[-1].stop == len(problem.solution)


@pytest.mark.parametrize(("task", "fields", "text", "wanted"), [
    ("expression", {"expression": "7 * (6 + 20) - 16"}, "6 + 20 = 26\n7 * 26 = 162\n", [True, False]),
    ("expression", {"expression": "7 * (6 + 20) - 16"}, "6 + 20 = 26\n26 - 16 = 10\n", [True, False]),
    ("expression", {"expression": "2 - 9 + 7"}, "2 - 9 = -7\n7 - 7 = 0\n\\boxed{0}", [True, True, True]),
    ("expression", {"expression": "2 - 9 + 7"}, "2 - 9 = -7\n\\boxed{1}", [True, False]),
    ("linear", {"equation": "-3x - 2 = 7"}, "7 + 2 = 9\n-3x = 8\n9 / -3 = -3\n", [True, False, True]),
    ("linear", {"equation": "7 = 2x + 3"}, "7 - 3 = 4\n2x = 4\n4 / 2 = 2\n\\boxed{2}", [True] * 4),
    ("linear", {"equation": "2x + 3 = 7"}, "7 + 3 = 10\nwhat\n\\boxed{5}", [False, False, False]),
    ("word", {"problem": "Tom has 3 and 4 pens."}, "sum: 3 + 4 = 7\n\\boxed{7}", [True, True]),
    ("word", {"problem": "Tom has 3 and 4 pens."}, "sum: 3 + 5 = 8\n\\boxed{9}", [False, False]),
    ("word", {"problem": "Half of 8 pens."}, "half: 8 / 2 = 4\n\\boxed{5}", [True, False]),
    ("countdown", {"numbers": "3, 5, 7", "target": "15"}, "3 + 5 = 8\n8 + 7 = 15\n\\boxed{3 + 5 + 7}",
     [True, True, True]),
    ("countdown", {"numbers": "3, 5, 7", "target": "15"}, "3 + 5 = 8\n3 + 7 = 10\n", [True, False]),
    ("countdown", {"numbers": "3, 5, 7", "target": "15"}, "3 * 5 = 15\n15 + 7 = 22\n", [False, False]),
    ("sudoku", {"puzzle": "0402020020404120"}, "1432\n3214\n2311\n", [True, True, False]),
    ("sudoku", {"puzzle": "0402020020404120"}, "1432\n4312\n12\n", [True, False, False]),
])  # fmt: skip
def test_wrong_steps_are_found(task: str, fields: dict[str, str], text: str, wanted: list[bool]) -> None:
    assert [s.right for s in check_steps(TASKS[task], fields, text)] == wanted


def test_an_unfinished_line_is_not_judged() -> None:
    fields = {"expression": "2 + 3 + 4"}
    assert check_steps(TASKS["expression"], fields, "2 + 3 = ") == []
    assert check_steps(TASKS["expression"], fields, "2 + 3 = 5\n5 + 4 = 8\n\\boxed{") != []


def test_hostile_text_is_only_text() -> None:
    fields = {"expression": "2 + 3"}
    for text in ("__import__('os') = 1\n", "9" * 5000 + " + 1 = 2\n", "\\boxed{" * 50, "2 / 0 = 1\n"):
        assert not any(s.right for s in check_steps(TASKS["expression"], fields, text))


def test_plain_form() -> None:
    for a in range(-4, 5):
        for b in range(-4, 5):
            for op, value in (("+", a + b), ("-", a - b)):
                left, sign, right = plain(a, op, b)
                assert right >= 0 and (left + right if sign == "+" else left - right) == value
                assert left >= 0 or sign == "-"
    assert step(-3, "+", 7, 4) == "7 - 3 = 4" and step(3, "*", -7, -21) == "3 * -7 = -21"
