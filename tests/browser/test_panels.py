"""The panels under the canvas in a real browser: chosen, remembered, drawn, asked for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from llada_viz.decoding.bundled import Bundled
from samplers.recording.traces import Trace, read_trace, write_trace
from tests.browser.canvas_page import BEYOND, FAINT, CanvasPage

pytestmark = pytest.mark.browser
SAVED = Path(__file__).parents[1] / "vectors" / "traces" / "v0.2" / "wino_takes_back.jsonl"
SERVER = {
    "Order": "order", "Drafts and flips": "drafts", "Regret": "regret", "Dependencies": "dependencies",
}  # fmt: skip


def toggle(page: Any, title: str) -> None:
    """Press a switch of the menu."""
    page.locator("#canvas .pick").get_by_role("button", name=title, exact=True).click()


def said(page: Any, name: str, words: str) -> str:
    """The sentence of a panel, once it has these words."""
    page.wait_for_function(
        "([name, words]) => document.querySelector(`#said-${name}`)?.textContent.includes(words)",
        arg=[name, words],
    )
    return str(page.inner_text(f"#said-{name}"))


def drawn(page: Any, name: str) -> None:
    page.wait_for_selector(f"#plot-{name} .js-plotly-plot .main-svg >> nth=0")


def to_frame(page: Any, frame: int) -> None:
    page.locator("#canvas [data-part=range]").evaluate(
        "(range, frame) => { range.value = frame; range.dispatchEvent(new Event('input')) }", frame
    )


@pytest.mark.parametrize(("width", "dark"), [(1280, False), pytest.param(390, True, marks=pytest.mark.long)])
def test_a_run_in_all_four_panels(open_page: Any, shots: Path, width: int, dark: bool) -> None:
    tab = CanvasPage(open_page(width, 900, dark))
    page = tab.page
    for title, name in SERVER.items():
        assert not page.is_visible(f"#panel-{name}")
        toggle(page, title)
        said(page, name, "No run yet")
    tab.example("Equation")  # whose answer takes all 32 cells
    tab.more()
    tab.setting("drafts", 1)
    tab.setting("steps", 16)
    tab.run()
    said(page, "order", "Kendall")
    drawn(page, "order")
    assert re.search(r"changed \d+ times?, in 32 cells", said(page, "drafts", "A draft changed"))
    drawn(page, "drafts")
    assert page.is_visible("#canvas [data-part=drafts]")  # ghost text can be turned off
    said(page, "regret", "It evaluates 48 rows")
    page.click("#ask-regret")
    said(page, "regret", "32 cells were committed beside others, in 16 passes")
    drawn(page, "regret")
    assert not page.is_visible("#ask-regret")
    to_frame(page, 3)
    page.click("#ask-dependencies")
    assert ", layer 5." in said(page, "dependencies", "Frame 3: ")
    drawn(page, "dependencies")
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    page.locator("#panel-order").scroll_into_view_if_needed()
    tab.shot(shots, f"panels-{width}-{'dark' if dark else 'light'}")


def test_panels_opened_at_once_are_all_drawn(open_page: Any) -> None:
    """The last one is opened while the server draws the first: it came to nothing."""
    tab = CanvasPage(page := open_page())
    tab.run()
    tab.wait("line?.ended")
    page.evaluate("""async () => {
      for (const each of document.querySelectorAll('#canvas .pick [aria-pressed=false]')) {
        each.click();
        await new Promise((done) => setTimeout(done, 30));
      }
    }""")
    said(page, "order", "Kendall")
    page.wait_for_selector("#ask-dependencies")
    assert page.is_visible("#layers")


def test_the_choice_of_panels_is_remembered(open_page: Any) -> None:
    page = open_page()
    assert page.is_visible("#canvas [data-panel=masks]")
    toggle(page, "Masks left")
    toggle(page, "Order")
    assert not page.is_visible("#canvas [data-panel=masks]") and page.is_visible("#panel-order")
    page.reload()
    page.wait_for_selector("#panel-order")
    assert not page.is_visible("#canvas [data-panel=masks]") and not page.is_visible("#panel-drafts")
    pressed = page.locator("#canvas .pick [aria-pressed=true]").all_inner_texts()
    assert pressed == ["Confidence", "Least sure cells", "Order"]


def test_a_saved_run_of_another_model_is_replayed_only(open_page: Any, tmp_path: Path) -> None:
    trace = read_trace(SAVED)
    write_trace(tmp_path / "other.jsonl", Trace(trace.events, trace.pieces, "elsewhere"))
    tab = CanvasPage(open_page())
    for title in SERVER:
        toggle(tab.page, title)
    tab.open_trace(tmp_path / "other.jsonl")
    drawn(tab.page, "order")
    said(tab.page, "drafts", "This run recorded no drafts. Set Drafts to 1")
    for name in ("regret", "dependencies"):
        said(tab.page, name, "The model of this trace is not loaded. It can be replayed")
        assert not tab.page.is_visible(f"#ask-{name}")
    toggle(tab.page, "Order")
    toggle(tab.page, "Order")  # opened again it is drawn again
    drawn(tab.page, "order")


def test_a_saved_run_of_the_loaded_model_is_asked(open_page: Any) -> None:
    assert read_trace(SAVED).model == Bundled().name
    tab = CanvasPage(open_page())
    toggle(tab.page, "Dependencies")
    tab.open_trace(SAVED)
    tab.wait("line?.ended")
    tab.page.click("#ask-dependencies")
    said(tab.page, "dependencies", "no cell is undecided; choose an earlier frame")
    to_frame(tab.page, 1)
    tab.page.click("#ask-dependencies")
    said(tab.page, "dependencies", "Frame 1: ")
    drawn(tab.page, "dependencies")
