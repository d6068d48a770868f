"""JSON lines and lists of JSON objects as rows of text, each value as it is written in the file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.sets.cells import Limits, Record
from evaluation.sets.columns import SetError


class Decimals(float):
    """A number of a JSON file that keeps the digits it was written with: 1.10, and twenty of them."""

    digits: str

    def __new__(cls, digits: str) -> Decimals:
        number = super().__new__(cls, digits)
        number.digits = digits
        return number


@dataclass(frozen=True)
class NoNumber:
    """NaN or an infinity, which Python's reader takes and JSON does not have."""

    name: str


def jsonl_rows(path: Path, text: str, limits: Limits, notes: list[str]) -> Generator[Record, None, None]:
    """JSON lines, one object in each. SetError names a row that is no object."""
    # Not splitlines(): a JSON string may hold U+2028 as it is.
    lines = (line for line in text.split("\n") if line.strip())
    return _records(path, (_parsed(number, line) for number, line in enumerate(lines, 1)), notes)


def json_rows(path: Path, text: str, limits: Limits, notes: list[str]) -> Generator[Record, None, None]:
    """A JSON list of objects. SetError names a row that is no object."""
    values = _parsed(1, text)
    if not isinstance(values, list):
        raise SetError(f"{path.name} is no list; allowed: a JSON list of objects, or JSONL")
    return _records(path, iter(values), notes)


def _parsed(number: int, text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimals, parse_constant=NoNumber, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise SetError(f"row {number} is not JSON: {str(error)[:120]}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if twice := _twice(name for name, _ in pairs):
        raise ValueError(f"the field {twice[0][:40]!r} stands there twice")
    return dict(pairs)


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _records(path: Path, values: Iterator[Any], notes: list[str]) -> Generator[Record, None, None]:
    rows: Counter[str] = Counter()
    number = 0
    try:
        for number, value in enumerate(values, 1):
            if not isinstance(value, dict):
                raise SetError(f"row {number} of {path.name} is no object; allowed: {{column: value, …}}")
            if twice := _twice(column.strip() for column in value):
                raise SetError(f"row {number}: the field {twice[0][:40]!r} stands there twice, spaces aside")
            record = record_of(number, {column.strip(): cell for column, cell in value.items()})
            rows.update(record.keys())
            yield record
    finally:
        notes += [f"{column[:40]!r} is in {count} of {number} rows, and empty in the others"
                  for column, count in rows.items() if count < number]  # fmt: skip


def record_of(number: int, value: Mapping[str, Any]) -> Record:
    """A row as text. SetError names row and column of a value that is no text."""
    record = {}
    for column, cell in value.items():
        try:
            record[column] = as_text(cell)
        except SetError as error:
            raise SetError(f"row {number}, column {column[:40]!r} {error}") from None
        except RecursionError:
            raise SetError(f"row {number} holds too many lists in lists; allowed: a flat object") from None
    return record


def as_text(value: Any) -> str:
    """A cell as text: nothing for null and Python's NaN, JSON for lists and objects, digits as they were
    written, bytes as UTF-8. SetError, without the cell's place: bytes of anything else, NaN in JSON."""
    if value is None or isinstance(value, float) and value != value:
        return ""
    return value if isinstance(value, str) else _written(value)


def _written(value: Any) -> str:
    """As JSON; decimals with the digits of the file; bytes, dates and the like as plain text."""
    if isinstance(value, NoNumber):
        raise SetError(f"is {value.name}; no JSON has that")
    if isinstance(value, bytes):
        return _decoded(value)
    if isinstance(value, Decimals):
        return value.digits
    if isinstance(value, Mapping):
        parts = (f"{json.dumps(str(key), ensure_ascii=False)}: {_inner(v)}" for key, v in value.items())
        return f"{{{', '.join(parts)}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_inner, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (bool, int, float)) else str(value)


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise SetError("holds bytes that are no UTF-8; save it as text, or leave it out") from None


def _inner(value: Any) -> str:
    if isinstance(value, (bool, int, float, list, tuple, Mapping, NoNumber)):
        return _written(value)
    value = _decoded(value) if isinstance(value, bytes) else value
    return json.dumps(value, ensure_ascii=False, default=str)
