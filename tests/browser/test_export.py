"""A run given away as a file, from its board, from Compare and from Traces, in a real browser."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.canvas_page import BEYOND, FAINT, CanvasPage, press_tab
from tests.browser.conftest import STEP_WITHIN

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect.set_options(timeout=STEP_WITHIN * 1000)
SAVED = Path(__file__).parents[1] / "vectors" / "traces" / "v0.2"


def dialog(page: Page) -> Locator:
    return page.locator("dialog.export")


def opened(page: Page, where: str = "#canvas") -> Locator:
    """The dialog, once it has said how large the page becomes."""
    page.locator(where).get_by_role("button", name="Export…").first.click()
    expect(dialog(page).get_by_role("status")).to_contain_text("HTML, ")
    return dialog(page)


def fetched(page: Page, folder: Path) -> Path:
    """The file that Export gives."""
    with page.expect_download() as download:
        dialog(page).get_by_role("button", name="Export", exact=True).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_the_size_is_said_and_the_page_plays_without_a_network(
    open_page: Any, browser: Browser, tmp_path: Path, shots: Path
) -> None:
    page = open_page(390, 844, plays=True)
    box = opened(page)
    expect(box).to_have_attribute("aria-labelledby", box.locator("h2").get_attribute("id") or "")
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    page.screenshot(path=str(shots / "export-390.png"))
    file = fetched(page, tmp_path)
    assert file.suffix == ".html"
    expect(box.get_by_role("status")).to_contain_text(f"Downloading {file.name}")
    context = browser.new_context(offline=True)
    alone = context.new_page()
    alone.goto(file.as_uri())
    expect(alone.locator("[data-part=frame]")).to_have_text(re.compile(r"^frame [1-9]\d "))  # it plays
    assert alone.locator("button:has-text('Export…')").is_hidden()
    context.close()


def test_an_export_is_cancelled_by_its_button_and_by_closing(open_page: Any, tmp_path: Path) -> None:
    page = open_page(plays=True)
    box, gone = opened(page), []
    page.on("response", lambda r: r.request.method == "DELETE" and gone.append(r.status))
    box.get_by_role("radio", name="Moving picture").check()
    expect(box.get_by_role("status")).to_contain_text("GIF, ")
    box.get_by_role("button", name="Export", exact=True).click()
    expect(box.get_by_role("progressbar")).to_be_visible()
    expect(box.locator(".far")).to_contain_text("pictures")
    box.get_by_role("button", name="Cancel").click()
    expect(box.get_by_role("status")).to_have_text("Cancelled.")
    box.get_by_role("button", name="Export", exact=True).click()
    expect(box.locator(".far")).to_contain_text("pictures")
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    until = time.monotonic() + STEP_WITHIN
    while len(gone) < 2 and time.monotonic() < until:
        page.wait_for_timeout(100)
    assert gone == [204, 204]


def test_with_the_keyboard_alone(open_page: Any, tmp_path: Path) -> None:
    page = open_page()
    seen = CanvasPage(page)
    seen.open_trace(SAVED / "wino.jsonl")
    seen.wait("line?.ended")
    seen.canvas("act('frame-to', 3)")
    opener = page.locator("#canvas").get_by_role("button", name="Export…")
    opener.focus()
    page.keyboard.press("Enter")
    box = dialog(page)
    expect(box.get_by_role("radio", name="Offline page")).to_be_focused()
    while not box.get_by_role("radio", name="Still SVG").is_checked():
        page.keyboard.press("ArrowDown")
    page.keyboard.press("f")  # a key of the page, which rests
    assert not page.locator("#canvas .lz.staged").count()
    expect(box.get_by_label("Frame")).to_have_value("board")
    expect(box).to_contain_text("the one on the board (3 of ")
    expect(box.get_by_role("status")).to_contain_text("SVG, ")
    button = box.get_by_role("button", name="Export", exact=True)
    while not button.evaluate("button => button === document.activeElement"):
        page.keyboard.press("Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    download.value.save_as(tmp_path / "still.svg")
    assert f"step {seen.canvas('timeline.frames[3].step')} " in (tmp_path / "still.svg").read_text()
    expect(box.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    expect(opener).to_be_focused()


def test_from_traces_and_from_compare(open_page: Any, tmp_path: Path, shots: Path) -> None:
    page = open_page(dark=True)
    press_tab(page, "Traces")
    for name in ("wino", "remdm"):
        page.set_input_files("#traces input[type=file]", str(SAVED / f"{name}.jsonl"))
        expect(page.locator("#traces [data-part=told]")).to_contain_text(f"“{name}.jsonl” is imported")
    box = opened(page, "#traces")
    box.get_by_role("radio", name="Table").check()
    expect(box.get_by_role("status")).to_contain_text("CSV, ")
    assert fetched(page, tmp_path).read_text().startswith("event,kind,nfe")
    page.keyboard.press("Escape")
    for number in (0, 1):
        page.locator("#traces .trace").nth(number).get_by_role("checkbox").check()
    page.screenshot(path=str(shots / "export-traces-dark.png"))
    page.locator("#traces [data-part=compare]").click()
    page.wait_for_function(
        "document.querySelector('#compare-canvas .lz')?.parentElement.compare?.lanes.length === 2"
    )
    box = opened(page, "#compare-canvas")
    expect(box.get_by_role("radio", name="Table")).to_have_count(0)
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    page.screenshot(path=str(shots / "export-compare-dark.png"))
    assert '"lanes":' in fetched(page, tmp_path).read_text()
