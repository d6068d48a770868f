"""Ask a cell and branch, in a real browser, against the real app and the bundled model."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from samplers.recording.traces import read_trace, write_trace
from tests.browser.canvas_page import BEYOND, FAINT, CanvasPage

pytestmark = pytest.mark.browser
SAVED = Path(__file__).parents[1] / "vectors" / "traces" / "v0.2" / "wino_takes_back.jsonl"
CELL = "#canvas .board .c >> nth="


@pytest.fixture
def tab(open_page: Any) -> Any:
    return CanvasPage(open_page())


def finished(tab: Any) -> str:
    """Run the first example; the run's id."""
    tab.run()
    tab.wait("!canvas.opened && line?.ended")
    tab.page.wait_for_selector("#run:not([disabled])")
    return str(tab.canvas("timeline.run"))


def at(tab: Any, frame: int) -> None:
    tab.canvas(f"act('frame-to', {frame})")
    tab.wait(f"canvas.painted.index === {frame}")


def ask(tab: Any, cell: int) -> list[str]:
    """Choose a cell; the tokens that could stand there."""
    tab.page.click(f"{CELL}{cell}")
    tab.page.wait_for_selector("#canvas .likely .value", state="visible")
    return [each.strip() for each in tab.page.locator("#canvas .likely > .mono").all_inner_texts()]


def branch(tab: Any, before: str) -> str:
    """Press Branch, and wait for the branch's end and its tree."""
    tab.page.click("#canvas .grow .go")
    tab.wait(f"line.run !== '{before}' && line.ended")
    tab.page.wait_for_selector("#run:not([disabled])")
    tab.page.wait_for_selector("#canvas .nodes .now .tree-told:not(:has-text('goes on'))")
    return str(tab.canvas("timeline.run"))


def test_a_cell_is_asked_and_another_word_is_written(tab: Any, shots: Path) -> None:
    page, first = tab.page, finished(tab)
    at(tab, 12)
    tokens = ask(tab, 9)
    assert len(tokens) == 5 and page.inner_text("#canvas .ask h3").startswith("Cell 9: ")
    assert "a mask" in page.inner_text("#canvas .ask h3") or "decided at step" in page.inner_text(
        "#canvas .ask .note"
    )
    assert "Asked again, at the canvas of frame" in page.inner_text("#canvas .ask [role=status]")
    page.locator("#canvas .retemper input >> nth=0").fill("3")
    assert "Of the rest" in page.inner_text("#canvas .ask .two")
    page.click("#canvas .likely button >> nth=0")
    assert page.inner_text("#canvas .changes").startswith("Cell 9: ")
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    tab.shot(shots, "ask-light")
    run = branch(tab, first)
    assert page.locator("#canvas .nodes li").count() == 2
    assert tab.canvas("timeline.frames[13].kind") == "branch"
    assert tab.canvas("timeline.frames[14].say[0]") == "Written by you."
    ask(tab, 9)
    assert "written by you" in page.inner_text("#canvas .ask .past")
    page.click("#canvas .nodes .name >> nth=0")
    tab.wait(f"line.run === '{first}' && canvas.painted.index === line.length - 1")
    page.click("#canvas .nodes .name >> nth=1")
    tab.wait(f"line.run === '{run}'")


def test_a_typed_word_another_sampler_and_the_parent_beside_it(tab: Any, shots: Path) -> None:
    page, first = tab.page, finished(tab)
    at(tab, 5)
    ask(tab, 6)
    page.fill("#canvas .writing input", "<|eot_id|>")
    page.keyboard.press("Enter")
    page.wait_for_selector("#canvas .changes li >> nth=1")  # text, of several tokens
    while page.locator("#canvas .changes button").count():
        page.click("#canvas .changes button >> nth=0")
    page.fill("#canvas .writing input", "9")
    page.keyboard.press("Enter")
    page.wait_for_selector("#canvas .changes li")
    page.select_option("#canvas .grow select", label="ReMDM · re-masking diffusion")
    page.locator("#canvas .grow input >> nth=0").fill("7")
    page.locator("#canvas .grow input >> nth=1").fill("0.5")
    branch(tab, first)
    assert "ReMDM" in page.inner_text("#canvas .nodes .now")
    page.get_by_role("button", name="Compare with its parent").click()
    page.wait_for_selector("#beside-canvas .lane >> nth=1")
    page.wait_for_function(
        "document.querySelector('#beside-canvas .say').textContent.includes('First difference')"
    )
    assert page.evaluate(BEYOND) == []
    tab.shot(shots, "ask-beside")
    page.click("#beside-close")
    page.wait_for_selector("#beside-canvas", state="hidden")


