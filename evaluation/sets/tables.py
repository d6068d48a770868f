"""CSV, JSONL and Parquet files as rows of text; what cannot be used is named by row and column."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.sets.columns import SetError
from evaluation.sets.public_sets import PublicSet

MOST_BYTES = 256 * 2**20
MOST_ROWS = 100_000
MOST_COLUMNS = 200
MOST_CHARACTERS = 50_000
AT_ONCE = 16
"""Rows of a Parquet file that are unpacked together."""
HALF = re.compile("[\\ud800-\\udfff]")
"""Half a character: JSON can write one, and no tokenizer takes it."""
DELIMITERS = ",;\t"
csv.field_size_limit(MOST_BYTES)  # cells are measured below, where row and column are known

Record = dict[str, str]


@dataclass(frozen=True)
class Limits:
    """What a file may hold: characters of a cell, rows, how many columns it needs; plain: whether a file
    of plain text will do."""

    characters: int = MOST_CHARACTERS
    rows: int = MOST_ROWS
    columns: int = 2
    plain: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of text by column, by index from 0; they are called by number from 1, the header apart.
    public: what is known of a set of the hub."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Record]
    public: PublicSet = PublicSet()  # noqa: RUF009 - frozen

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Record:
        return self.rows[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.rows)


TEXT = "text"
"""The only column of a text file."""


def read_table(path: Path, limit: int | None = None, limits: Limits = Limits()) -> Table:  # noqa: B008 - frozen
    """The first `limit` rows of a file (all of them: None). SetError says what to change."""
    reader = READERS.get(path.suffix.lower())
    if reader is None or (reader is _text and not limits.plain):
        allowed = ", ".join(end for end, other in READERS.items() if other is not _text)
        raise SetError(f"{path.name} is no set; allowed: a file ending in {allowed}")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SetError(f"{path.name} cannot be read: {error.strerror}") from None
    if size > MOST_BYTES:
        raise SetError(f"{path.name} has {size >> 20} MB; allowed: at most {MOST_BYTES >> 20} MB")
    columns: tuple[str, ...] = ()
    rows: list[Record] = []
    for header, record in reader(path, limits):
        columns = header
        number = len(rows) + 1
        if number > limits.rows:
            raise SetError(f"{path.name} has more than {limits.rows:,} rows; split it, or set a limit")
        _check_cells(number, record, MOST_BYTES if reader is _text else limits.characters)
        rows.append(record)
        if len(rows) == limit:
            break
    if not rows:
        raise SetError(f"{path.name} has no rows; a header and at least one row are needed")
    return Table(path.name, columns, tuple(rows))


def _check_header(columns: Sequence[str], limits: Limits) -> tuple[str, ...]:
    named = tuple(column.strip() for column in columns)
    if len(named) < limits.columns:
        only = f" ({named[0][:40]!r})" if named else ""
        raise SetError(f"one column{only} is not enough; a question and an answer column are needed")
    if len(named) > MOST_COLUMNS:
        raise SetError(f"{len(named)} columns are too many; allowed: at most {MOST_COLUMNS}")
    for place, name in enumerate(named, 1):
        if not name:
            raise SetError(f"column {place} has no name; name every column in the first line")
        first = named.index(name) + 1
        if first != place:
            raise SetError(f"columns {first} and {place} are both called {name[:40]!r}; rename one")
    return named


def _check_cells(number: int, record: Record, most: int) -> None:
    for column, cell in record.items():
        if len(cell) > most:
            raise SetError(
                f"row {number}, column {column[:40]!r} has {len(cell):,} characters; "
                f"allowed: at most {most:,}"
            )
        if HALF.search(cell):
            raise SetError(f"row {number}, column {column[:40]!r} holds half a character; remove it")
        if "\0" in cell:
            raise SetError(f"row {number}, column {column[:40]!r} holds a NUL byte; remove it")


def read_text(path: Path) -> str:
    """A whole file of UTF-8, with or without a byte-order mark; SetError names the line that is not."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SetError(
            f"{path.name} is not UTF-8: byte {data[error.start]:#04x} in line {line}; save it as UTF-8"
        ) from None


