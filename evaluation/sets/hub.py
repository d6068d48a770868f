"""Sets of the hub as tables, which stay on the disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

from evaluation.sets.columns import SetError
from evaluation.sets.public_sets import PublicSet
from evaluation.sets.tables import Record, Table, as_text

AT_ONCE = 1000


class HubRows(Sequence[Record]):
    """The rows of a data set (datasets.Dataset) as text, read when they are asked for."""

    def __init__(self, data: Any) -> None:
        self.data, self.columns = data, tuple(data.column_names)

    def __len__(self) -> int:
        return len(self.data)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> HubRows: ...
    def __getitem__(self, index: int | slice) -> Record | HubRows:
        if isinstance(index, slice):
            return HubRows(self.data.select(range(len(self.data))[index]))
        return {column: as_text(value) for column, value in self.data[index].items()}

    def __iter__(self) -> Iterator[Record]:
        for part in self.data.iter(AT_ONCE):
            for values in zip(*(part[column] for column in self.columns), strict=True):
                yield {c: as_text(value) for c, value in zip(self.columns, values, strict=True)}


def hub_table(name: str, public: PublicSet, split: str, limit: int | None = None) -> Table:
    """The first `limit` rows of a split (all of them: None). SetError: it is out of reach, or empty."""
    try:
        import datasets
    except ImportError:
        raise SetError(f"data = {name!r} needs the package datasets: pip install datasets") from None
    try:
        rows = HubRows(datasets.load_dataset(public.id, public.config, split=split))
    except Exception as error:  # of whichever library met it
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise SetError(f"data = {name!r}: split {split!r} of {public.id} cannot be loaded: {why}") from None
    if not len(rows):
        raise SetError(f"data = {name!r}: split {split!r} of {public.id} has no rows")
    return Table(name, rows.columns, rows[:limit] if limit else rows, public)
