"""The Visualize tab by keyboard alone, and what a screen reader is given: docs/screen-reader.md."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.spoken import PAGE, PROMPT, walk

pytestmark = pytest.mark.browser


def test_a_run_by_keyboard_is_announced_and_its_cells_are_named(open_page: Any) -> None:
    moments = walk(open_page())
    focus = [moment.focus for moment in moments]
    assert focus[1].startswith("textbox, Prompt") and PROMPT in focus[2]
    run = moments[3].announced
    assert run[-1].startswith("Finished. Right.") and len(run) <= 6  # frames at most every two seconds
    cells = [text for text in focus if text.startswith("gridcell, Cell ")]
    assert cells[0].startswith("gridcell, Cell 0") and cells[1].startswith("gridcell, Cell 4")
    asked = next(moment for moment in moments if moment.announced and "Ask" in moment.announced[0])
    assert asked.pressed == "Enter"
    heading, button, back = focus[7:10]
    assert heading.startswith("heading, Cell 4") and button.startswith("button, Write")
    assert back == cells[1]  # Escape
    assert focus[-1].startswith("slider, Frame") and moments[-1].announced[-1].startswith("Finished.")
    assert [moment.pressed for moment in moments] == pressed_in(PAGE.read_text(encoding="utf-8"))


def pressed_in(text: str) -> list[str]:
    """The first column of the table."""
    return [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")][
        2:
    ]
