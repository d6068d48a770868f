"""The first minute: what a newcomer sees and presses. The names carry the numbers of the faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.canvas_page import BEYOND, FAINT, CanvasPage

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


def test_m1_a_recorded_run_plays_by_itself(open_page: OpenPage, shots: Path) -> None:
    tab = CanvasPage(page := open_page(plays=True))
    tab.wait("canvas.opened && line.length > 2", seconds=10)
    began = tab.canvas("player.index")
    tab.wait(f"canvas.player.index > {began}", seconds=1.5)  # something moves
    assert tab.text("intro").startswith("Recorded run; press Run to decode live.")
    assert page.is_visible("#canvas [data-part=asked]") and page.is_enabled("#run")
    assert page.evaluate(FAINT) == [] and page.evaluate(BEYOND) == []
    tab.shot(shots, "opening-light")
    page.keyboard.press("Tab")
    tab.run()  # takes over at any time
    tab.wait("!canvas.opened && line?.ended && canvas.player.index === line.length - 1")
    assert not page.is_visible("#canvas [data-part=intro]")
    assert tab.text("asked") == page.input_value("#prompt textarea")


def test_m1_calm_readers_see_its_end_and_tests_see_nothing(open_page: OpenPage) -> None:
    calm = CanvasPage(open_page(plays=True, reduced_motion="reduce"))
    calm.wait("canvas.opened && line.ended && canvas.painted.index === line.length - 1", seconds=10)
    assert calm.page.is_visible("#canvas [data-part=intro]")
    still = CanvasPage(open_page())
    still.page.wait_for_timeout(1500)
    assert still.canvas("timeline") is None and still.page.is_visible("#canvas [data-part=go]")


def test_m1_on_a_phone_it_stands_before_the_form(open_page: OpenPage, shots: Path) -> None:
    tab = CanvasPage(page := open_page(390, 844, plays=True))
    tab.wait("canvas.opened && canvas.painted.index > 0", seconds=10)
    top = "document.querySelector('{}').getBoundingClientRect().top"
    assert page.evaluate(top.format("#canvas")) < 200 < page.evaluate(top.format("#prompt"))
    assert page.evaluate(BEYOND) == []
    tab.shot(shots, "opening-narrow")


def test_m1_a_touch_of_the_form_ends_it(open_page: OpenPage) -> None:
    tab = CanvasPage(page := open_page(plays=True))
    tab.wait("canvas.opened", seconds=10)
    tab.example("Word problem")
    tab.wait(
        "!canvas.opened && !line && canvas.board.spans.length === 64"
        " && document.querySelectorAll('#canvas .board .gut').length === 8"
    )
    assert page.is_visible("#canvas [data-part=go]") and not page.is_visible("#canvas [data-part=asked]")
    assert tab.text("step") == "–" and not page.is_visible("#canvas [data-part=intro]")


def test_m5_the_empty_board_follows_the_sizes(open_page: OpenPage) -> None:
    tab = CanvasPage(open_page())
    tab.wait(
        "canvas.board.spans.length === 32 && document.querySelectorAll('#canvas .board .gut').length === 4"
    )
    tab.setting("gen_length", 48)
    tab.setting("block_length", 16)
    tab.wait(
        "canvas.board.spans.length === 48 && document.querySelectorAll('#canvas .board .gut').length === 3"
    )
    tab.setting("gen_length", "")
    tab.wait("canvas.board.spans.length === 48")


def test_m6_the_board_says_run_and_means_it(open_page: OpenPage) -> None:
    tab = CanvasPage(page := open_page())
    page.click("#canvas [data-part=go]")
    tab.wait("line?.ended")
    assert tab.text("say").startswith("Finished.")


def test_m9_the_board_knows_whether_it_answers_the_prompt(open_page: OpenPage, shots: Path) -> None:
    tab = CanvasPage(page := open_page())
    tab.run()
    tab.wait("line?.ended")
    prompt = page.input_value("#prompt textarea")
    assert not page.is_visible("#canvas [data-part=stale]")
    page.fill("#prompt textarea", "What is 2 + 2?")
    tab.wait("canvas.root.classList.contains('stale')")
    assert page.is_visible("#canvas [data-part=stale]") and tab.text("asked") == prompt
    tab.shot(shots, "stale-light")
    page.fill("#prompt textarea", prompt)
    tab.wait("!canvas.root.classList.contains('stale')")


def test_m9_an_opened_trace_brings_its_question(open_page: OpenPage, tmp_path: Path) -> None:
    tab = CanvasPage(page := open_page())
    prompt = page.input_value("#prompt textarea")
    tab.run()
    tab.wait("line?.ended")
    with page.expect_download() as download:
        page.click("text=Download trace")
    download.value.save_as(trace := tmp_path / "trace.jsonl")
    page.fill("#prompt textarea", "What is 2 + 2?")
    tab.wait("canvas.root.classList.contains('stale')")
    tab.open_trace(trace)
    page.wait_for_function("(p) => document.querySelector('#prompt textarea').value === p", arg=prompt)
    tab.wait("!canvas.root.classList.contains('stale')")


def test_m16_run_answers_at_once_and_a_refusal_gives_it_back(open_page: OpenPage) -> None:
    tab = CanvasPage(page := open_page())
    held: list[Any] = []
    busy = True  # the server takes its time
    page.route("**/queue/join*", lambda route: held.append(route) if busy else route.continue_())
    page.click("#run")
    page.wait_for_selector("#run[disabled]:has-text('Starting…')", timeout=5000)
    busy = False
    for route in held:
        route.continue_()
    tab.wait("line?.ended")
    page.wait_for_selector("#run:not([disabled]):has-text('Run')")
    tab.setting("block_length", 7)
    tab.run()
    assert "does not divide" in tab.alert()
    page.wait_for_selector("#run:not([disabled]):has-text('Run')")


def test_m26_the_keyboard_runs_and_then_steps(open_page: OpenPage) -> None:
    tab = CanvasPage(page := open_page())
    page.focus("#run")
    page.keyboard.press("Enter")
    tab.wait("line?.ended && canvas.player.ended && !canvas.player.behind")
    focused = "document.activeElement.dataset.part"
    assert page.evaluate(focused) == "range"
    last = tab.canvas("player.last")
    page.keyboard.press("ArrowLeft")
    tab.wait(f"canvas.painted.index === {last} - 1")
    page.keyboard.press("Space")
    tab.wait(f"canvas.painted.index === {last} && canvas.player.live")
    run = tab.canvas("timeline.run")
    page.focus("#prompt textarea")
    page.keyboard.press("Control+Enter")
    tab.wait(f"line.run !== '{run}' && line.ended")
    assert page.evaluate("document.activeElement.matches('#prompt textarea')")


def test_m13_a_refusal_marks_its_field_and_offers_a_fix(open_page: OpenPage, shots: Path) -> None:
    tab = CanvasPage(page := open_page(dark=True))
    tab.setting("block_length", 7)
    tab.run()
    assert "Block length 7 does not divide the answer length 32. Try 8 or 4." in tab.alert()
    field = page.locator("#setting-block_length input")
    page.wait_for_selector("#setting-block_length input[aria-invalid=true]:focus")
    tab.shot(shots, "refused-dark")
    assert page.evaluate(FAINT) == [] and page.evaluate(BEYOND) == []
    page.click("#alert [data-fix='8']")
    assert field.input_value() == "8" and field.get_attribute("aria-invalid") is None
    assert not page.is_visible("#alert [role=alert]")
    tab.more()
    page.fill("#seed input", "")
    for _ in range(2):  # the same refusal again is seen, and heard, again
        tab.run()
        assert "Seed is empty." in tab.alert()
        page.wait_for_selector("#seed input[aria-invalid=true]:focus")
    page.fill("#seed input", "3")
    assert page.get_attribute("#seed input", "aria-invalid") is None
    tab.run()
    tab.wait("line?.ended")
    assert not page.locator("#alert [role=alert]").count()


def test_m14_the_form_says_what_the_model_reads(open_page: OpenPage) -> None:
    page = open_page()
    assert "1–1024" in page.inner_text("#setting-gen_length")
    assert page.locator("#setting-gen_length .lz-tip").evaluate("e => getComputedStyle(e).opacity") == "0"
    page.focus("#setting-gen_length input")
    page.wait_for_function(
        "getComputedStyle(document.querySelector('#setting-gen_length .lz-tip')).opacity === '1'"
    )
    described = page.get_attribute("#setting-gen_length input", "aria-describedby")
    assert "counts the prompt" in page.inner_text(f"#{described}")
    page.keyboard.press("Tab")
    page.wait_for_function(
        "getComputedStyle(document.querySelector('#setting-gen_length .lz-tip')).opacity === '0'"
    )


@pytest.mark.parametrize("width", [1360, 390])
def test_the_tour_has_four_steps_and_is_not_offered_twice(
    open_page: OpenPage, shots: Path, width: int
) -> None:
    page = open_page(width, 844, plays=True)
    if width == 1360:
        page.wait_for_selector(".lz-tour")  # by itself, and the focus stays
        assert page.evaluate("document.activeElement === document.body")
    else:
        page.wait_for_timeout(3500)
        assert not page.locator(".lz-tour").count(), "there is no room beside what plays"
        page.click("#canvas [data-do=tour]")
    titles = set()
    for step in range(1, 5):
        assert page.inner_text(".lz-tour .count") == f"{step} of 4"
        titles.add(page.inner_text(".lz-tour h2"))
        box = page.locator(".lz-tour").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] <= 844
        assert page.locator(".lz-toured").count() == 1 and page.evaluate(BEYOND) == []
        page.screenshot(path=str(shots / f"tour-{width}-{step}.png"))
        page.get_by_role("button", name="Done" if step == 4 else "Next", exact=True).click()
    assert len(titles) == 4 and not page.locator(".lz-tour, .lz-toured").count()
    page.reload()
    page.wait_for_function("document.querySelector('#canvas .c')?.isConnected")
    page.wait_for_timeout(3500)
    assert not page.locator(".lz-tour").count()


def test_the_tour_by_keyboard_from_the_help_menu(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("tab", name="Compare").click()
    page.focus("#help")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Show me around"
    page.keyboard.press("Enter")
    page.wait_for_selector(".lz-tour h2:focus")
    assert page.is_visible("#prompt") and page.get_attribute("#help", "aria-expanded") == "false"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.lz-tour .count').textContent === '2 of 4'")
    assert page.evaluate("document.activeElement.textContent") == "Ask something"
    page.keyboard.press("Escape")
    assert not page.locator(".lz-tour").count()


def test_help_shows_the_recorded_run_and_the_keys(open_page: OpenPage) -> None:
    tab = CanvasPage(page := open_page())
    page.click("#help")
    page.get_by_role("button", name="Watch the recorded run again").click()
    tab.wait("canvas.opened && line.length > 2 && canvas.player.index > 0")
    page.click("#help")
    page.keyboard.press("Escape")
    assert not page.is_visible("#help-menu") and page.evaluate("document.activeElement.id") == "help"
    page.click("#help")
    page.locator("[data-do=keys]").click()
    assert page.is_visible("#canvas [data-part=help]") and not page.is_visible("#help-menu")


def test_m8_the_theme_can_be_switched_and_is_kept(open_page: OpenPage, app: str) -> None:
    page = open_page()
    page.click("[data-do=theme]")
    assert page.evaluate("document.body.classList.contains('dark')")
    page.goto(f"{app}/?still=1")
    page.wait_for_function("document.body.classList.contains('dark')")
    page.wait_for_selector("[data-do=theme][aria-pressed=true]")
    page.click("[data-do=theme]")
    assert not page.evaluate("document.body.classList.contains('dark')")


def test_m7_header_and_content_stand_on_one_grid(open_page: OpenPage) -> None:
    page = open_page(1920, 1000)
    edges = """() => {
      const box = (where) => document.querySelector(where).getBoundingClientRect();
      const [head, help] = [box('.lz-header h1'), box('#help')];
      return [head.left, box('.lz-page .lz-form').left, help.right, box('#canvas .card').right];
    }"""
    name, form, help, board = page.evaluate(edges)
    assert abs(name - form) < 2 and abs(help - board) < 2
    assert page.locator("h1:visible").all_inner_texts() == ["LLaDA Viz"]
