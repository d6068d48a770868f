"""4x4 sudoku: a completed grid with some cells hidden."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import permutations

from tasks.core import (
    SPLITS,
    TRAIN,
    Problem,
    Verdict,
    below,
    boxed_answer,
    draw_for,
    field_of,
    require,
)

PLAIN_SHARE = 0.7
"""Share of the training prompts in the task's own wording; the others take one of PHRASINGS."""
PHRASINGS = (
    "Complete this 4x4 sudoku: {puzzle}",
    "Fill in the 4x4 sudoku {puzzle}",
    "4x4 sudoku: {puzzle}",
    "Solve the 4x4 sudoku {puzzle} where 0 is an empty cell.",
)
_DIGITS = set("1234")
_UNITS = (
    *(tuple(range(4 * r, 4 * r + 4)) for r in range(4)),
    *(tuple(range(c, 16, 4)) for c in range(4)),
    *(tuple(o + d for d in (0, 1, 4, 5)) for o in (0, 2, 8, 10)),
)
"""The cells of every row, column and 2x2 box, numbered 0..15 row by row."""


@dataclass(frozen=True)
class SudokuSettings:
    """How many cells are hidden: hidden_min..hidden_max, where counts in heavy_min..heavy_max are drawn
    heavy_weight times as often as the others."""

    hidden_min: int = 4
    hidden_max: int = 13
    heavy_min: int = 7
    heavy_max: int = 10
    heavy_weight: int = 2

    def __post_init__(self) -> None:
        """Refuse counts outside the grid."""
        require(1 <= self.hidden_min <= 16, "hidden_min", self.hidden_min, "1..16")
        require(
            self.hidden_min <= self.hidden_max <= 16,
            "hidden_max",
            self.hidden_max,
            f"hidden_min ({self.hidden_min})..16",
        )
        require(self.heavy_weight >= 1, "heavy_weight", self.heavy_weight, "1 or more")


def is_solved(grid: str) -> bool:
    """Whether 16 digits fill every row, column and 2x2 box with 1 to 4."""
    return all({grid[i] for i in unit} == _DIGITS for unit in _UNITS)


def keeps_rules(digits: str, puzzle: str) -> bool:
    """Whether the first digits of a grid keep the clues of the puzzle and repeat none in a row, column or
    box."""
    if not set(digits) <= _DIGITS or len(digits) > 16:
        return False
    if any(clue not in ("0", digit) for digit, clue in zip(digits, puzzle, strict=False)):
        return False
    filled_units = ([digits[i] for i in unit if i < len(digits)] for unit in _UNITS)
    return all(len(set(filled)) == len(filled) for filled in filled_units)


@cache
def all_grids() -> tuple[str, ...]:
    """The 288 completed grids, in dictionary order."""
    rows = ["".join(p) for p in permutations("1234")]
    grids = []
    for a in rows:
        for b in rows:
            if set(a[:2]) & set(b[:2]):
                continue
            grids += [g for c in rows for d in rows if is_solved(g := a + b + c + d)]
    return tuple(grids)


@cache
def _hidden_counts(settings: SudokuSettings) -> tuple[int, ...]:
    return tuple(
        n
        for n in range(settings.hidden_min, settings.hidden_max + 1)
        for _ in range(settings.heavy_weight if settings.heavy_min <= n <= settings.heavy_max else 1)
    )


@dataclass(frozen=True)
class SudokuTask:
    """Generates and checks 4x4 sudoku; any completion that keeps the clues and rules is right."""

    settings: SudokuSettings = field(default_factory=SudokuSettings)
    name: str = "sudoku"
    template: str = "Solve this 4x4 sudoku: {puzzle}"
    splits: tuple[str, ...] = SPLITS

    def generate(self, rng: random.Random, split: str) -> Problem:
        """Draw one problem of the split."""
        grids, counts = all_grids(), _hidden_counts(self.settings)

        def draw() -> tuple[str, str]:
            grid = grids[below(rng, len(grids))]
            hidden = rng.sample(range(16), counts[below(rng, len(counts))])
            return grid, "".join("0" if i in hidden else digit for i, digit in enumerate(grid))

        grid, puzzle = draw_for(self, split, draw)
        phrasing = self.template
        if split == TRAIN and rng.random() >= PLAIN_SHARE:
            phrasing = PHRASINGS[below(rng, len(PHRASINGS))]
        rows = f"{grid[:4]}\n{grid[4:8]}\n{grid[8:12]}\n{grid[12:]}"
        return Problem(
            self.name,
            {"puzzle": puzzle},
            phrasing.format(puzzle=puzzle),
            f"{rows}\n\\boxed{{{grid}}}",
            grid,
            puzzle,
        )

    def check(self, problem: Mapping[str, str], response: str, *, answer: str | None = None) -> Verdict:
        """Judge a response by the clues and the rules; `answer` is not used."""
        puzzle = field_of(problem, "puzzle")
        require(len(puzzle) == 16 and set(puzzle) <= set("01234"), "puzzle", puzzle, "16 digits 0 to 4")
        boxed = boxed_answer(response)
        if isinstance(boxed, Verdict):
            return boxed
        grid = "".join(boxed.split())
        if len(grid) != 16 or not set(grid) <= _DIGITS:
            return Verdict(False, boxed, "The boxed grid is not 16 digits from 1 to 4.")
        if any(clue not in ("0", digit) for clue, digit in zip(puzzle, grid, strict=True)):
            return Verdict(False, grid, "The grid changes a clue.")
        if not is_solved(grid):
            return Verdict(False, grid, "A row, column or box repeats a digit.")
        return Verdict(True, grid, "The grid keeps the clues and the rules.")
