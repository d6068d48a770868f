"""The forms of Compare, Evaluate and Train in a real browser: they stay through a refresh, and nothing that
is reached in them lies under their button."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llada_viz.decoding.setup_link import to_link
from llada_viz.decoding.setups import Setup
from tests.browser.canvas_page import CanvasPage, leaving, press_tab

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]
READY = "['visualize', 'compare', 'evaluate', 'train'].every((name) => globalThis.llvKeeping?.has(name))"
FIRST_LANE = "#compare-lanes [data-lane='1'] select.sampler"
# m25: what stands above the first sampler of each group.
HEADINGS = """[...document.querySelectorAll('#sampler li')]
  .map((li) => getComputedStyle(li, '::before').content).filter((text) => text.startsWith('"'))
  .map((text) => JSON.parse(text))"""
LAST_FIELD = """() => {
  const fields = [...document.querySelectorAll('.lz-form input, .lz-form textarea')];
  const last = fields.filter((field) => field.offsetParent && !field.disabled).at(-1);
  last.focus();
  const bar = [...document.querySelectorAll('.lz-bottom')].find((each) => each.offsetParent);
  return bar.getBoundingClientRect().top - last.getBoundingClientRect().bottom;
}"""


def value(page: Any, where: str) -> str:
    """What stands in an input."""
    return str(page.input_value(f"{where} input, {where} textarea"))


def has(page: Any, where: str, wanted: str) -> None:
    """Wait until that stands in an input."""
    page.wait_for_function(
        "([where, wanted]) => document.querySelector(where)?.value === wanted",
        arg=[f"{where} input, {where} textarea", wanted],
    )


def opened(open_page: Callable[..., Any], **options: Any) -> Any:
    page = open_page(**options)
    page.wait_for_function(READY)
    return page


def test_the_forms_of_the_other_tabs_stay_through_a_refresh_and_reset(open_page: Any, shots: Any) -> None:
    page = opened(open_page)
    press_tab(page, "Compare")
    first = value(page, "#compare-prompt")
    page.fill("#compare-prompt textarea", "What is 5 + 8?")
    page.fill("#compare-gen_length input", "64")
    assert page.locator(f"{FIRST_LANE} optgroup").count() == 3  # m25
    page.select_option(FIRST_LANE, "wino")
    press_tab(page, "Evaluate")
    page.fill("#evaluate-limit input", "7")
    press_tab(page, "Train")
    page.fill("#train-max_steps input", "77")
    page.wait_for_function("localStorage['llada-viz-train']?.includes('\"setting:max_steps\":77')")
    with leaving(page):
        page.reload()
        page.wait_for_function(READY)
    has(page, "#train-max_steps", "77")
    page.get_by_role("button", name="All settings").click()
    page.wait_for_timeout(800)
    assert page.evaluate(LAST_FIELD) >= 0, "the last field is under the button"
    page.screenshot(path=str(shots / "train-kept.png"))
    press_tab(page, "Evaluate")
    has(page, "#evaluate-limit", "7")
    press_tab(page, "Compare")
    has(page, "#compare-gen_length", "64")
    assert value(page, "#compare-prompt") == "What is 5 + 8?" and page.input_value(FIRST_LANE) == "wino"
    assert not page.query_selector("#compare-kept p")
    page.click("#compare-reset")
    has(page, "#compare-prompt", first)
    assert page.input_value(FIRST_LANE) == "low_confidence"


def test_a_link_to_a_run_wins_over_a_set_up_and_m9_fills_the_form(open_page: Any) -> None:
    page = opened(open_page, permissions=["clipboard-read", "clipboard-write"])
    seen = CanvasPage(page)
    page.click("#sampler input")
    assert page.evaluate(HEADINGS) == ["Write each token once", "Take tokens back", "Let a scorer judge"]
    page.get_by_role("option", name="KLASS · stable predictions", exact=True).click()
    has(page, "#sampler", "KLASS · stable predictions")
    page.wait_for_timeout(1500)  # its settings are in the form
    seen.run()
    seen.wait("line?.ended")
    page.click("#canvas button:has-text('Keep this run')")
    page.wait_for_selector("#canvas button:has-text('Kept, see Traces')")
    press_tab(page, "Traces")
    page.locator("#traces .trace").first.get_by_role("button", name="Link").click()
    page.wait_for_function("document.querySelector('#traces [data-part=told]').innerText.includes('Copied')")
    link = page.evaluate("navigator.clipboard.readText()")
    other = to_link(Setup("Hello?", "wino", {"gen_length": 16, "block_length": 16, "steps": 16}))
    with leaving(page):
        page.goto(f"{link}&setup={other}")
        page.wait_for_function(READY)
    has(page, "#sampler", "KLASS · stable predictions")
    has(page, "#setting-gen_length", "32")
    assert value(page, "#prompt") != "Hello?"
    assert "setup=" not in page.url and not page.query_selector("#setup-words p")
