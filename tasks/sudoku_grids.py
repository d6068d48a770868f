"""The grids of 4x4 and 6x6 sudoku: their rules, all of them or a drawn one, and the completions of a puzzle.

A grid is a string of digits, row by row; in a puzzle 0 is an empty cell.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from itertools import permutations

from tasks.core import below, require

MOST_PLACED = 20_000
"""Digits that the search for completions places before it gives up; a puzzle of one solution takes about as
many as it has empty cells."""


@dataclass(frozen=True)
class Layout:
    """A square of size x size cells in boxes of box_rows x box_columns. units: the cells of every row, column
    and box, numbered from 0 row by row; digits: those that fill a unit."""

    size: int
    box_rows: int
    box_columns: int
    units: tuple[tuple[int, ...], ...]
    digits: frozenset[str]

    @property
    def cells(self) -> int:
        """How many cells the square has."""
        return self.size * self.size


def _layout(size: int, box_rows: int, box_columns: int) -> Layout:
    cells = size * size
    rows = [tuple(range(r, r + size)) for r in range(0, cells, size)]
    columns = [tuple(range(c, cells, size)) for c in range(size)]
    boxes = [
        tuple((top + r) * size + left + c for r in range(box_rows) for c in range(box_columns))
        for top in range(0, size, box_rows)
        for left in range(0, size, box_columns)
    ]
    digits = frozenset("123456789"[:size])
    return Layout(size, box_rows, box_columns, (*rows, *columns, *boxes), digits)


LAYOUTS = {4: _layout(4, 2, 2), 6: _layout(6, 2, 3)}
"""By size."""
_BY_CELLS = {layout.cells: layout for layout in LAYOUTS.values()}


def layout_of(puzzle: str) -> Layout:
    """The layout of a puzzle, by its length. ValueError: no puzzle of a known size."""
    layout = _BY_CELLS.get(len(puzzle))
    fits = layout is not None and set(puzzle) <= {"0", *layout.digits}
    allowed = " or ".join(f"{cells} digits 0 to {known.size}" for cells, known in _BY_CELLS.items())
    require(fits, "puzzle", puzzle, allowed)
    assert layout is not None
    return layout


def is_solved(grid: str) -> bool:
    """Whether the digits of a 4x4 or 6x6 grid fill every row, column and box without a repeat."""
    layout = _BY_CELLS.get(len(grid))
    return layout is not None and all({grid[i] for i in unit} == layout.digits for unit in layout.units)


def keeps_clues(digits: str, puzzle: str) -> bool:
    """Whether the first digits of a grid agree with the clues of the puzzle."""
    return all(clue in ("0", digit) for digit, clue in zip(digits, puzzle, strict=False))


def keeps_rules(digits: str, puzzle: str) -> bool:
    """Whether the first digits of a grid keep the clues of the puzzle and repeat none in a row, column or
    box. ValueError: no puzzle of a known size."""
    layout = layout_of(puzzle)
    if not set(digits) <= layout.digits or len(digits) > layout.cells or not keeps_clues(digits, puzzle):
        return False
    filled_units = ([digits[i] for i in unit if i < len(digits)] for unit in layout.units)
    return all(len(set(filled)) == len(filled) for filled in filled_units)


@cache
def all_grids() -> tuple[str, ...]:
    """The 288 completed 4x4 grids, in dictionary order."""
    rows = ["".join(p) for p in permutations("1234")]
    grids = []
    for a in rows:
        for b in rows:
            if set(a[:2]) & set(b[:2]):
                continue
            grids += [g for c in rows for d in rows if is_solved(g := a + b + c + d)]
    return tuple(grids)


@cache
def base_grids() -> tuple[tuple[str, ...], ...]:
    """The 816 completed 6x6 grids, as rows, whose first row is 123456, whose second begins with 456, and
    whose lower rows are in order: third before fourth, fifth before sixth, third before fifth.

    Another order of the lower rows (8) and of the last three columns (6), and other names of the digits
    (720), make each of them into 34,560 grids, no two alike: all 28,200,960 that there are.
    """
    lines = ["".join(p) for p in permutations("123456")]
    top = "123456"

    def under(above: tuple[str, ...], rows: list[str]) -> list[str]:
        """Of rows, those that repeat no digit of the rows above in a column."""
        return [
            row for row in rows if all(a != b for other in above for a, b in zip(row, other, strict=True))
        ]

    def beside(row: str, rows: list[str]) -> list[str]:
        """Of rows, the later ones that make a band of two boxes with `row`."""
        return [other for other in rows if other > row and not set(other[:3]) & set(row[:3])]

    grids = []
    for second in (row for row in under((top,), lines) if row.startswith("456")):
        lower = under((top, second), lines)
        for third in lower:
            for fourth in under((third,), beside(third, lower)):
                rest = [row for row in under((third, fourth), lower) if row > third]
                grids += [
                    (top, second, third, fourth, fifth, sixth)
                    for fifth in rest
                    for sixth in under((fifth,), beside(fifth, rest))
                ]
    return tuple(grids)


def draw_grid(rng: random.Random, size: int) -> str:
    """A completed grid; every grid of the size is as likely as any other."""
    if size == 4:
        grids = all_grids()
        return grids[below(rng, len(grids))]
    bases = base_grids()
    top, second, *lower = bases[below(rng, len(bases))]
    order = below(rng, 8)
    bands = [lower[:2][:: -1 if order & 1 else 1], lower[2:][:: -1 if order & 2 else 1]]
    first, last = bands[:: -1 if order & 4 else 1]
    a, b, c = rng.sample((3, 4, 5), 3)
    grid = "".join(row[:3] + row[a] + row[b] + row[c] for row in (top, second, *first, *last))
    return grid.translate(str.maketrans("123456", "".join(rng.sample("123456", 6))))


def completions(puzzle: str, most: int, most_placed: int = MOST_PLACED) -> list[str] | None:
    """Up to `most` completed grids that keep the clues of a puzzle; None where more than most_placed digits
    had to be tried. ValueError: no puzzle of a known size.

    Depth first, always in the empty cell with the fewest digits left.
    """
    layout = layout_of(puzzle)
    around = _peers(layout)
    grid, placed, found = list(puzzle), 0, []
    for i, digit in enumerate(puzzle):
        if digit != "0" and any(puzzle[j] == digit for j in around[i]):
            return []

    def choices(cell: int) -> list[str]:
        return sorted(layout.digits - {grid[j] for j in around[cell]})

    def search(empty: frozenset[int]) -> bool:
        """Whether to go on."""
        nonlocal placed
        if not empty:
            found.append("".join(grid))
            return len(found) < most
        options, cell = min(
            ((choices(cell), cell) for cell in empty), key=lambda pair: (len(pair[0]), pair[1])
        )
        for digit in options:
            placed += 1
            if placed > most_placed:
                return False
            grid[cell] = digit
            if not search(empty - {cell}):
                return False
        grid[cell] = "0"
        return True

    search(frozenset(i for i, digit in enumerate(puzzle) if digit == "0"))
    return None if placed > most_placed else found


def can_be_completed(digits: str, puzzle: str) -> bool:
    """Whether some completed grid of the puzzle begins with the digits; True where the search gave up.
    ValueError: no puzzle of a known size."""
    if not keeps_rules(digits, puzzle):
        return False
    grids = completions(digits + puzzle[len(digits) :], most=1)
    return grids is None or bool(grids)


@cache
def _peers(layout: Layout) -> tuple[frozenset[int], ...]:
    """For each cell the others of its row, column and box."""
    return tuple(
        frozenset(j for unit in layout.units if i in unit for j in unit if j != i)
        for i in range(layout.cells)
    )
