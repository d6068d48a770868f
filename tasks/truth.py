"""The true answer of a problem, computed from its fields alone."""

from __future__ import annotations

from collections.abc import Mapping

from tasks import linear, sudoku
from tasks.arithmetic import parse
from tasks.core import field_of


def true_answer(task: str, fields: Mapping[str, str]) -> str | None:
    """The one right answer as text; None where the fields alone do not say it (a word problem, a
    countdown with its many ways, a sudoku with several solutions). ValueError: a malformed field."""
    if task == "linear":
        return str(linear.solve(field_of(fields, "equation")))
    if task == "expression":
        return str(parse(field_of(fields, "expression")).value)
    if task == "sudoku":
        puzzle = field_of(fields, "puzzle")
        solved = [grid for grid in sudoku.all_grids() if _keeps(grid, puzzle)]
        return solved[0] if len(solved) == 1 else None
    return None


def _keeps(grid: str, puzzle: str) -> bool:
    return len(puzzle) == len(grid) and all(
        clue in ("0", digit) for clue, digit in zip(puzzle, grid, strict=True)
    )
