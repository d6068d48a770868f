"""The Compare tab in a real browser: lock-step, the first difference, numbers, the forms of the lanes."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.canvas_page import BEYOND, FAINT, clipboard

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


def lane(number: int) -> str:
    return f"#compare-lanes [data-lane='{number}']"


def set_lane(page: Page, number: int, sampler: str, **settings: Any) -> None:
    """Choose a lane's sampler, and change its settings in its form."""
    page.select_option(f"{lane(number)} select.sampler", sampler)
    change(page, number, **settings)


def change(page: Page, number: int, **settings: Any) -> None:
    for box in ("summary", ".rest summary"):
        if not page.locator(f"{lane(number)} details{'.rest' * (box != 'summary')}").first.get_attribute(
            "open"
        ):
            page.locator(f"{lane(number)} {box}").first.click()
    for name, value in settings.items():
        field = page.locator(f"{lane(number)} [data-setting={name}]")
        if isinstance(value, bool):
            field.set_checked(value)
        elif field.evaluate("(element) => element.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(str(value))
    page.locator(f"{lane(number)} summary").first.click()


def run(page: Page) -> None:
    page.click("#compare-run")
    page.wait_for_function(f"() => {CANVAS}?.player.ended && {CANVAS}.lanes.at(-1).verdict", timeout=120_000)


def sizes(page: Page, length: Any, block: Any, steps: Any) -> None:
    for name, value in (("gen_length", length), ("block_length", block), ("steps", steps)):
        page.fill(f"#compare-{name} input", str(value))


def line_up(page: Page) -> Any:
    return json.loads(
        page.evaluate("document.querySelector('#compare-lanes .lz-lineup').parentElement.lineUp.text")
    )


def test_it_opens_on_a_difference_and_says_whose(open_page: Any, shots: Path) -> None:
    page = open_page()
    open_tab(page)
    page.click("#compare-run")
    page.wait_for_selector("#compare-run:is([data-pressed], :disabled)", timeout=20_000)
    page.wait_for_function(f"() => {CANVAS}?.player.ended && {CANVAS}.lanes.at(-1).verdict")
    said = page.inner_text("#compare-canvas [data-part=say]")
    assert "First difference in cell" in said
    assert "LLaDA · surest first: “" in said and "; Fast-dLLM · threshold (threshold 0.05): “" in said
    verdicts = page.locator("#compare-canvas .metrics tbody td:nth-child(2)").all_inner_texts()
    assert verdicts == ["right", "wrong"]
    page.wait_for_selector("#compare-canvas .metrics th:has-text('order τ')")
    bars = page.locator("#compare-canvas .metrics tbody tr .bar")
    assert bars.count() >= 10
    tops = page.evaluate(
        "[...document.querySelectorAll('#compare-canvas .lane .board')].map((b) => b.offsetTop)"
    )
    assert len(set(tops)) == 1, "the cells of all lanes begin at the same height"
    page.get_by_role("button", name="Open in Visualize").nth(1).click()
    page.wait_for_function("document.querySelector('#canvas .lz').parentElement.tokenCanvas.timeline?.ended")
    assert "Wrong" in page.inner_text("#canvas [data-part=say]")
    open_tab(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save trace").first.click()
    assert download.value.suggested_filename.endswith(".jsonl")
    page.get_by_role("button", name="Run on 50 questions").click()
    page.wait_for_selector("#evaluate-note p")
    assert page.input_value("#evaluate-limit input") == "50"
    assert "expression" in page.input_value("#evaluate-set input")
    assert page.input_value("#evaluate-lanes [data-lane='2'] select.sampler") == "threshold"
    page.screenshot(path=str(shots / "handed-to-evaluate.png"))


def test_a_lane_copied_as_code_makes_its_tokens(open_page: Any, shots: Path) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    open_tab(page)
    run(page)
    menu = page.locator("#compare-canvas .lane").nth(1).locator(".codemenu")
    menu.locator("summary").click()
    page.screenshot(path=str(shots / "compare-copy-light.png"))
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    menu.get_by_role("button", name="Command").click()
    menu.get_by_text("Copied.").wait_for()
    assert "--sampler=threshold" in clipboard(page, "python -m", 5)
    menu.get_by_role("button", name="Python").click()
    program = clipboard(page, "import", 5).replace("print(decoded.text)", "print(repr(decoded.text))")
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    words = page.locator("#compare-canvas .lane").nth(1).locator(".board .c").all_inner_texts()
    written = "".join(word for word in words if not word.startswith("⟨")).replace("⏎", "").replace("∎", "")
    answer = ast.literal_eval(ran.stdout.splitlines()[-1])
    assert "".join(answer.split()) == "".join(written.split())
    page.keyboard.press("Escape")
    assert menu.locator(".codes").is_hidden()


def test_the_form_of_a_lane(open_page: Any, shots: Path) -> None:
    page = open_page()
    open_tab(page)
    assert line_up(page)[1] == {"sampler": "threshold", "settings": {"threshold": 0.05}}
    set_lane(page, 1, "wino", draft_threshold=0.3, eos_deferral="last", early_stop=False)
    assert line_up(page)[0] == {
        "sampler": "wino", "settings": {"draft_threshold": 0.3, "early_stop": False},
    }  # fmt: skip
    assert "draft threshold 0.3, early stop off" in page.inner_text(f"{lane(1)} summary >> nth=0")
    change(page, 1, draft_threshold="")
    assert line_up(page)[0]["settings"] == {"early_stop": False}
    page.locator(f"{lane(1)} summary").first.click()
    page.screenshot(path=str(shots / "compare-form.png"), full_page=True)
    page.click(f"{lane(1)} .reset")
    assert line_up(page)[0]["settings"] == {} and "as usual" in page.inner_text(f"{lane(1)} summary >> nth=0")
    page.click("#compare-lanes .add")
    assert len(line_up(page)) == 3 and page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    page.click(f"{lane(2)} .away")
    assert [each["sampler"] for each in line_up(page)][0] == "wino" and len(line_up(page)) == 2
    assert page.locator("#compare-lanes .away").count() == 0, "two are the fewest"


def test_lock_step_with_the_first_difference_marked(open_page: Any, shots: Any) -> None:
    page = open_page()
    open_tab(page)
    page.click("#compare-lanes .add")
    set_lane(page, 3, "low_confidence", confidence="random", early_stop=False)
    change(page, 1, early_stop=False)
    sizes(page, 128, 8, 128)  # so many steps that a browser on a busy machine paints some of them
    page.evaluate(RECORD)
    run(page)
    seen = [places for places in page.evaluate("window.seen") if len(places) == 3 and all(places)]
    assert len({tuple(places) for places in seen}) >= 5
    running = [p for p in seen if max(p) < 4]  # the quickest lane ends after about four evaluations
    assert all(max(places) - min(places) <= 1 for places in running)
    said = page.inner_text("#compare-canvas [data-part=say]")
    assert "First difference in cell" in said and page.is_visible("#compare-canvas .split")
    names = page.locator("#compare-canvas .lane h3").all_inner_texts()
    assert len(set(names)) == 3, "lanes of one sampler have names of their own"
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
    page.get_by_label("time", exact=True).check()
    run(page)
    assert " s of " in page.inner_text("#compare-canvas [data-part=frame]")
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    page.screenshot(path=str(shots / f"compare-{'dark' if dark else 'narrow'}.png"), full_page=True)


def test_stop_keeps_all_lanes_and_refusals_are_sentences(open_page: Any) -> None:
    page = open_page()
    open_tab(page)
    sizes(page, 512, 32, 512)  # so long that a browser on a busy machine is in time to stop it
    change(page, 1, early_stop=False)
    change(page, 2, early_stop=False, threshold=1)
    page.click("#compare-run")
    page.wait_for_function(f"() => {CANVAS}.lanes[1]?.timeline.length > 20")
    page.click("#compare-stop")
    page.wait_for_function(f"() => {CANVAS}.player.ended")
    lengths = page.evaluate(f"{CANVAS}.lanes.map((lane) => lane.timeline.length)")
    assert all(20 < length < 500 for length in lengths)
    page.wait_for_selector("#compare-run:not([disabled])")
    change(page, 2, threshold=2)
    page.click("#compare-run")
    page.wait_for_selector("#compare-alert [role=alert]")
    assert "Sampler 2: Threshold must be a number from 0 to 1." in page.inner_text("#compare-alert")
    assert page.evaluate(f"{CANVAS}.lanes.map((lane) => lane.timeline.length)") == lengths
    page.wait_for_selector("#compare-run:not([data-pressed])")
