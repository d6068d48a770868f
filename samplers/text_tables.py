"""Tables as Markdown and as HTML; no text in a cell can break the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[int] = ()) -> str:
    """A Markdown table without a newline at its end. numbers: columns set to the right."""
    rule = ["---:" if column in numbers else "---" for column in range(len(head))]
    return "\n".join(
        f"| {' | '.join(' '.join(str(cell).split()).replace('|', chr(92) + '|') for cell in row)} |"
        for row in (head, rule, *rows)
    )


def html_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A <table>; every cell is text and is escaped."""
    return html_rows(head, ("".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows))


def html_rows(head: Sequence[str], rows: Iterable[str]) -> str:
    """A <table> around the cells of finished rows, each "<td>…</td>…", or a whole "<tr>…</tr>"."""
    top = "".join(f"<th scope='col'>{escape(text)}</th>" for text in head)
    body = "".join(row if row.startswith("<tr") else f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
