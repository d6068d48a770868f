"""axe-core finds nothing, of any level, in any tab, in both themes, whatever is open in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.canvas_page import CanvasPage, press_tab

axe = pytest.importorskip("axe_playwright_python.sync_playwright")
pytestmark = pytest.mark.browser
THEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
OPEN_FOLDS = """(tab) => document.querySelectorAll('.lz-more button.label-wrap').forEach((fold) => {
  if (fold.offsetParent && !fold.classList.contains('open')) fold.click();
})"""


def violations(page: Page) -> list[str]:
    """What axe-core finds, a line for each element."""
    page.wait_for_timeout(600)  # what is fading in has its colours
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{rule['impact']} {rule['id']}: {node['target']} {node['html'][:120]}"
        for rule in found
        for node in rule["nodes"]
    ]


def states(page: Page) -> Iterator[str]:
    """Visualize, and everything that opens in it."""
    tab = CanvasPage(page)
    tab.wait("canvas.opened && line.length > 2")
    yield "the recorded run"
    page.get_by_role("button", name="Show me around").click()
    page.wait_for_selector(".lz-tour")
    yield "the tour"
    page.keyboard.press("Escape")
    tab.example("Word problem")
    yield "an empty board"
    page.evaluate(OPEN_FOLDS)
    yield "the whole form"
    tab.run()
    tab.wait("!canvas.opened && line?.ended && canvas.painted.index === line.length - 1")
    for view in ("blocks", "text"):
        page.click(f"#canvas [data-view={view}]")
        yield f"an answer as {view}"
    page.click("#canvas [data-view=blocks]")
    page.click("#canvas .board .c >> nth=5")
    page.wait_for_selector("#canvas .ask h3")
    page.wait_for_timeout(1500)
    yield "the card of a cell"
    page.keyboard.press("Escape")
    for name in ("Order", "Drafts and flips"):
        page.locator("#canvas .pick").get_by_role("button", name=name, exact=True).click()
    page.wait_for_selector("#plot-order .js-plotly-plot .main-svg >> nth=0")
    yield "panels"
    page.click("#canvas [data-part=present]")
    page.wait_for_selector("#canvas .lz.staged")
    yield "Present"
    page.keyboard.press("Escape")
    page.locator("#canvas").get_by_role("button", name="Export…").click()
    page.wait_for_selector("#canvas .export")
    yield "the export dialog"
    page.keyboard.press("Escape")
    page.fill("#prompt textarea", "What is 3 + 4?")
    page.wait_for_selector("#canvas .lz.stale")
    yield "another prompt than the answer's"


@THEMES
def test_visualize(open_page: Any, dark: bool) -> None:
    page = open_page(dark=dark, plays=True)
    found = {state: wrong for state in states(page) if (wrong := violations(page))}
    assert found == {}


@THEMES
def test_compare(open_page: Any, dark: bool) -> None:
    page = open_page(dark=dark)
    press_tab(page, "Compare")
    page.wait_for_selector("#compare-run")
    assert violations(page) == []
    page.click("#compare-run")
    page.wait_for_selector("#compare-canvas .metrics tbody tr")
    page.wait_for_selector("#compare-run:has-text('Compare'):not([disabled])")
    assert violations(page) == []


@THEMES
def test_evaluate(open_page: Any, dark: bool) -> None:
    page = open_page(dark=dark)
    press_tab(page, "Evaluate")
    page.wait_for_selector("#evaluate-run")
    page.evaluate(OPEN_FOLDS)
    assert violations(page) == []


@THEMES
@pytest.mark.parametrize("name", ["Train", "Models", "Traces", "Explain"])
def test_other_tabs(open_page: Any, dark: bool, name: str) -> None:
    page = open_page(dark=dark)
    press_tab(page, name)
    if name == "Traces":
        page.wait_for_selector(".lz .trace")
    page.wait_for_timeout(1500)
    page.evaluate(OPEN_FOLDS)
    assert violations(page) == []


def test_axe_sees_what_is_wrong(open_page: Any) -> None:
    page = open_page()
    page.evaluate("document.querySelector('#run').innerHTML = ''")
    assert any("button-name" in line for line in violations(page))
