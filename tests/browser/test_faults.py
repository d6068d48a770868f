"""What newcomers met on the page, and do not meet any more. The names carry the numbers of the faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.canvas_page import BEYOND, FAINT, CanvasPage, press_tab

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]
SIZES = {
    "Sudoku": (48, 48, 48), "Equation": (32, 8, 32), "Expression": (32, 8, 32), "Word problem": (64, 8, 64),
    "Countdown": (32, 8, 32),
}  # fmt: skip
NAMES = ("gen_length", "block_length", "steps")
# A problem that the bundled model gets wrong: it drops a sign.
ANSWERED_WRONG = "What is the value of x if -x + 8 = -8?"
# How far an element is from the part of the page that is in view: 0 when all of it is.
OUTSIDE = """(where) => {
  const { top, bottom } = document.querySelector(where).getBoundingClientRect();
  return Math.max(0, -top, bottom - innerHeight);
}"""


# Whether an element begins in the upper part of the page that is in view, or is in view at the page's end.
IN_VIEW = """(where) => {
  const { top, bottom } = document.querySelector(where).getBoundingClientRect();
  const ends = scrollY + innerHeight >= document.documentElement.scrollHeight - 1;
  return top >= -1 && (top < innerHeight * 0.7 || (ends && bottom <= innerHeight));
}"""


# The foot of the form says what the panel says of the job, which may change meanwhile.
SAME_STATE = """() => {
  const [state, foot] = ['#evaluate-state .lz-state', '#evaluate-foot .lz-state']
    .map((where) => document.querySelector(where)?.textContent);
  return state && state === foot;
}"""


def wait_for_sizes(page: Any, prefix: str, sizes: tuple[int, ...]) -> None:
    """Wait until a form has these sizes; fails after five seconds with what it has."""
    fields = [f"#{prefix}-{name} input" for name in NAMES]
    wanted = [str(size) for size in sizes]
    try:
        page.wait_for_function(
            "([fields, wanted]) => fields.every((f, i) => document.querySelector(f).value === wanted[i])",
            arg=[fields, wanted], timeout=15_000,
        )  # fmt: skip
    except Exception:
        raise AssertionError(f"{[page.input_value(f) for f in fields]} instead of {wanted}") from None


def open_tab(page: Any, name: str) -> None:
    press_tab(page, name)
    page.wait_for_selector(f"#{name.lower()}-run")
    page.wait_for_timeout(300)


def test_b1_an_example_fills_the_sizes_every_time_for_everybody(open_page: OpenPage) -> None:
    tabs = [CanvasPage(open_page()), CanvasPage(open_page())]
    for _ in range(2):
        for name, sizes in SIZES.items():
            for tab in tabs:
                for field in NAMES:
                    tab.setting(field, 7)
                tab.example(name)
                wait_for_sizes(tab.page, "setting", sizes)
    page = tabs[0].page
    open_tab(page, "Compare")
    for name, sizes in SIZES.items():
        page.locator("[role=tabpanel]:visible").get_by_role("button", name=name, exact=True).click()
        wait_for_sizes(page, "compare", sizes)


def test_m2_the_adapter_is_in_the_models_menu_and_brings_its_steps(open_page: OpenPage, shots: Path) -> None:
    page, name = open_page(), "tiny-llada-few-steps"
    tab = CanvasPage(page)
    tab.example("Equation")  # whose answer takes all 32 cells
    assert page.locator(".lz-form button:visible").first.inner_text() == "Sudoku", "no offer above the prompt"
    assert not page.is_visible(f"#model-offer-{name}")
    page.click("#model > button")
    page.get_by_role("button", name="Use the 8-step adapter").click()
    wait_for_sizes(page, "setting", (32, 8, 8))
    assert "for the adapter" in page.inner_text("#setting-steps") and name in page.inner_text("#model")
    tab.run()
    tab.wait("line?.ended")
    assert tab.text("step") == "8 / 8" and tab.text("say").startswith("Finished.")
    assert page.evaluate(FAINT) == []
    tab.shot(shots, "visualize-adapter")
    tab.example("Word problem")
    wait_for_sizes(page, "setting", (64, 8, 16))
    for other in ("Compare", "Evaluate"):
        open_tab(page, other)
        page.wait_for_function(f"document.querySelector('#{other.lower()}-steps input').value === '8'")
    for chosen, sizes in (("word (bundled problems)", (64, 8, 16)), ("arithmetic.csv (sample)", (32, 8, 8))):
        page.click("#evaluate-set input")
        page.get_by_role("option", name=chosen).click()
        wait_for_sizes(page, "evaluate", sizes)
    open_tab(page, "Compare")
    page.fill("#compare-steps input", "16")
    page.wait_for_function("!document.querySelector('#compare-steps').innerText.includes('for the adapter')")
    page.click("#model > button")
    page.click("#model-detach")
    page.wait_for_function("document.querySelector('#evaluate-steps input').value === '32'")
    page.wait_for_function(f"!document.querySelector('#model > button').innerText.includes('{name}')")
    page.wait_for_timeout(500)
    assert page.input_value("#compare-steps input") == "16", "steps that somebody has typed stay"


def test_the_models_menu_closes_as_menus_do(open_page: OpenPage) -> None:
    page = open_page()
    offer = page.get_by_role("button", name="Use the 8-step adapter")
    for leave in (lambda: page.mouse.click(600, 700), lambda: page.keyboard.press("Escape")):
        for _ in range(2):
            page.click("#model > button")
            offer.wait_for()
            page.click("#model p >> nth=0")  # inside
            page.wait_for_timeout(300)
            assert offer.is_visible()
            leave()
            offer.wait_for(state="hidden")
    page.click("#model > button")
    offer.wait_for()
    page.click("#model > button")  # its own button closes it, and nothing opens it again
    offer.wait_for(state="hidden")
    page.mouse.click(600, 700)
    page.wait_for_timeout(300)
    assert offer.is_hidden()


def test_m5_m6_the_page_says_what_is_wrong_and_what_was_cut_off(open_page: OpenPage, shots: Path) -> None:
    page = open_page(dark=True)
    tab = CanvasPage(page)
    tab.run()
    tab.wait("line?.ended")
    assert tab.text("verdict") == "Right." and page.locator("#canvas .c.broken").count() == 0
    tab.example("Equation")
    wait_for_sizes(page, "setting", (32, 8, 32))
    page.fill("#prompt textarea", ANSWERED_WRONG)
    tab.setting("gen_length", 16)
    tab.setting("steps", 16)
    tab.run()
    tab.wait("line?.ended && line.meta.gen_length === 16 && say.startsWith('Cut off.')")
    assert "The answer did not end in 16 cells" in tab.text("say") and not tab.text("verdict")
    tab.shot(shots, "cut-off-dark")
    page.wait_for_selector("#run:not([disabled])")
    page.get_by_role("button", name="Try 32").click()
    tab.wait("line?.ended && line.meta.gen_length === 32")
    wait_for_sizes(page, "setting", (32, 8, 32))
    assert tab.text("verdict") == "Wrong: the answer is 16; line 2 is where it breaks."
    line = "".join(page.locator("#canvas .c.broken").all_inner_texts())
    assert line.startswith("-x") and line.count("=") == 1, line
    assert not page.is_visible("#canvas [data-part=again]") and page.evaluate(FAINT) == []
    tab.shot(shots, "wrong-dark")
    page.click("#canvas [data-part=first]")
    tab.wait("canvas.painted.index === 0")
    assert not tab.text("verdict") and page.locator("#canvas .c.broken").count() == 0


def test_m8_window_refine_scores_windows_of_a_word_problem(open_page: OpenPage) -> None:
    page = open_page()
    tab = CanvasPage(page)
    tab.example("Word problem")
    wait_for_sizes(page, "setting", (64, 8, 64))
    tab.sampler("LLaDA R3 · window refine")
    page.get_by_role("button", name="Settings of this sampler").click()
    page.wait_for_selector("#setting-window input")
    assert page.input_value("#setting-window input") == "4"
    tab.setting("num_refinement_samples", 2)
    tab.run()
    tab.wait("line?.ended")
    assert int(tab.text("calls")) >= 1 and "No window was scored" not in tab.text("say")
    tab.example("Sudoku")  # one block
    page.wait_for_function("document.querySelector('#setting-window input').value === '1'")


@pytest.mark.parametrize(("width", "height"), [(1360, 900), (390, 844)])
def test_m13_the_button_is_in_view_and_so_is_the_result(
    open_page: OpenPage, shots: Path, width: int, height: int
) -> None:
    page = open_page(width, height)
    for name in ("Compare", "Evaluate", "Train"):
        open_tab(page, name)
        page.evaluate("scrollTo(0, 0)")
        assert page.evaluate(OUTSIDE, f"#{name.lower()}-run") == 0, name
        page.screenshot(path=str(shots / f"foot-{name.lower()}-{width}.png"))
    open_tab(page, "Compare")
    lanes = page.locator("#compare-lanes fieldset")
    assert lanes.count() == 2
    for number in (3, 4):
        page.click("#compare-lanes .add")
        assert lanes.count() == number
    assert not page.is_visible("#compare-lanes .add")
    page.locator("#compare-measure").scroll_into_view_if_needed()
    assert page.evaluate(OUTSIDE, "#compare-run") == 0
    page.click("#compare-run")
    page.wait_for_selector("#compare-run:has-text('Comparing')")
    page.wait_for_function("document.querySelector('#compare-canvas .lz').parentElement.compare.player.ended")
    page.wait_for_selector("#compare-run:has-text('Compare'):not([disabled])")
    page.wait_for_function(IN_VIEW, arg="#compare-canvas", timeout=15_000)
    assert page.evaluate(BEYOND) == []
    open_tab(page, "Evaluate")
    page.fill("#evaluate-limit input", "1")
    page.locator("#evaluate-limit").scroll_into_view_if_needed()
    page.click("#evaluate-run")
    page.wait_for_selector("#evaluate-state .lz-state")
    page.wait_for_function(IN_VIEW, arg="#evaluate-state", timeout=15_000)
    page.wait_for_function(SAME_STATE)


def test_m13_a_refusal_elsewhere_marks_its_field_and_mends_it(open_page: OpenPage, shots: Path) -> None:
    page = open_page()
    open_tab(page, "Evaluate")
    page.fill("#evaluate-block_length input", "7")
    page.click("#evaluate-run")
    page.wait_for_selector("#evaluate-block_length input[aria-invalid=true]")
    page.screenshot(path=str(shots / "refused-evaluate.png"))
    page.locator("#evaluate-alert").get_by_role("button", name="Use 8").click()
    assert page.input_value("#evaluate-block_length input") == "8"
    open_tab(page, "Train")
    page.fill("#train-max_steps input", "0")
    page.click("#train-run")
    page.wait_for_selector("#train-max_steps input[aria-invalid=true]")


def test_m36_the_slider_of_compare_stays_in_sight(open_page: OpenPage, shots: Path) -> None:
    page = open_page(1360, 700)
    open_tab(page, "Compare")
    page.click("#compare-run")
    page.wait_for_function("document.querySelector('#compare-canvas .lz').parentElement.compare.player.ended")
    page.wait_for_timeout(500)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_timeout(300)
    assert page.evaluate("scrollY") > 200
    assert page.evaluate(OUTSIDE, "#compare-canvas [data-part=transport]") == 0
    page.screenshot(path=str(shots / "compare-scrolled.png"))


def test_m10_m11_a_long_answer_is_followed_and_no_row_grows(open_page: OpenPage, shots: Path) -> None:
    page = open_page(1360, 800)
    tab = CanvasPage(page)
    tab.example("Word problem")
    wait_for_sizes(page, "setting", (64, 8, 64))
    tab.setting("gen_length", 256)
    tab.setting("block_length", 16)
    tab.setting("steps", 64)
    tab.sampler("LLaDA R3 · window refine")
    tab.run()
    heights = """() => [...document.querySelectorAll('#canvas .board .blk')].map((row) => row.offsetHeight)"""
    tab.wait("line?.length > 2")
    page.wait_for_timeout(1500)  # until it has scrolled to the board
    seen = {tuple(page.evaluate(heights))}
    while not tab.canvas("timeline.ended"):
        seen.add(tuple(page.evaluate(heights)))
        assert page.evaluate(OUTSIDE, "#canvas [data-part=transport]") == 0
        page.wait_for_timeout(200)
    tab.wait("line?.ended && canvas.painted.index === line.length - 1")
    seen.add(tuple(page.evaluate(heights)))
    tab.shot(shots, "long-answer")
    rows = [{height for height in row if height} for row in zip(*seen, strict=True)]  # folded at the end: 0
    assert len(rows) == 16 and all(len(heights) == 1 for heights in rows), rows
