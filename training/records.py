"""Rows of text from a file or from the hub, by number; what cannot be read is a SetError."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from evaluation.columns import SetError
from evaluation.public_sets import PUBLIC_SETS, PublicSet, public_set
from evaluation.tables import Limits, Record, Table, as_text, read_table
from training.known_sets import refuse_evaluation

LIMITS = Limits(characters=1_000_000, rows=2_000_000, columns=1)
AT_ONCE = 1000
FILE_TYPES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".txt", ".md")
"""What is called so and is not there is a missing file, not a set of the hub."""


class Records(Protocol):
    """Rows by index from 0; they are called by number from 1. known: what is known of the set."""

    name: str
    columns: tuple[str, ...]
    known: PublicSet

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Record: ...

    def __iter__(self) -> Iterator[Record]: ...


class FileRecords:
    """A CSV, JSONL, JSON or Parquet file, read whole."""

    known = PublicSet()

    def __init__(self, path: Path) -> None:
        table: Table = read_table(path, limits=LIMITS)
        self.name, self.columns, self.rows = path.name, table.columns, table.rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Record:
        return self.rows[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.rows)


class HubRecords:
    """A set of the hub, which stays on the disk."""

    def __init__(self, name: str, known: PublicSet, split: str) -> None:
        self.name, self.known = name, known
        self.rows = _load(name, known, split)
        self.columns = tuple(self.rows.column_names)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Record:
        return {column: as_text(value) for column, value in self.rows[index].items()}

    def __iter__(self) -> Iterator[Record]:
        for part in self.rows.iter(AT_ONCE):
            for values in zip(*(part[column] for column in self.columns), strict=True):
                yield {c: as_text(value) for c, value in zip(self.columns, values, strict=True)}


def open_records(name: str, split: str, allow_eval_data: bool, others: Sequence[str] = ()) -> Records:
    """A file, or a set of the hub. others: names that the caller knows beside these, for the message."""
    refuse_evaluation(name, split, allow_eval_data)
    path = Path(name)
    if path.is_file():
        return FileRecords(path)
    a_file = path.exists() or path.suffix.lower() in FILE_TYPES
    known = None if a_file else public_set(name)
    if known is None:
        raise SetError(
            f"data = {name!r} is neither a file nor a known set; allowed: a CSV, JSONL or Parquet file, "
            f"owner/name[:subset] on the hub, {', '.join((*others, *PUBLIC_SETS))}"
        )
    return HubRecords(name, known, split)


def _load(name: str, known: PublicSet, split: str) -> Any:
    try:
        import datasets
    except ImportError:
        raise SetError(f"data = {name!r} needs the package datasets: pip install datasets") from None
    try:
        rows = datasets.load_dataset(known.id, known.config, split=split)
    except Exception as error:  # the reader's own types are many
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise SetError(f"data = {name!r}: split {split!r} of {known.id} cannot be loaded: {why}") from None
    if not len(rows):
        raise SetError(f"data = {name!r}: split {split!r} of {known.id} has no rows")
    return rows
