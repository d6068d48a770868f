"""The true answer of a problem, computed from its fields alone."""

from __future__ import annotations

from collections.abc import Mapping

from tasks import linear
from tasks.arithmetic import parse
from tasks.core import field_of
from tasks.sudoku_grids import completions


def true_answer(task: str, fields: Mapping[str, str]) -> str | None:
    """The one right answer as text; None where the fields alone do not say it (a word problem, a
    countdown with its many ways, a sudoku with no or several solutions). ValueError: a malformed field."""
    if task == "linear":
        return str(linear.solve(field_of(fields, "equation")))
    if task == "expression":
        return str(parse(field_of(fields, "expression")).value)
    if task == "sudoku":
        puzzle = field_of(fields, "puzzle")
        grids = completions(puzzle, most=2)
        return grids[0] if grids is not None and len(grids) == 1 else None
    return None
