"""The views of a board (square, blocks, text) in a real browser: a recorded run as an offline page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llada_viz.decoding.runs import OPENED, recorded
from llada_viz.export.offline import offline_page
from samplers.events import Cell, Event, Finished, Started, Unmasked
from samplers.recording.traces import Trace, read_trace

pytestmark = pytest.mark.browser
TRACES = Path(__file__).parents[1] / "vectors" / "traces" / "v0.2"
MASK, EOS = "<|mdm_mask|>", "<|endoftext|>"
RIGHT, WRONG = "1234341221434321", "1234341221434312"
PUZZLE = "1234341221430000"
Opens = Callable[..., Any]


def sudoku(rows: str, boxed: str, block: int = 44) -> Trace:
    """A run that writes the grid row by row and boxed, a cell a step, and what is left as the end of text."""
    lines = [[*rows[i : i + 4], "\n"] for i in range(0, len(rows), 4)]
    answer = [*sum(lines, []), "\\", "boxed", "{", *boxed, "}"]
    answer += [EOS] * (44 - len(answer))
    prompt = f"Solve this 4x4 sudoku: {PUZZLE}"
    words = [MASK, prompt, *dict.fromkeys(answer)]
    ids = {word: number for number, word in enumerate(words)}
    tokens = (1, *[0] * len(answer))
    events: list[Event] = [
        Started(
            nfe=0,
            tokens=(tokens,),
            attention_mask=((True,) * len(tokens),),
            mask_id=0,
            prompt_length=1,
            settings={"sampler": "low_confidence", "steps": len(answer), "block_length": block},
        )  # fmt: skip
    ]
    for place, word in enumerate(answer):
        cell = Cell(0, 1 + place, ids[word], 0.5 + place / 100)
        events.append(Unmasked(nfe=place + 1, block=place // block, step=place, cells=(cell,)))
    final = (1, *(ids[word] for word in answer))
    events.append(Finished(nfe=len(answer), tokens=(final,), stop_reasons=("eos",)))
    return Trace(tuple(events), {number: word.encode() for word, number in ids.items()}, "tiny")


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Opens]:
    """opened(trace): the page of a run. Script errors fail the test."""
    wrong: list[str] = []
    contexts = []

    def open_one(trace: Trace, **options: Any) -> Any:
        size = {"width": 1180, "height": 900}
        context = browser.new_context(**{"viewport": size, "reduced_motion": "reduce", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        file = tmp_path / "run.html"
        file.write_text("".join(offline_page([recorded(trace)], "A run")))
        page.goto(file.as_uri())
        to(page, 10**6)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not wrong, wrong


def to(page: Any, frame: int) -> None:
    """Show a frame."""
    page.evaluate("(to) => document.querySelector('#canvas').tokenCanvas.act('frame-to', to)", frame)
    wanted = "canvas.painted.index === canvas.player.index && canvas.player.index >= 0"
    page.wait_for_function(
        f"() => {{ const canvas = document.querySelector('#canvas').tokenCanvas; return {wanted}; }}"
    )


def view(page: Any) -> str | None:
    """The arrangement that is seen."""
    return page.get_attribute("[data-part=board]", "data-view")


def digits(page: Any, square: int) -> str:
    """The digits of a square; _ for a mask."""
    cells = page.locator(".square").nth(square).locator(".c")
    return "".join(
        cells.evaluate_all("all => all.map((c) => (c.classList.contains('m') ? '_' : c.textContent))")
    )


def test_a_sudoku_fills_a_square(opened: Opens) -> None:
    page = opened(sudoku(RIGHT, RIGHT))
    assert view(page) == "square" and digits(page, 0) == digits(page, 1) == RIGHT
    assert page.locator(".place.wrong").count() == 0
    to(page, 7)  # six digits and a line break
    assert digits(page, 0) == RIGHT[:6] + "_" * 10 and digits(page, 1) == "_" * 16
    given = page.locator(".square").nth(1).locator(".given")
    assert given.count() == 12 and given.first.is_visible()  # given digits stand there from the start
    assert "given digit" in page.inner_text("[data-part=key]")
    bar = page.eval_on_selector(".place .c:not(.m)", "cell => cell.style.getPropertyValue('--p')")
    assert float(bar) == 0.5


def test_wrong_digits_are_marked_in_both_squares_and_in_the_legend(opened: Opens) -> None:
    page = opened(sudoku(WRONG, WRONG))
    wrong = page.locator(".place.wrong .c")
    assert wrong.evaluate_all("all => all.map((c) => c.textContent)") == ["1", "2", "1", "2"]
    assert "wrong digit" in page.inner_text("[data-part=key]")
    to(page, 15)
    assert wrong.count() == 0


def test_an_answer_without_a_square_is_shown_in_blocks(opened: Opens) -> None:
    page = opened(sudoku(RIGHT + "1", RIGHT))
    assert view(page) == "blocks" and "not written as a square" in page.inner_text(".not-square")
    to(page, 5)
    assert view(page) == "square"  # so far it could still become one
    page.click("[data-view=blocks]")
    assert view(page) == "blocks" and page.locator(".not-square").count() == 0


def test_the_view_is_kept(opened: Opens) -> None:
    page = opened(sudoku(RIGHT, RIGHT, block=11))
    page.click("[data-view=text]")
    page.wait_for_selector("[data-view=text][aria-pressed=true]")
    assert view(page) == "text" and page.locator(".textline").count() == 5
    assert page.locator(".textline").nth(1).inner_text().replace("\n", "").startswith("3412")
    page.reload()
    to(page, 3)
    assert view(page) == "text" and page.locator(".textline").count() == 1
    page.click("[data-view=blocks]")
    page.wait_for_selector(".blk")
    assert page.locator(".blk").count() == 4


def test_a_text_keeps_scores_and_cells(opened: Opens) -> None:
    page = opened(read_trace(TRACES / "backmask.jsonl", OPENED))
    assert not page.is_visible("[data-view=square]")
    page.click("[data-view=text]")
    page.wait_for_selector(".strip .score:visible")
    cell = page.locator(".textline .c").first
    cell.click()
    assert "chosen" in (cell.get_attribute("class") or "")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.pos") == "1"


def test_presenting(opened: Opens) -> None:
    page = opened(read_trace(TRACES / "backmask.jsonl", OPENED), viewport={"width": 1920, "height": 1080})
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("f")
    page.wait_for_selector(".lz.staged")
    size = page.eval_on_selector(".board .c", "cell => parseFloat(getComputedStyle(cell).fontSize)")
    assert 24 <= size <= 32
    seen = "e => { const box = e.getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight; }"
    for part in ("step", "nfe", "masks", "range", "play", "say", "board"):
        assert page.eval_on_selector(f"[data-part={part}]", seen), part
    assert not page.is_visible(".panels") and page.eval_on_selector("h1", "title => title.inert")
    page.keyboard.press("ArrowLeft")  # a frame back, with the focus nowhere
    moved = "canvas.player.index < canvas.player.last"
    page.wait_for_function(
        f"() => {{ const canvas = document.querySelector('#canvas').tokenCanvas; return {moved}; }}"
    )
    page.keyboard.press("Escape")
    page.wait_for_selector(".lz:not(.staged)")
    assert page.is_visible(".panels") and not page.eval_on_selector("h1", "title => title.inert")
    page.click("text=Present")
    page.wait_for_selector(".lz.staged")
    page.click("text=Leave")
    page.wait_for_selector(".lz:not(.staged)")


def test_the_curve_seeks(opened: Opens) -> None:
    page = opened(sudoku(RIGHT, RIGHT))
    box = page.locator("[data-part=curve] svg").bounding_box()
    page.mouse.click(box["x"] + box["width"] * (30 + (292 - 30) * 11 / 44) / 300, box["y"] + 20)
    page.wait_for_function("() => document.querySelector('#canvas').tokenCanvas.painted.index === 11")
    assert page.inner_text("[data-part=step]") == "11 / 44"


def test_a_cell_under_the_pointer_is_told(opened: Opens) -> None:
    page = opened(sudoku(RIGHT, RIGHT))
    to(page, 7)
    page.locator(".square").first.locator(".c").nth(1).hover()
    page.wait_for_selector(".tip:visible")
    assert page.inner_text(".tip").split("\n") == ["“2” 51% sure", "cell 1, block 1 · step 2"]
    page.locator(".square").nth(1).locator(".c").first.hover()
    page.wait_for_function("() => document.querySelector('.tip').textContent.startsWith('masked')")
    page.keyboard.press("Escape")
    assert not page.is_visible(".tip")


def test_frames_without_news_are_folded(opened: Opens) -> None:
    trace = read_trace(TRACES / "backmask.jsonl", OPENED)
    page = opened(trace)
    stills = page.evaluate("document.querySelector('#canvas').tokenCanvas.timeline.stills")
    assert 0 < stills < len(trace.events)
    assert f"{stills} folded" in page.inner_text("[data-part=frame]")
    to(page, 0)
    page.locator("[data-part=range]").focus()
    last, steps = len(trace.events) - 1, 0
    while page.evaluate("document.querySelector('#canvas').tokenCanvas.player.index") < last:
        page.keyboard.press("ArrowRight")
        steps += 1
    assert steps == last - stills


def test_a_block_without_a_finished_line_claims_nothing(opened: Opens) -> None:
    page = opened(read_trace(TRACES / "backmask.jsonl", OPENED))
    for row in page.locator(".blk:visible").all():
        score = row.locator(".score")
        if not score.is_visible():
            continue
        ends = any(letter in row.locator(".cells").inner_text() for letter in "⏎}")
        assert ends or score.inner_text() != "Check 1.00"
