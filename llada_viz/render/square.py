"""The square of a sudoku, for the board that draws it as one."""

from __future__ import annotations

from typing import Any

from samplers.measuring.judges import question_in
from tasks.sudoku_grids import completions, layout_of

MOST_PLACED = 2_000
"""Digits that the search for the solution may place: the first frame waits for it."""


def square_of(prompt: str) -> dict[str, Any] | None:
    """The sudoku that a prompt asks; None: it asks another thing.

    Returns {"size", "box": [rows, columns] of a box, "puzzle": digits row by row, 0 for an empty place,
    "solution": all digits, or None where there is not exactly one, or none was found in time}.
    """
    question = question_in(prompt)
    if question is None or question[0] != "sudoku":
        return None
    puzzle = question[1]["puzzle"]
    layout = layout_of(puzzle)
    grids = completions(puzzle, most=2, most_placed=MOST_PLACED) or []
    return {
        "size": layout.size, "box": [layout.box_rows, layout.box_columns], "puzzle": puzzle,
        "solution": grids[0] if len(grids) == 1 else None,
    }  # fmt: skip