def test_a_branch_is_named_and_deleted(tab: Any) -> None:
    page, first = tab.page, finished(tab)
    at(tab, 5)
    branch(tab, first)
    page.get_by_role("button", name="Rename").nth(1).click()
    page.keyboard.type("my branch")
    page.keyboard.press("Enter")
    page.wait_for_selector("#canvas .nodes .name:has-text('my branch')")
    page.get_by_role("button", name="Keep", exact=True).nth(1).click()
    page.wait_for_selector("#canvas .nodes :text('Kept, see Traces')")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete it?").click()
    tab.wait(f"line.run === '{first}'")
    page.wait_for_selector("#canvas [data-part=tree]", state="hidden")


def test_a_word_is_pinned_by_clicking_its_mask(tab: Any) -> None:
    page = tab.page
    finished(tab)
    at(tab, 0)
    ask(tab, 3)
    page.fill("#canvas .writing input", "=")
    page.get_by_role("button", name="Pin for the next run").click()
    page.wait_for_selector("#canvas .refused.told")
    assert "“=” in cell 3" in page.inner_text("#canvas .refused")
    first = tab.canvas("timeline.run")
    tab.run()
    tab.wait(f"line.run !== '{first}' && line.ended")
    assert "pin" in str(page.get_attribute(f"{CELL}3", "class")) and tab.cells()[3] == "="
    page.click(f"{CELL}3")
    page.wait_for_selector("#canvas .ask .note:has-text('given from the start')")
    assert not page.is_visible("#canvas .writing")


def test_a_trace_of_another_model_is_watched_and_its_model_offered(tab: Any, tmp_path: Path) -> None:
    page = tab.page
    write_trace(tmp_path / "other.jsonl", replace(read_trace(SAVED), model="somebody/else"))
    tab.open_trace(tmp_path / "other.jsonl")
    tab.wait("!canvas.opened && line?.ended")
    page.wait_for_selector("#canvas .refused:has-text('somebody/else made this run')")
    assert page.is_disabled("#canvas .grow .go")
    page.click(f"{CELL}2")
    page.wait_for_selector("#canvas .ask [role=status]:has-text('not loaded')")
    page.get_by_role("button", name="Load it in the Models tab").click()
    named = "#models-named input, #models-named textarea"
    page.wait_for_selector(named, state="visible")
    assert page.input_value(named) == "somebody/else"


def test_what_took_a_token_back_is_told_from_the_keyboard_at_390_pixels(open_page: Any, shots: Path) -> None:
    tab = CanvasPage(open_page(390, 844, True))
    tab.open_trace(SAVED)
    tab.wait("!canvas.opened && line?.ended")
    taken = tab.canvas(
        "timeline.frames.flatMap((f) => f.ops.filter((op) => op[3] === 'r').map((op) => op[0]))"
    )
    tab.page.focus("#canvas .board .c[tabindex='0']")
    tab.page.keyboard.press("Home")
    for _ in range(taken[0]):
        tab.page.keyboard.press("ArrowRight")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_selector("#canvas .ask .past li")
    assert re.search("taken back by WINO", tab.page.inner_text("#canvas .ask .past"))
    assert tab.page.evaluate(BEYOND) == [] and tab.page.evaluate(FAINT) == []
    tab.shot(shots, "ask-390-dark")
