"""JSON lines and lists of JSON objects as rows of text; a field that a row has not is empty there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from evaluation.sets.cells import Decimals, Limits, Record, as_text, is_nan, read_text
from evaluation.sets.columns import SetError


def jsonl_rows(path: Path, limits: Limits, notes: list[str]) -> Generator[Record, None, None]:
    """One object a line. SetError names the row that is none."""
    # Not splitlines(): a JSON string may hold U+2028 as it is.
    lines = (line for line in read_text(path, notes).split("\n") if line.strip())
    return _records(path, (_parsed(number, line) for number, line in enumerate(lines, 1)), notes)


def json_rows(path: Path, limits: Limits, notes: list[str]) -> Generator[Record, None, None]:
    """One list of objects. SetError names the row that is none."""
    values = _parsed(1, read_text(path, notes))
    if not isinstance(values, list):
        raise SetError(f"{path.name} is no list; allowed: a JSON list of objects, or JSONL")
    return _records(path, iter(values), notes)


def _parsed(number: int, text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimals, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise SetError(f"row {number} is not JSON: {str(error)[:120]}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"the field {twice[:40]!r} stands there twice")
    return value


def _records(path: Path, values: Iterator[Any], notes: list[str]) -> Generator[Record, None, None]:
    rows: Counter[str] = Counter()
    number = 0
    try:
        for number, value in enumerate(values, 1):
            if not isinstance(value, dict):
                raise SetError(f"row {number} of {path.name} is no object; allowed: {{column: value, …}}")
            rows.update(value.keys())
            yield _record(number, value)
    finally:
        notes += [f"{column[:40]!r} is in {count} of {number} rows, and empty in the others"
                  for column, count in rows.items() if count < number]  # fmt: skip


def _record(number: int, value: dict[str, Any]) -> Record:
    for column, cell in value.items():
        if is_nan(cell):
            raise SetError(f"row {number}, column {column[:40]!r} is NaN; no JSON has that")
    try:
        return {column.strip(): as_text(cell) for column, cell in value.items()}
    except RecursionError:
        raise SetError(f"row {number} holds too many lists in lists; allowed: a flat object") from None
