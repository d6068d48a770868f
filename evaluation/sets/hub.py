"""Data sets of the Hugging Face hub as tables; their rows stay on the disk until they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

from evaluation.sets.cells import Record
from evaluation.sets.columns import SetError, header_notes
from evaluation.sets.json_rows import record_of
from evaluation.sets.public_sets import PublicSet
from evaluation.sets.tables import Table, with_question

AT_ONCE = 1000


class HubRows(Sequence[Record]):
    """The rows of a data set (datasets.Dataset) as text, read from the disk when they are needed."""

    def __init__(self, data: Any) -> None:
        self.data, self.stored = data, tuple(data.column_names)
        self.columns, _ = with_question(self.stored, [])

    def __len__(self) -> int:
        return len(self.data)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> HubRows: ...
    def __getitem__(self, index: int | slice) -> Record | HubRows:
        if isinstance(index, slice):
            return HubRows(self.data.select(range(len(self.data))[index]))
        return self._texts([self.data[index]], range(len(self))[index])[0]

    def __iter__(self) -> Iterator[Record]:
        for before, part in zip(range(0, len(self), AT_ONCE), self.data.iter(AT_ONCE), strict=True):
            rows = zip(*(part[column] for column in self.stored), strict=True)
            yield from self._texts([dict(zip(self.stored, row, strict=True)) for row in rows], before)

    def _texts(self, rows: Sequence[dict[str, Any]], before: int) -> Sequence[Record]:
        texts = [record_of(number, row) for number, row in enumerate(rows, before + 1)]
        return with_question(self.stored, texts)[1]


def hub_table(name: str, public: PublicSet, split: str, limit: int | None = None) -> Table:
    """The first `limit` rows of a split (all of them: None). SetError: it is out of reach, or empty."""
    try:
        import datasets
    except ImportError:
        raise SetError(f"data = {name!r} needs the package datasets: pip install datasets") from None
    try:
        rows = HubRows(datasets.load_dataset(public.id, public.config, split=split))
    except Exception as error:  # of any library that datasets uses
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        refused = f"data = {name!r}: split {split!r} of {public.id} cannot be loaded"
        raise SetError(f"{refused}: {reason}") from None
    if not len(rows):
        raise SetError(f"data = {name!r}: split {split!r} of {public.id} has no rows")
    return Table(
        name, rows.columns, rows[:limit] if limit else rows, public, tuple(header_notes(rows.columns))
    )
