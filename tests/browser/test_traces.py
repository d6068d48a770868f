"""The Traces tab in a real browser: keep, find, change, open, compare, link, import, delete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.canvas_page import BEYOND, FAINT, CanvasPage
from tests.browser.conftest import STEP_WITHIN

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP_WITHIN * 1000)
SAVED = Path(__file__).parents[1] / "vectors" / "traces" / "v0.2"


def open_tab(page: Page, name: str = "Traces") -> None:
    page.get_by_role("tab", name=name).click()


def card(page: Page, name: str) -> Locator:
    return page.locator("#traces").get_by_role("listitem", name=name, exact=True)


def bring(page: Page, name: str, title: str) -> None:
    """Import a saved trace, and call it so."""
    page.set_input_files("#traces input[type=file]", str(SAVED / f"{name}.jsonl"))
    expect(page.locator("#traces [data-part=told]")).to_contain_text("is imported")
    first = page.locator("#traces .trace").first
    first.get_by_role("button", name="Edit").click()
    first.get_by_label("Name").fill(title)
    first.get_by_role("button", name="Save").click()
    expect(card(page, title)).to_be_visible()


def shown(page: Page) -> None:
    """Until a recorded run is on Visualize's board."""
    expect(page.get_by_role("tab", name="Visualize")).to_have_attribute("aria-selected", "true")
    page.wait_for_function(
        "document.querySelector('#canvas .lz').parentElement.tokenCanvas.timeline?.ended === true"
    )


def test_a_run_is_kept_named_found_opened_and_linked(open_page: Any, shots: Any) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    seen = CanvasPage(page)
    seen.run()
    seen.wait("line?.ended")
    page.click("#canvas button:has-text('Keep this run')")
    expect(page.locator("#canvas button:has-text('Kept, see Traces')")).to_be_disabled()
    words = seen.cells()
    open_tab(page)
    first = page.locator("#traces .trace").first
    first.get_by_role("button", name="Edit").click()
    first.get_by_label("Name").fill("An equation")
    first.get_by_label("Tags").fill("Talk, first")
    first.get_by_role("button", name="Save").click()
    mine = card(page, "An equation")
    expect(mine).to_contain_text("talk")
    mine.get_by_role("button", name="Pin").click()
    expect(card(page, "An equation").get_by_role("button", name="Pin")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.fill("#traces [type=search]", "no such words")
    expect(page.locator("#traces [data-part=empty]")).to_contain_text("Nothing fits")
    page.fill("#traces [type=search]", "equation talk")
    expect(mine).to_be_visible()
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    seen.shot(shots, "traces")
    mine.get_by_role("button", name="Link").click()
    expect(page.locator("#traces [data-part=told]")).to_contain_text("Copied: ")
    link = page.evaluate("navigator.clipboard.readText()")
    page.goto(link)
    shown(page)
    assert seen.cells() == words
    open_tab(page)
    card(page, "An equation").get_by_role("button", name="Delete").click()
    expect(card(page, "An equation")).to_contain_text("Delete “An equation”?")
    page.get_by_role("button", name="Keep it").click()
    card(page, "An equation").get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(card(page, "An equation")).to_have_count(0)
    page.goto(link)
    expect(page.locator("#alert")).to_contain_text("not here any more")


def test_two_traces_are_compared_and_each_opens(open_page: Any) -> None:
    page = open_page()
    open_tab(page)
    bring(page, "backmask", "A repair")
    bring(page, "remedi", "A policy")
    compare = page.locator("#traces [data-part=compare]")
    expect(compare).to_be_disabled()
    for name in ("A repair", "A policy"):
        card(page, name).get_by_role("checkbox").check()
    expect(compare).to_have_text("Compare these 2")
    compare.click()
    page.wait_for_function(
        "document.querySelector('#compare-canvas .lz')?.parentElement.compare?.lanes.length === 2"
    )
    expect(page.locator("#compare-canvas .lane h3").first).to_contain_text("back-masking")
    open_tab(page)
    card(page, "A policy").get_by_role("button", name="Open “A policy” in Visualize").click()
    shown(page)
    assert "RemeDi" in CanvasPage(page).text("source")


def test_two_tabs_and_a_file_that_is_no_trace(open_page: Any, tmp_path: Path) -> None:
    page, other = open_page(), open_page()
    open_tab(page)
    bring(page, "wino", "Shared")
    open_tab(other)
    card(other, "Shared").get_by_role("button", name="Edit").click()
    page.wait_for_timeout(300)
    card(page, "Shared").get_by_role("button", name="Pin").click()
    expect(card(page, "Shared").get_by_role("button", name="Pin")).to_have_attribute("aria-pressed", "true")
    card(other, "Shared").get_by_label("Name").fill("Mine")
    card(other, "Shared").get_by_role("button", name="Save").click()
    expect(other.locator("#traces [data-part=told]")).to_contain_text("changed in another tab meanwhile")
    expect(card(other, "Shared").get_by_role("button", name="Pin")).to_have_attribute("aria-pressed", "true")
    newer = tmp_path / "newer.jsonl"
    newer.write_text((SAVED / "wino.jsonl").read_text().replace('"schema": 1', '"schema": 9', 1))
    page.set_input_files("#traces input[type=file]", str(newer))
    expect(page.locator("#traces [data-part=told]")).to_contain_text("has schema 9, of another version")


def test_pictures_stand_still_for_who_prefers_it_and_move_else(open_page: Any, shots: Any) -> None:
    look = "document.querySelector('#traces .trace canvas').toDataURL()"
    for calm in (False, True):
        page = open_page(390, 844, dark=calm, reduced_motion="reduce" if calm else "no-preference")
        page.locator(".tab-wrapper button:has-text('Traces')").last.evaluate("tab => tab.click()")
        page.wait_for_selector("#traces .trace")
        page.wait_for_function(f"{look}.length > 500")
        assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
        first = page.evaluate(look)
        page.wait_for_timeout(2500)
        assert (page.evaluate(look) == first) is calm
        page.screenshot(path=str(shots / f"traces-390-{calm}.png"))
