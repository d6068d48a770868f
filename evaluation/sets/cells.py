"""Cells as text: what they and a header may hold, files decoded, JSON values written as they stood."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.sets.columns import SetError
from models.text import half_character

MOST_BYTES = 256 * 2**20
MOST_ROWS = 100_000
MOST_COLUMNS = 200
MOST_CHARACTERS = 50_000
_KEY = r"""['"](?:role|from|content|value)['"]\s*:"""
LOOKS_LIKE_TURNS = re.compile(rf"\s*(?:array\(\s*)?\[?\s*\{{\s*{_KEY}.*?{_KEY}", re.DOTALL)
"""A conversation as JSON or as Python writes it."""
LOOKED_AT = 1000
"""Bytes of a file from which UTF-16 without a mark is told: in most texts every second byte is 0."""

Record = dict[str, str]


@dataclass(frozen=True)
class Limits:
    """What a file may hold: characters of a cell, rows, how many columns it needs; plain: whether a file
    of plain text will do."""

    characters: int = MOST_CHARACTERS
    rows: int = MOST_ROWS
    columns: int = 2
    plain: bool = False


class Decimals(float):
    """A number of a JSON file that keeps the digits it was written with: 1.10, and twenty of them."""

    digits: str

    def __new__(cls, digits: str) -> Decimals:
        number = super().__new__(cls, digits)
        number.digits = digits
        return number


def read_text(path: Path, notes: list[str] | None = None) -> str:
    """A whole file of UTF-8, or of UTF-16 (which is noted), without byte-order marks; SetError names the
    line that is neither."""
    data = path.read_bytes()
    if encoding := _utf_16(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            raise SetError(
                f"{path.name} is not UTF-8, and no whole UTF-16 either; save it as UTF-8"
            ) from None
        if notes is not None:
            notes.append("it was read as UTF-16")
        return text.lstrip("\ufeff")
    try:
        return data.decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SetError(
            f"{path.name} is not UTF-8: byte {data[error.start]:#04x} in line {line}; save it as UTF-8"
        ) from None


def _utf_16(data: bytes) -> str:
    """The name of a UTF-16 encoding, by its mark or its zeros; "" for another one."""
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            return encoding
    first = data[:LOOKED_AT]
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if first[offset::2].count(0) * 2 > len(first[offset::2]):
            return encoding
    return ""


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


def check_words(where: str, role: str, cell: str) -> None:
    """SetError for a cell that is empty, or holds a whole conversation, where a text is wanted."""
    if not cell.strip():
        raise SetError(f"{where} is empty; every row needs its {role}")
    if LOOKS_LIKE_TURNS.match(cell):
        raise SetError(f"{where} holds a conversation; allowed: the {role} as text")


def as_text(value: Any) -> str:
    """A cell as text: nothing for null and NaN, JSON for lists and objects, digits as they were written."""
    if value is None or is_nan(value):
        return ""
    return value if isinstance(value, str) else _written(value)


def is_nan(value: Any) -> bool:
    """Whether a value is the number that is none."""
    return isinstance(value, float) and value != value


def _written(value: Any) -> str:
    """JSON, but for decimals with their own digits, and for dates and the like, which are text."""
    if isinstance(value, Decimals):
        return value.digits
    if isinstance(value, Mapping):
        parts = (f"{json.dumps(str(key), ensure_ascii=False)}: {_inner(v)}" for key, v in value.items())
        return f"{{{', '.join(parts)}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_inner, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (bool, int, float)) else str(value)


def _inner(value: Any) -> str:
    if isinstance(value, (bool, int, float, list, tuple, Mapping)):
        return _written(value)
    return json.dumps(value, ensure_ascii=False, default=str)
