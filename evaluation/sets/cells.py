"""What a table's cells and header may hold: sizes, names, characters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.sets.columns import SetError
from models.text import half_character

MOST_BYTES = 256 * 2**20
MOST_ROWS = 100_000
MOST_COLUMNS = 200
MOST_CHARACTERS = 50_000
_KEY = r"""['"](?:role|from|content|value)['"]\s*:"""
_TURNS = re.compile(rf"(?:array\(\s*)?(?:\[\s*)?\{{\s*{_KEY}.*?{_KEY}", re.DOTALL)
Record = dict[str, str]


@dataclass(frozen=True)
class Limits:
    """What a file may hold: characters of a cell, rows, how many columns it needs; plain: whether a file
    of plain text will do."""

    characters: int = MOST_CHARACTERS
    rows: int = MOST_ROWS
    columns: int = 2
    plain: bool = False


def check_header(columns: Sequence[str], limits: Limits) -> None:
    """SetError: too few or too many columns, one without a name, two of one name."""
    if len(columns) < limits.columns:
        only = f" ({columns[0][:40]!r})" if columns else ""
        raise SetError(f"one column{only} is not enough; a question and an answer column are needed")
    if len(columns) > MOST_COLUMNS:
        raise SetError(f"{len(columns)} columns are too many; allowed: at most {MOST_COLUMNS}")
    for place, name in enumerate(columns, 1):
        if not name:
            raise SetError(f"column {place} has no name; name every column in the first line")
        first = columns.index(name) + 1
        if first != place:
            raise SetError(f"columns {first} and {place} are both called {name[:40]!r}; rename one")


def check_cells(number: int, record: Record, most: int) -> None:
    """SetError names row and column of a cell that is too long, or holds what no tokenizer takes."""
    for column, cell in record.items():
        wrong = ""
        if len(cell) > most:
            wrong = f"has {len(cell):,} characters; allowed: at most {most:,}"
        elif half_character(cell):
            wrong = "holds half a character; remove it"
        elif "\0" in cell:
            wrong = "holds a NUL byte; remove it"
        if wrong:
            raise SetError(f"row {number}, column {column[:40]!r} {wrong}")


def looks_like_turns(cell: str) -> bool:
    """Whether a cell holds a conversation as JSON or as Python writes it, in a time linear in its length."""
    return _TURNS.match(cell.lstrip()) is not None


def check_words(where: str, role: str, cell: str) -> None:
    """SetError for a cell that is empty, or holds a whole conversation, where a text is wanted."""
    if not cell.strip():
        raise SetError(f"{where} is empty; every row needs its {role}")
    if looks_like_turns(cell):
        raise SetError(f"{where} holds a conversation; allowed: the {role} as text")
