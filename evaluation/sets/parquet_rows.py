"""Parquet as rows of text. Files that would unpack to too much are refused before they are unpacked."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from evaluation.sets.cells import MOST_BYTES, Limits, Record, check_header
from evaluation.sets.columns import SetError
from evaluation.sets.json_rows import record_of

AT_ONCE = 16
"""Rows of a Parquet file that are unpacked together."""


def _check_unpacked(batch: Any, most: int) -> None:
    """SetError for text that would be too long, before it is unpacked: a value that the file stores once may
    be used in many rows."""
    from pyarrow import compute

    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        for lengths, every in _lengths(column):
            longest, total = (statistic(values).as_py() or 0 for statistic, values in (
                (compute.max, lengths), (compute.sum, every)))  # fmt: skip
            if longest > 4 * most or total > 4 * most * AT_ONCE:
                raise SetError(f"column {name[:40]!r} has cells of {max(longest, total // AT_ONCE):,} bytes; "
                               f"allowed: at most {most:,} characters")  # fmt: skip


def _lengths(column: Any) -> Iterator[tuple[Any, Any]]:
    """Sizes in bytes of the texts of a column, those inside lists, objects and maps included: pairs of the
    sizes of the values that the file stores, and of the values as the rows use them."""
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


def parquet_rows(path: Path, text: str, limits: Limits, notes: list[str]) -> Generator[Record, None, None]:
    """The rows of a file, unpacked a few at a time. SetError: no Parquet, or unpacks to too much."""
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
        columns = [name.strip() for name in file.schema_arrow.names]
        check_header(columns, limits)
        before = 0
        for batch in file.iter_batches(batch_size=AT_ONCE):
            _check_unpacked(batch, limits.characters)
            for number, value in enumerate(batch.to_pylist(), before + 1):
                yield record_of(number, {column.strip(): cell for column, cell in value.items()})
            before += len(batch)
    except (pyarrow.ArrowException, OSError) as error:
        raise SetError(f"{path.name} is no Parquet file: {str(error)[:120]}") from None
