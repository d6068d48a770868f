"""What a run did, under its canvas, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.canvas_page import BEYOND, FAINT, CanvasPage

pytestmark = pytest.mark.browser
SAVED = Path(__file__).parents[1] / "vectors" / "traces" / "v0.2" / "wino_takes_back.jsonl"


@pytest.mark.parametrize(("width", "dark"), [(1280, False), pytest.param(390, True, marks=pytest.mark.long)])
def test_a_run_says_what_it_did(open_page: Any, shots: Path, width: int, dark: bool) -> None:
    tab = CanvasPage(open_page(width, 900, dark))
    page = tab.page
    tab.example("Equation")  # whose answer takes all 32 cells
    tab.more()
    tab.setting("drafts", 1)
    tab.setting("steps", 16)
    tab.run()
    page.wait_for_selector("#measures .lz-did")
    did = page.inner_text("#measures .lz-did")
    assert "Tokens per pass" in did and "in 16 passes" in did and "Right on the way" in did
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    page.locator("#measures").scroll_into_view_if_needed()
    tab.shot(shots, f"measures-{width}-{'dark' if dark else 'light'}")


def test_a_saved_run_is_measured(open_page: Any) -> None:
    tab = CanvasPage(open_page())
    tab.open_trace(SAVED)
    tab.page.wait_for_function("document.querySelector('#measures')?.textContent.includes('in 10 passes')")
    assert "Drafts" not in tab.page.inner_text("#measures dl dt >> nth=0")
