"""4x4 and 6x6 sudoku: a completed grid with some cells hidden."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

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
from tasks.sudoku_grids import LAYOUTS, draw_grid, is_solved, keeps_clues, layout_of

PLAIN_SHARE = 0.7
"""Share of the training prompts in the task's own wording; the others take one of PHRASINGS."""
PHRASINGS = (
    "Complete this {0}x{0} sudoku: {{puzzle}}",
    "Fill in the {0}x{0} sudoku {{puzzle}}",
    "{0}x{0} sudoku: {{puzzle}}",
    "Solve the {0}x{0} sudoku {{puzzle}} where 0 is an empty cell.",
)
"""Other wordings; see `phrasings`."""


@dataclass(frozen=True)
class SudokuSettings:
    """Squares of size x size cells (4 or 6), of which hidden_min..hidden_max are hidden; counts in
    heavy_min..heavy_max are drawn heavy_weight times as often as the others."""

    size: int = 4
    hidden_min: int = 4
    hidden_max: int = 13
    heavy_min: int = 7
    heavy_max: int = 10
    heavy_weight: int = 2

    def __post_init__(self) -> None:
        """Refuse other sizes, and counts outside the grid."""
        require(self.size in LAYOUTS, "size", self.size, " or ".join(map(str, LAYOUTS)))
        cells = LAYOUTS[self.size].cells
        require(1 <= self.hidden_min <= cells, "hidden_min", self.hidden_min, f"1..{cells}")
        require(
            self.hidden_min <= self.hidden_max <= cells,
            "hidden_max",
            self.hidden_max,
            f"hidden_min ({self.hidden_min})..{cells}",
        )
        require(self.heavy_weight >= 1, "heavy_weight", self.heavy_weight, "1 or more")


def template_of(size: int) -> str:
    """The task's own wording for squares of a size, in `str.format` form."""
    return f"Solve this {size}x{size} sudoku: {{puzzle}}"


def phrasings(size: int) -> tuple[str, ...]:
    """The other wordings for squares of a size, in `str.format` form."""
    return tuple(form.format(size) for form in PHRASINGS)


def solution_of(grid: str, size: int) -> str:
    """The worked answer: the grid's rows, and all of it in the box."""
    rows = "".join(f"{grid[i : i + size]}\n" for i in range(0, len(grid), size))
    return f"{rows}\\boxed{{{grid}}}"


@cache
def _hidden_counts(settings: SudokuSettings) -> tuple[int, ...]:
    return tuple(
        n
        for n in range(settings.hidden_min, settings.hidden_max + 1)
        for _ in range(settings.heavy_weight if settings.heavy_min <= n <= settings.heavy_max else 1)
    )


@dataclass(frozen=True)
class SudokuTask:
    """Generates sudoku of one size and checks those of every size; any completion that keeps the clues and
    rules is right."""

    settings: SudokuSettings = field(default_factory=SudokuSettings)
    name: str = "sudoku"
    splits: tuple[str, ...] = SPLITS

    @property
    def template(self) -> str:
        """The prompt in `str.format` form."""
        return template_of(self.settings.size)

    def generate(self, rng: random.Random, split: str) -> Problem:
        """Draw one problem of the split."""
        size, counts = self.settings.size, _hidden_counts(self.settings)

        def draw() -> tuple[str, str]:
            grid = draw_grid(rng, size)
            hidden = rng.sample(range(size * size), counts[below(rng, len(counts))])
            return grid, "".join("0" if i in hidden else digit for i, digit in enumerate(grid))

        grid, puzzle = draw_for(self, split, draw)
        phrasing = self.template
        if split == TRAIN and rng.random() >= PLAIN_SHARE:
            phrasing = phrasings(size)[below(rng, len(PHRASINGS))]
        return Problem(
            self.name,
            {"puzzle": puzzle},
            phrasing.format(puzzle=puzzle),
            solution_of(grid, size),
            grid,
            puzzle,
        )

    def check(self, problem: Mapping[str, str], response: str, *, answer: str | None = None) -> Verdict:
        """Judge a response by the clues and the rules; `answer` is not used."""
        puzzle = field_of(problem, "puzzle")
        layout = layout_of(puzzle)
        boxed = boxed_answer(response)
        if isinstance(boxed, Verdict):
            return boxed
        grid = "".join(boxed.split())
        if len(grid) != layout.cells or not set(grid) <= layout.digits:
            allowed = f"{layout.cells} digits from 1 to {layout.size}"
            return Verdict(False, boxed, f"The boxed grid is not {allowed}.")
        if not keeps_clues(grid, puzzle):
            return Verdict(False, grid, "The grid changes a clue.")
        if not is_solved(grid):
            return Verdict(False, grid, "A row, column or box repeats a digit.")
        return Verdict(True, grid, "The grid keeps the clues and the rules.")
