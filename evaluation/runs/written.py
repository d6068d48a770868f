"""How each sampler wrote its answers: means of samplers.measuring.measures over the rows of a run. What needs
drafts is there where a line sets `drafts`; rows of older runs measured nothing."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from evaluation.runs.run_folder import ResultRow
from samplers.measuring.measures_table import SUMMARY, mean_of, summary_rows, summary_table
from samplers.text_tables import html_table

TITLE = "How each sampler wrote"
Rows = Mapping[int, ResultRow]


def _measured(rows: Rows) -> list[Mapping[str, Any]]:
    return [row["measures"] for row in rows.values() if row.get("measures")]


def _groups(rows_by_line: Mapping[str, Rows]) -> dict[str, list[Mapping[str, Any]]]:
    groups = {label: _measured(rows) for label, rows in rows_by_line.items()}
    return {label: runs for label, runs in groups.items() if runs}


def means(rows: Rows) -> dict[str, float]:
    """Of one line, the measures that its rows have."""
    measured = _measured(rows)
    found = {column.name: mean_of(measured, column.name) for column in SUMMARY}
    return {name: mean for name, mean in found.items() if mean is not None}


def written_rows(rows_by_line: Mapping[str, Rows]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table, a row for each line; no rows where nothing was measured."""
    groups = _groups(rows_by_line)
    return summary_rows(groups) if groups else ([], [])


def written_markdown(rows_by_line: Mapping[str, Rows]) -> str:
    """A table, a row for each line; "" where nothing was measured."""
    groups = _groups(rows_by_line)
    return summary_table(groups) if groups else ""


def written_html(rows_by_line: Mapping[str, Rows]) -> str:
    """The same with a title, and what the columns are."""
    head, rows = written_rows(rows_by_line)
    if not rows:
        return ""
    shown = [column for column in SUMMARY if column.title in head]
    terms = "".join(f"<dt>{escape(c.title)}</dt><dd>{escape(c.about)}</dd>" for c in shown)
    return (
        f'<h2>{TITLE}</h2><div class="scroll">{html_table(head, rows)}</div>'
        f"<details><summary>What these are</summary><dl>{terms}</dl></details>"
    )