def _csv(path: Path, limits: Limits) -> Iterator[tuple[tuple[str, ...], Record]]:
    text = read_text(path)
    header = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(DELIMITERS, key=header.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: tuple[str, ...] = ()
    number = 0
    try:
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _check_header(cells, limits)
                continue
            number += 1
            if len(cells) != len(columns):
                raise SetError(
                    f"row {number} (line {lines.line_num}) has {len(cells)} cells, the header "
                    f"{len(columns)}; put cells that hold {delimiter!r} or line breaks in quotes"
                )
            yield columns, dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        raise SetError(f"row {number + 1} (line {lines.line_num}) is not CSV: {error}") from None


def _jsonl(path: Path, limits: Limits) -> Iterator[tuple[tuple[str, ...], Record]]:
    # Not splitlines(): a JSON string may hold U+2028 as it is.
    lines = [line for line in read_text(path).split("\n") if line.strip()]
    values = (_parsed(number, line) for number, line in enumerate(lines, 1))
    yield from _records(path, values, limits)


def _json(path: Path, limits: Limits) -> Iterator[tuple[tuple[str, ...], Record]]:
    found = _parsed(1, read_text(path))
    if not isinstance(found, list):
        raise SetError(f"{path.name} is no list; allowed: a JSON list of objects, or JSONL")
    yield from _records(path, iter(found), limits)


def _parsed(number: int, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SetError(f"row {number} is not JSON: {str(error)[:120]}") from None


def _records(path: Path, values: Iterator[Any], limits: Limits) -> Iterator[tuple[tuple[str, ...], Record]]:
    columns: tuple[str, ...] = ()
    for number, value in enumerate(values, 1):
        if not isinstance(value, dict):
            raise SetError(f"row {number} of {path.name} is no object; allowed: {{column: value, …}}")
        if not columns:
            columns = _check_header(list(value), limits)
        missing = [column for column in columns if column not in value]
        if missing:
            raise SetError(f"row {number} has no {missing[0]!r}, which row 1 has; every row needs it")
        for column in columns:
            if _no_number(value[column]):
                raise SetError(f"row {number}, column {column[:40]!r} is NaN; no JSON has that")
        yield columns, {column: as_text(value[column]) for column in columns}


def _no_number(value: Any) -> bool:
    return isinstance(value, float) and value != value


def as_text(value: Any) -> str:
    """A cell as text: nothing for null and NaN, JSON for lists and objects."""
    if value is None or _no_number(value):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _check_unpacked(batch: Any, most: int) -> None:
    """Refuse text that is too long before it is unpacked: a value that is written once may stand in
    many places."""
    from pyarrow import compute

    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        for lengths, every in _lengths(column):
            longest, total = (how(values).as_py() or 0 for how, values in (
                (compute.max, lengths), (compute.sum, every)))  # fmt: skip
            if longest > 4 * most or total > 4 * most * AT_ONCE:
                raise SetError(f"column {name[:40]!r} has cells of {max(longest, total // AT_ONCE):,} bytes; "
                               f"allowed: at most {most:,} characters")  # fmt: skip


def _lengths(column: Any) -> Iterator[tuple[Any, Any]]:
    """Bytes of the texts of an array, of lists, objects and maps those inside them: of each value that is
    written, and of each place where it stands."""
    from pyarrow import compute, types

    kind = column.type
    if types.is_dictionary(kind):
        for lengths, _ in _lengths(column.dictionary):
            yield lengths, compute.take(lengths, column.indices)
    elif types.is_struct(kind):
        for place in range(kind.num_fields):
            yield from _lengths(column.field(place))
    elif types.is_map(kind):
        yield from _lengths(column.keys)
        yield from _lengths(column.items)
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        yield from _lengths(column.flatten())
    elif any(is_text(kind) for is_text in (
        types.is_string, types.is_large_string, types.is_binary, types.is_large_binary,
    )):  # fmt: skip
        lengths = compute.binary_length(column)
        yield lengths, lengths


def _parquet(path: Path, limits: Limits) -> Iterator[tuple[tuple[str, ...], Record]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise SetError(f"{path.name}: Parquet needs pyarrow (pip install pyarrow), or save as CSV") from None
    try:
        # As dictionaries, the size of a value that is repeated a million times is known beforehand.
        with parquet.ParquetFile(path) as plain:
            leaves = [plain.schema.column(place).path for place in range(len(plain.schema))]
        file = parquet.ParquetFile(path, read_dictionary=leaves)
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        size = sum(group.total_byte_size for group in groups)
        if size > MOST_BYTES:
            raise SetError(f"{path.name} unpacks to {size >> 20} MB; allowed: {MOST_BYTES >> 20} MB")
        columns = _check_header(file.schema_arrow.names, limits)
        for batch in file.iter_batches(batch_size=AT_ONCE):
            _check_unpacked(batch, limits.characters)
            for value in batch.to_pylist():
                yield columns, {column: as_text(value[column]) for column in columns}
    except (pyarrow.ArrowException, OSError) as error:
        raise SetError(f"{path.name} is no Parquet file: {str(error)[:120]}") from None


def _text(path: Path, limits: Limits) -> Iterator[tuple[tuple[str, ...], Record]]:
    """One document a block of lines, blank lines between the blocks, of any length."""
    for part in re.split(r"\n[^\S\n]*\n\s*", read_text(path)):
        if part.strip():
            yield (TEXT,), {TEXT: part}


READERS: dict[str, Callable[[Path, Limits], Iterator[tuple[tuple[str, ...], Record]]]] = {
    ".csv": _csv, ".tsv": _csv, ".jsonl": _jsonl, ".json": _json, ".parquet": _parquet,
    ".txt": _text, ".md": _text,
}  # fmt: skip
