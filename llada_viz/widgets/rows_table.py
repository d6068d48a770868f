"""RowsTable: the component of the table of rows by sampler. Its value is the HTML of `render.rows_table`; the
event `select` has the row and the line of the answer that was pressed."""

from __future__ import annotations

from typing import Any

import gradio as gr

PRESSED = """element.addEventListener('click', (event) => {
  const answer = event.target.closest('button[data-line]');
  if (!answer) return;
  for (const other of element.querySelectorAll('[aria-pressed=true]')) other.ariaPressed = 'false';
  answer.ariaPressed = 'true';
  trigger('select', { row: Number(answer.dataset.row), line: Number(answer.dataset.line) });
});"""


class RowsTable(gr.HTML):
    """The table."""

    def __init__(self, value: str = "", **options: Any) -> None:
        super().__init__(value, js_on_load=PRESSED, apply_default_css=False, **options)
