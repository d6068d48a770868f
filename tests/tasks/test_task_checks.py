"""The checks: right, wrong and hostile responses."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tasks import TASKS, extract_boxed
from tasks.arithmetic import parse
from tasks.core import read_number
from tasks.linear import solve
from tasks.sudoku_grids import all_grids

EQUATION = {"equation": "2x + 3 = 7"}
PROBLEMS = {
    "sudoku": {"puzzle": "1" + "0" * 15},
    "linear": EQUATION,
    "expression": {"expression": "(3 + 4) * 5 - 6"},
    "word": {"problem": "Ann has 3 apples and finds 4. How many are there?"},
    "countdown": {"numbers": "30,100,93", "target": "23"},
}


def judge(task: Any, response: Any, fields: Any = None) -> Any:
    return TASKS[task].check(fields or PROBLEMS[task], response, answer="7")


@pytest.mark.parametrize(
    ("text", "boxed"),
    [
        (r"\boxed{4}", "4"),
        (r"\boxed{4} then \boxed{5}", "5"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\boxed{3}}", "3"),
        (r"\boxed{4} and \boxed{5", "4"),
        (r"\boxed{5", None),
        ("4", None),
        ("}}} {x} \\boxed{ 6 }", "6"),
        (r"\boxed{\{1\}}", r"\{1\}"),
    ],
)
def test_extract_boxed(text: str, boxed: str | None) -> None:
    assert extract_boxed(text) == boxed


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2", "2"),
        ("x = 2", "2"),
        ("+2", "+2"),
        ("\u22122", "-2"),
        (" - 2 ", "-2"),
        ("$2$", "2"),
        ("1/2", "1/2"),
        ("0.5", "0.5"),
        ("1/0", None),
        ("two", None),
        ("1_0", None),
        ("", None),
        ("2x = 4", None),
        ("9" * 5000, None),
        ("\u0663", None),
    ],
)
def test_read_number(text: str, number: str | None) -> None:
    assert read_number(text) == number


def test_every_sudoku_completion_is_accepted() -> None:
    puzzle = "1234" + "0" * 12
    valid = [g for g in all_grids() if g.startswith("1234")]
    assert len(valid) == 12
    for grid in valid:
        assert judge("sudoku", f"\\boxed{{{grid}}}", {"puzzle": puzzle}).correct


@pytest.mark.parametrize(
    ("grid", "correct", "reason"),
    [
        ("1234 3412 2143 4321", True, "keeps"),
        ("1234\n3412\n2143\n4321", True, "keeps"),
        ("2143341212344321", False, "clue"),
        ("1234341221434312", False, "repeats"),
        ("1234234134124123", False, "repeats"),
        ("123434122143432", False, "16 digits"),
        ("12343412214343210", False, "16 digits"),
        ("1234341221434325", False, "16 digits"),
    ],
)
def test_sudoku(grid: str, correct: bool, reason: str) -> None:
    verdict = judge("sudoku", f"\\boxed{{{grid}}}")
    assert verdict.correct is correct
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("equation", "x"),
    [
        ("2x + 3 = 7", 2),
        ("2*x + 3 = 7", 2),
        ("3 + 2x = 7", 2),
        ("7 = 2x + 3", 2),
        ("2x + -3 = 7", 5),
        ("2x+3=7", 2),
        ("2 x + 3 = 7", 2),
        ("-y - 4 = 5", -9),
        ("x = 4", 4),
        ("3 - 2b = 7", -2),
        ("2x \u2212 3 = 7", 5),
        ("3x = x + 8", 4),
        ("-2x - -3 = 7", -2),
    ],
)
def test_linear_solve(equation: str, x: int) -> None:
    assert solve(equation) == x
    assert judge("linear", f"\\boxed{{{x}}}", {"equation": equation}).correct
    assert not judge("linear", f"\\boxed{{{x + 1}}}", {"equation": equation}).correct


@pytest.mark.parametrize(
    "equation",
    [
        "",
        "2x + 3",
        "2x = 3 = 4",
        "2x + y = 3",
        "3 = 3",
        "x = x",
        "2x + = 3",
        "2^x = 4",
        "x" * 99,
        "= 3",
        "2x3 = 4",
    ],
)
def test_linear_refuses_other_equations(equation: str) -> None:
    with pytest.raises(ValueError, match="equation"):
        solve(equation)


def test_linear_answer_forms() -> None:
    for good in ("2", "x = 2", "+2", " 2 ", "x=2"):
        assert judge("linear", f"so \\boxed{{{good}}}").correct
    for bad in ("-2", "x = 3", "2, 3", "2x = 4", "\u4e8c"):
        assert not judge("linear", f"\\boxed{{{bad}}}").correct


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3 + 4 * 5", 23),
        ("(3+4)*5", 35),
        ("2 \u00d7 3 - 10", -4),
        ("1 - (2 - 3)", 2),
        ("-5 - -3", -2),
        ("8 / 2 / 2", 2),
        ("2 \u00d7 (3)", 6),
        ("2 \\times 3", 6),
    ],
)
def test_parse(text: str, value: int) -> None:
    assert parse(text).value == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3 +",
        "(3",
        "3)",
        "3 4",
        "2 ** 3",
        "1 / 0",
        "1 / (2 - 2)",
        "__import__('os')",
        "3 // 2",
        "1e9",
        "(" * 200 + "1" + ")" * 200,
        "-" * 300 + "1",
        "1 + " * 500 + "1",
        "12345678901",
    ],
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        parse(text)


def test_expression() -> None:
    assert judge("expression", r"\boxed{29}").correct
    assert not judge("expression", r"\boxed{28}").correct
    assert not judge("expression", r"\boxed{(3 + 4) * 5 - 6}").correct
    assert judge("expression", r"\boxed{6}", {"expression": "2\u00d73"}).correct


def test_word_needs_an_answer() -> None:
    task = TASKS["word"]
    assert task.check(PROBLEMS["word"], r"\boxed{7}", answer="7").correct
    assert not task.check(PROBLEMS["word"], r"\boxed{8}", answer="7").correct
    with pytest.raises(ValueError, match="answer is None"):
        task.check(PROBLEMS["word"], r"\boxed{7}")


@pytest.mark.parametrize(
    ("text", "correct", "reason"),
    [
        ("30 - (100 - 93)", True, "each number once"),
        ("30 - (100 - 93) = 23", True, "each number once"),
        ("30-100+93", True, "each number once"),
        ("30 - (100 - 93) = 24", False, "says it makes 24"),
        ("30 + 100 - 93", False, "makes 37"),
        ("30 - 7", False, "exactly once"),
        ("30 - (100 - 93) + 30 - 30", False, "exactly once"),
        ("23", False, "exactly once"),
        ("30 - (100 - 93", False, "Not a valid"),
        ("30 / (100 - 100)", False, "Not a valid"),
        ("__import__('os').abort()", False, "Not a valid"),
    ],
)
def test_countdown(text: str, correct: bool, reason: str) -> None:
    verdict = judge("countdown", f"\\boxed{{{text}}}")
    assert verdict.correct is correct
    assert reason in verdict.reason


def test_countdown_counts_in_fractions() -> None:
    fields = {"numbers": "3, 2, 4", "target": "6"}
    assert judge("countdown", r"\boxed{3 / 2 * 4}", fields).correct


@pytest.mark.parametrize("task", TASKS)
def test_no_box_is_wrong(task: Any) -> None:
    verdict = judge(task, "The answer is 7.")
    assert not verdict.correct
    assert verdict.answer is None


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "response",
    [
        "\\boxed{" * 50_000,
        "\\boxed{" + "{" * 100_000 + "}" * 100_001,
        "\\boxed{" + "9" * 300_000 + "}",
        "\\boxed{" + "(" * 399 + "}",
        "\\boxed{__import__('os').system('true')}",
        "\\boxed{9**9**9**9}",
        "\\boxed{\x00}",
        "\\boxed{" + "9*" * 199 + "9}",
        "\\boxed" + " " * 300_000,
        "{" * 300_000,
        "\\boxed{}",
    ],
)
def test_hostile_responses_end_quickly(task: Any, response: str) -> None:
    start = time.process_time()
    assert not judge(task, response).correct
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("task", "fields", "named"),
    [
        ("sudoku", {"puzzle": "12"}, "puzzle"),
        ("sudoku", {}, "puzzle"),
        ("linear", {"equation": "nonsense"}, "equation"),
        ("expression", {"expression": "2 +"}, "expected a number"),
        ("countdown", {"numbers": "1;2", "target": "3"}, "numbers"),
        ("countdown", {"numbers": "1,2,3", "target": "x"}, "target"),
    ],
)
def test_malformed_fields_are_named(task: str, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        TASKS[task].check(fields, r"\boxed{1}")
