"""Tables as text: whatever stands in a cell stays in its cell."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from samplers.text_tables import html_table, markdown_table


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2)))
def test_a_row_is_a_line_of_as_many_cells(rows: list[list[str]]) -> None:
    lines = markdown_table(("a", "b"), rows, numbers=[1]).split("\n")
    assert lines[:2] == ["| a | b |", "| --- | ---: |"] and len(lines) == 2 + len(rows)
    assert all(line.replace("\\|", "").count("|") == 3 for line in lines)


def test_html_is_escaped() -> None:
    table = html_table(["<h>"], [["<script>", 3]])
    assert "&lt;script&gt;" in table and "&lt;h&gt;" in table and "<td>3</td>" in table
