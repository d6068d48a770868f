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
    tab.wait("!canvas.opened && !line && canvas.board.spans.length === 64 && canvas.board.rows.length === 8")
    assert page.is_visible("#canvas [data-part=go]") and not page.is_visible("#canvas [data-part=asked]")
    assert tab.text("step") == "–" and not page.is_visible("#canvas [data-part=intro]")


def test_m5_the_empty_board_follows_the_sizes(open_page: OpenPage) -> None:
    tab = CanvasPage(open_page())
    tab.wait("canvas.board.spans.length === 32 && canvas.board.rows.length === 4")
    tab.setting("gen_length", 48)
    tab.setting("block_length", 16)
    tab.wait("canvas.board.spans.length === 48 && canvas.board.rows.length === 3")
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
    page.route("**/gradio_api/queue/join*", lambda route: (page.wait_for_timeout(900), route.continue_()))
    page.click("#run")
    page.wait_for_selector("#run[disabled]:has-text('Starting…')", timeout=800)
    page.unroute("**/gradio_api/queue/join*")
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
