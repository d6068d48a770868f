"""The Compare tab in a real browser: lock-step, one clock, the first difference, numbers."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.canvas_page import BEYOND, FAINT

pytestmark = pytest.mark.browser
CANVAS = "document.querySelector('#compare-canvas .lz').parentElement.compare"
PLACES = "compare.lanes.map((lane) => lane.timeline.frames.at(-1)?.nfe ?? 0)"
# Notes at every animation frame how far each lane is.
RECORD = f"""() => {{
  const compare = {CANVAS};
  window.seen = [];
  const look = () => {{
    window.seen.push({PLACES});
    requestAnimationFrame(look);
  }};
  look();
}}"""


def open_tab(page: Page) -> None:
    page.get_by_role("tab", name="Compare").click()
    page.wait_for_selector("#compare-run")
    page.wait_for_timeout(300)


def set_lane(page: Page, number: Any, title: Any, text: str = "") -> None:
    page.click(f"#compare-sampler-{number} input")
    page.get_by_role("option", name=title, exact=True).last.click()
    page.wait_for_function("document.querySelectorAll('[role=option]').length === 0")
    page.fill(f"#compare-settings-{number} textarea", text)


def run(page: Page) -> None:
    page.click("#compare-run")
    page.wait_for_function(f"() => {CANVAS}?.player.ended && {CANVAS}.lanes.at(-1).verdict", timeout=120_000)


def sizes(page: Page, length: Any, block: Any, steps: Any) -> None:
    for name, value in (("gen_length", length), ("block_length", block), ("steps", steps)):
        page.fill(f"#compare-{name} input", str(value))


def test_lock_step_with_the_first_difference_marked(open_page: Any, shots: Any) -> None:
    page = open_page()
    open_tab(page)
    set_lane(page, 2, "Fast-dLLM · threshold", "threshold=0.05")
    page.click("#compare-add")
    set_lane(page, 3, "LLaDA · low confidence", "confidence=random, early_stop=false")
    page.fill("#compare-settings-1 textarea", "early_stop=false")
    sizes(page, 128, 8, 128)  # so many steps that a browser on a busy machine paints some of them
    page.evaluate(RECORD)
    run(page)
    seen = [places for places in page.evaluate("window.seen") if len(places) == 3 and all(places)]
    assert len({tuple(places) for places in seen}) >= 5
    running = [p for p in seen if max(p) < 4]  # the quickest lane ends after about four evaluations
    assert all(max(places) - min(places) <= 1 for places in running)
    said = page.inner_text("#compare-canvas [data-part=say]")
    assert "First difference in cell" in said and page.is_visible("#compare-canvas .split")
    assert page.locator("#compare-canvas .lane .c.diff").count() >= 2
    rows = page.locator("#compare-canvas .metrics tbody tr").all_inner_texts()
    assert len(rows) == 3 and "right" in rows[0] and "wrong" in rows[1]
    page.click("#compare-canvas .split")
    place = page.evaluate(f"{CANVAS}.split.place")
    assert page.evaluate(f"{CANVAS}.player.index") == place
    page.wait_for_selector("#compare-canvas .lane .c.m")  # masks are left there
    page.click("#compare-canvas [data-part=first]")
    page.wait_for_function(f"() => {CANVAS}.lanes.every((lane) => lane.painted.index === 0)")
    page.click("#compare-canvas [data-part=last]")
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    page.screenshot(path=str(shots / "compare-light.png"), full_page=True)


@pytest.mark.parametrize(("width", "dark"), [(1360, True), (390, False)])
def test_looks(open_page: Any, shots: Any, width: int, dark: bool) -> None:
    page = open_page(width=width, dark=dark)
    open_tab(page)
    page.fill("#compare-settings-2 textarea", "threshold=0.05")
    page.get_by_label("time", exact=True).check()
    run(page)
    assert " s of " in page.inner_text("#compare-canvas [data-part=frame]")
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    page.screenshot(path=str(shots / f"compare-{'dark' if dark else 'narrow'}.png"), full_page=True)


def test_stop_keeps_all_lanes_and_refusals_are_sentences(open_page: Any) -> None:
    page = open_page()
    open_tab(page)
    sizes(page, 512, 32, 512)  # so long that a browser on a busy machine is in time to stop it
    page.fill("#compare-settings-1 textarea", "early_stop=false")
    page.fill("#compare-settings-2 textarea", "early_stop=false, threshold=1")
    page.click("#compare-run")
    page.wait_for_function(f"() => {CANVAS}.lanes[1]?.timeline.length > 20")
    page.click("#compare-stop")
    page.wait_for_function(f"() => {CANVAS}.player.ended")
    lengths = page.evaluate(f"{CANVAS}.lanes.map((lane) => lane.timeline.length)")
    assert all(20 < length < 500 for length in lengths)
    page.wait_for_selector("#compare-run:not([disabled])")
    page.fill("#compare-settings-2 textarea", "luck=1")
    page.click("#compare-run")
    page.wait_for_selector("#compare-alert [role=alert]")
    assert "Sampler 2: Fast-dLLM · threshold has no setting luck." in page.inner_text("#compare-alert")
    assert page.evaluate(f"{CANVAS}.lanes.map((lane) => lane.timeline.length)") == lengths
