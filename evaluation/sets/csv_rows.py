"""CSV as spreadsheets and pandas write it: any of four separators, an index column without a name, empty
cells at the ends of lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Generator, Sequence
from itertools import islice
from pathlib import Path

from evaluation.sets.cells import MOST_BYTES, Limits, Record, check_header
from evaluation.sets.columns import SetError

DELIMITERS = ",;\t|"
SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?(?:\r\n|\r|\n)', re.IGNORECASE)
"""The line with which spreadsheets name the separator."""
SAMPLE, SAMPLE_ROWS = 2**16, 20
"""How many characters and rows are looked at to find the separator."""
csv.field_size_limit(MOST_BYTES)  # the limit of a cell is checked later, where row and column can be named


def csv_rows(path: Path, text: str, limits: Limits, notes: list[str]) -> Generator[Record, None, None]:
    """The rows of a file; notes: what was left out is appended. SetError names row and line."""
    if separator_line := SEPARATOR_LINE.match(text):
        text = text[separator_line.end() :]
    delimiter = separator_line[1] if separator_line else delimiter_of(text)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    number, blank, ends, line = 0, 0, False, 1
    count: str | None = None
    try:
        for cells in lines:
            first_line, line = line, lines.line_num + 1
            if not any(cell.strip() for cell in cells):
                blank += len(cells) > 1
                continue
            if not header:
                header = [cell.strip() for cell in cells]
                check_header([name for name in header if name], limits)
                continue
            number += 1
            if len(cells) > len(header) and not any(cells[len(header) :]):
                cells, ends = cells[: len(header)], True
            if len(cells) != len(header):
                raise SetError(
                    f"row {number} (line {lines.line_num}) has {len(cells)} cells, the header "
                    f"{len(header)}; put cells that hold {delimiter!r} or line breaks in quotes"
                )
            if delimiter == "\t":
                _check_swallowed(f"row {number} (line {first_line})", header, cells)
            count = _check_nameless(header, cells, count)
            yield {name: cell for name, cell in zip(header, cells, strict=True) if name}
    except csv.Error as error:
        raise SetError(f"row {number + 1} (line {lines.line_num}) is not CSV: {error}") from None
    finally:
        notes += _left_out(header, blank, ends)


def _check_swallowed(where: str, header: Sequence[str], cells: Sequence[str]) -> None:
    """SetError for a cell with a tab and a line break: in files with tabs a cell may begin with a quotation
    mark of its own, and hide all that follows up to the next one."""
    for name, cell in zip(header, cells, strict=True):
        if "\t" in cell and ("\n" in cell or "\r" in cell):
            raise SetError(
                f"{where}, column {name[:40]!r} has tabs and line breaks between quotation marks; put cells "
                "with marks of their own in quotes and write those marks twice, or save it with commas"
            )


def _check_nameless(header: Sequence[str], cells: Sequence[str], count: str | None) -> str | None:
    """A column without a name may be empty, or be the first and count rows, as pandas writes it. count: what
    the first cell of this row has to be, None in the first row; returned: that of the next."""
    for place, (name, cell) in enumerate(zip(header[1:], cells[1:], strict=True), 2):
        if not name and cell.strip():
            raise SetError(f"column {place} has no name; name every column in the first line")
    if header[0]:
        return None
    cell = cells[0].strip()
    counts = not cell or cell.isdecimal() and len(cell) < 16
    if not counts or count not in (None, cell):
        raise SetError(
            f"column 1 has no name and does not count the rows (one cell is {cell[:40]!r}); "
            "name every column in the first line"
        )
    return str(int(cell) + 1) if cell else ""


def _left_out(header: Sequence[str], blank: int, ends: bool) -> list[str]:
    notes = []
    if header and not header[0]:
        notes.append("column 1 has no name and was left out: it only counts the rows, or is empty")
    if ends or "" in header[1:]:
        notes.append("empty cells at the end of lines were left out")
    if blank:
        notes.append(f"{blank} rows without any text were left out" if blank > 1 else
                     "1 row without any text was left out")  # fmt: skip
    return notes


def delimiter_of(text: str) -> str:
    """The separator that gives the first rows as many cells as the header has, and the header most of them;
    a comma where none does. Separators within quotes do not count."""
    sample = text[:SAMPLE]

    def score(delimiter: str) -> tuple[bool, int]:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        try:
            first = [row for row in islice(rows, SAMPLE_ROWS) if any(cell.strip() for cell in row)]
        except csv.Error:
            return False, 0
        if len(sample) < len(text) and rows.line_num < SAMPLE_ROWS:
            first = first[:1] + first[1:-1]  # the last one was cut
        width = len(first[0]) if first else 0
        alike = all(len(row) == width or not any(row[width:]) and len(row) > width for row in first)
        return width > 1 and alike, width

    return max(DELIMITERS, key=score)
