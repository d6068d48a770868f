"""CSV, JSONL, Parquet and text files as a table of texts. Refusals name the row and the column."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.sets.cells import MOST_BYTES, Limits, Record, check_cells, check_header
from evaluation.sets.columns import JOINED, SetError, halves, header_notes, unread
from evaluation.sets.csv_rows import csv_rows
from evaluation.sets.json_rows import json_rows, jsonl_rows
from evaluation.sets.parquet_rows import parquet_rows
from evaluation.sets.public_sets import PublicSet

TEXT = "text"
"""The only column of a text file."""
LOOKED_AT = 1000
"""How many bytes are looked at to recognise UTF-16 without a mark: in most texts every second byte is 0."""


@dataclass(frozen=True)
class Table:
    """Rows of text, each column -> cell, by index from 0 (messages count them from 1, without the header).
    public: the columns of a set of the hub; notes: what was left out or read in an unusual way."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Record]
    public: PublicSet = PublicSet()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Record:
        return self.rows[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.rows)

    def notes_for(self, used: Sequence[str]) -> tuple[str, ...]:
        """Sentences for people when the columns `used` are read: the notes, and the columns left unread."""
        return (*self.notes, *unread(self.columns, used))


def read_table(path: Path, limit: int | None = None, limits: Limits = Limits()) -> Table:  # noqa: B008 - frozen
    """The first `limit` rows of a file (all of them: None). SetError says what to change."""
    reader = READERS.get(path.suffix.lower())
    if reader is None or (reader is text_rows and not limits.plain):
        allowed = ", ".join(end for end, each in READERS.items() if each is not text_rows)
        raise SetError(f"{path.name} is no set; allowed: a file ending in {allowed}")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SetError(f"{path.name} cannot be read: {error.strerror}") from None
    if size > MOST_BYTES:
        raise SetError(f"{path.name} has {size >> 20} MB; allowed: at most {MOST_BYTES >> 20} MB")
    columns: dict[str, None] = {}
    rows: list[Record] = []
    notes: list[str] = []
    text = "" if reader is parquet_rows else read_text(path, notes)
    records = reader(path, text, limits, notes)
    for number, record in enumerate(records, 1):
        if number > limits.rows:
            raise SetError(f"{path.name} has more than {limits.rows:,} rows; split it, or set a limit")
        if not record.keys() <= columns.keys():
            columns |= dict.fromkeys(record)
            check_header(tuple(columns), limits)
        check_cells(number, record, MOST_BYTES if reader is text_rows else limits.characters)
        rows.append(record)
        if len(rows) == limit:
            break
    records.close()  # after a limit too: only now it notes what it left out
    if not rows:
        raise SetError(f"{path.name} has no rows; a header and at least one row are needed")
    full_rows = [row if len(row) == len(columns) else {c: row.get(c, "") for c in columns} for row in rows]
    all_columns, all_rows = with_question(tuple(columns), full_rows)
    return Table(path.name, all_columns, all_rows, notes=(*notes, *header_notes(all_columns)))


def read_text(path: Path, notes: list[str]) -> str:
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
    """The name of the UTF-16 encoding, recognised by its mark or its zeros; "" for any other one."""
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            return encoding
    first = data[:LOOKED_AT]
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if first[offset::2].count(0) * 2 > len(first[offset::2]):
            return encoding
    return ""


def with_question(
    columns: tuple[str, ...], rows: Sequence[Record]
) -> tuple[tuple[str, ...], Sequence[Record]]:
    """Columns and rows; where a question is split into `instruction` and `input`, with a column that joins
    both (JOINED), so that evaluation, training and the page ask the same question."""
    pair = halves(columns)
    if pair is None:
        return columns, rows
    texts = ([row[half] for half in pair if row[half].strip()] for row in rows)
    return (*columns, JOINED), [{**row, JOINED: "\n\n".join(t)} for row, t in zip(rows, texts, strict=True)]


def text_rows(path: Path, text: str, limits: Limits, notes: list[str]) -> Generator[Record, None, None]:
    """Documents of any length, with blank lines between them."""
    for part in re.split(r"\n[^\S\n]*\n\s*", text):
        if part.strip():
            yield {TEXT: part}


READERS: dict[str, Callable[[Path, str, Limits, list[str]], Generator[Record, None, None]]] = {
    ".csv": csv_rows, ".tsv": csv_rows, ".jsonl": jsonl_rows, ".json": json_rows, ".parquet": parquet_rows,
    ".txt": text_rows, ".md": text_rows,
}  # fmt: skip
