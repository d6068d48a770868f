"""Unfinished lines and boxes: which can still become right steps."""

from __future__ import annotations

import pytest

from tasks.checks.unfinished import can_still_hold

SUM = {"expression": "(3 + 12) - 20"}
LINEAR = {"equation": "2x + 4 = 32"}
WORD = {"problem": "Ann has 3 pens and buys 12 more."}
PICK = {"numbers": "4, 2, 12", "target": "20"}
SUDOKU = {"puzzle": "1000000000000000"}
CASES = [
    ("expression", SUM, "3 + 1", True), ("expression", SUM, "3 + 12 =", True),
    ("expression", SUM, "3 + 13 =", False), ("expression", SUM, "3 + 12 = 1", True),
    ("expression", SUM, "3 + 12 = 15", True), ("expression", SUM, "3 + 12 = 16", False),
    ("expression", SUM, "3 + 12 = 15\n15 - 20 = -", True),
    ("expression", SUM, "3 + 12 = 15\n15 - 20 = 5", False),
    ("expression", SUM, "3 + 12 = 15\n\\boxed{-5", True), ("expression", SUM, "\\boxed{5", False),
    ("linear", LINEAR, "32 - 4 = 28\n2x = 2", True), ("linear", LINEAR, "32 - 4 = 28\n2x = 3", False),
    ("linear", LINEAR, "32 - 4 = 28\n2x = 28\n28 / 2 = 14\n\\boxed{14", True),
    ("linear", LINEAR, "28 / 0 = 2", False), ("linear", LINEAR, "\\boxed{15", False),
    ("word", WORD, "in all: 3 + 12 = 15", True), ("word", WORD, "in all: 3 + 13 = 1", False),
    ("word", WORD, "in all: 3 + 12 = 15\n\\boxed{1", True),
    ("word", WORD, "in all: 3 + 12 = 15\n\\boxed{3", False),
    ("word", WORD, "\\boxed{", False), ("sudoku", SUDOKU, "12", True), ("sudoku", SUDOKU, "2", False),
    ("sudoku", SUDOKU, "1234\n1", False), ("sudoku", SUDOKU, "1234\n34", True),
    ("sudoku", SUDOKU, "\\boxed{1234", True), ("sudoku", SUDOKU, "\\boxed{2", False),
    ("expression", SUM, "3 + 13", False), ("expression", SUM, "3 + 12 = 16\n1", False),
    ("expression", SUM, "3 + 12 = 15\n15 - 2", True), ("expression", SUM, "so", True),
    ("linear", LINEAR, "2", True), ("linear", LINEAR, "31 ", False), ("linear", LINEAR, "28 / 2 ", True),
    ("word", WORD, "in all: 15", False), ("word", WORD, "in all: 1", True), ("word", WORD, "in a", True),
    ("countdown", PICK, "4 * 2", True), ("countdown", PICK, "4 * 4", False),
    ("countdown", PICK, "4 * 2 = 8\n8 - ", False), ("countdown", PICK, "4 * 2 = 8\n8 +", True),
    ("countdown", PICK, "\\boxed{4 * 2", True), ("countdown", PICK, "\\boxed{4 * 4", False),
    ("countdown", PICK, "\\boxed{1", True), ("countdown", PICK, "\\boxed{3 ", False),
]  # fmt: skip


@pytest.mark.parametrize(("task", "fields", "text", "holds"), CASES)
def test_unfinished_lines(task: str, fields: dict[str, str], text: str, holds: bool) -> None:
    assert can_still_hold(task, fields, text) is holds
