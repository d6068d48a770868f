"""Written traces in a real browser: cells that come, go and move, noise, drafts, checks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.page import scripted as long_run
from samplers.events import Event
from samplers.recording.traces import Trace, write_trace
from tests.browser.canvas_page import BEYOND, FAINT, CanvasPage
from tests.llada_viz import changes
from tests.llada_viz.script import frames_of

pytestmark = pytest.mark.browser


def opened(page: Any, tmp_path: Path, events: list[Event]) -> CanvasPage:
    """A tab that shows a written trace, at its last frame."""
    path = tmp_path / f"{len(events)}.jsonl"
    write_trace(path, Trace(tuple(events), dict(enumerate(changes.PIECES)), "by hand"))
    tab = CanvasPage(page)
    tab.open_trace(path)
    tab.wait(f"line?.ended && canvas.painted.index === {len(events) - 1}")
    return tab


def go(tab: CanvasPage, index: int) -> None:
    """Show a frame."""
    tab.canvas(f"act('frame-to', {index})")
    tab.wait(f"canvas.painted.index === {index}")


def snapshot(tab: CanvasPage) -> list[list[str]]:
    """The cells on the screen: text, classes without what is only new, and what a screen reader says."""
    script = """all => all.map((c) =>
      [c.firstChild.nodeValue, c.className.replace(/ (nw|vf)/g, ''), c.ariaLabel])"""
    return list(tab.page.eval_on_selector_all("#canvas .board .c", script))


# Notes which elements slide, and how long.
WATCH = """() => {
  const animate = Element.prototype.animate;
  window.slid = [];
  Element.prototype.animate = function (frames, options) {
    window.slid.push([this, options.duration]);
    return animate.call(this, frames, options);
  };
}"""
# Notes the element of every cell by its id.
ELEMENTS = """() => {
  const { board } = document.querySelector('#canvas .lz').parentElement.tokenCanvas;
  window.elements = new Map(board.order.map((id, pos) => [id, board.spans[pos]]));
  window.slid.length = 0;
}"""
SLIDING = """() => {
  const { board } = document.querySelector('#canvas .lz').parentElement.tokenCanvas;
  const slid = new Map(window.slid);
  return board.order.filter((id, pos) => slid.get(board.spans[pos]) === 180);
}"""
KEPT = """() => {
  const { board } = document.querySelector('#canvas .lz').parentElement.tokenCanvas;
  const same = (id, pos) => window.elements.get(id) === board.spans[pos];
  const there = board.order.filter((id) => window.elements.has(id));
  const inPlace = board.spans.every((span, pos) => Number(span.dataset.pos) === pos && span.isConnected
    && [...span.closest('.board').querySelectorAll('.c')].indexOf(span) === pos);
  return { order: board.order, kept: board.order.filter(same), there, inPlace,
    rows: [...document.querySelectorAll('#canvas .cells')].map((row) => row.children.length) };
}"""


def step(tab: CanvasPage, index: int) -> tuple[list[int], dict[str, Any]]:
    """(ids of cells that slide to frame `index`, what became of the elements)."""
    tab.page.evaluate(ELEMENTS)
    go(tab, index)
    sliding = tab.page.evaluate(SLIDING)
    return sliding, tab.page.evaluate(KEPT)


def test_cells_keep_their_elements_and_slide(open_page: Any, tmp_path: Path) -> None:
    events = changes.masked_run()
    tab = opened(open_page(1280, 900), tmp_path, events)
    kinds = tab.canvas("timeline.frames.map((frame) => frame.kind)")
    insert, delete = kinds.index("insert"), kinds.index("delete")
    tab.page.evaluate(WATCH)
    go(tab, insert - 1)
    assert tab.page.evaluate(SLIDING) == [], "over a long way nothing slides"
    sliding, now = step(tab, insert)
    assert now["order"] == [0, 1, 2, 3, 4, 5, 16, 6, 17, 7, 18, *range(8, 16)]
    assert now["kept"] == now["there"] == [0, 1, 2, 3, 4, 5, 6, 7, *range(8, 16)], "the others are the same"
    assert now["inPlace"] and now["rows"] == [8, 8, 3], "a block more"
    assert {6, 7, 8, 15} < set(sliding) and 2 not in sliding
    sliding, now = step(tab, delete)
    assert (
        now["kept"] == now["there"] == now["order"] and now["rows"] == [8, 8, 1] and {17, 15} < set(sliding)
    )
    sliding, now = step(tab, insert)  # backwards
    assert now["inPlace"] and now["kept"] == now["there"] and now["rows"] == [8, 8, 3] and 15 in sliding
    tab.page.wait_for_function(
        "!document.querySelector('#canvas .board').getAnimations({subtree: true}).length"
    )


def test_reduced_motion(open_page: Any, tmp_path: Path) -> None:
    tab = opened(open_page(1280, 900, reduced_motion="reduce"), tmp_path, changes.masked_run())
    kinds = tab.canvas("timeline.frames.map((frame) => frame.kind)")
    tab.page.evaluate(WATCH)
    go(tab, kinds.index("insert") - 1)
    sliding, now = step(tab, kinds.index("insert"))
    assert sliding == [] and now["kept"] == now["there"] and now["rows"] == [8, 8, 3]


@pytest.mark.parametrize("run", [changes.masked_run, changes.noise_run])
def test_scrubbing_back_shows_what_was_played(open_page: Any, tmp_path: Path, run: Any) -> None:
    events = run()
    tab = opened(open_page(1280, 900), tmp_path, events)
    forwards = []
    for index in range(len(events)):
        go(tab, index)
        forwards.append(snapshot(tab))
    for index in reversed(range(len(events))):
        go(tab, index)
        assert snapshot(tab) == forwards[index], index
    tab.page.locator("#canvas [data-part=speed]").fill("6")
    tab.page.click("#canvas [data-part=play]")
    tab.wait(f"canvas.painted.index === {len(events) - 1}")
    assert snapshot(tab) == forwards[-1]
    assert tab.text("masks") == "0"


def test_drafts_and_the_history_of_a_cell(open_page: Any, tmp_path: Path) -> None:
    events = changes.masked_run()
    tab = opened(page := open_page(1280, 900), tmp_path, events)
    kinds = tab.canvas("timeline.frames.map((frame) => frame.kind)")
    go(tab, 1)
    ghosts = page.locator("#canvas .board .c.gh")
    assert ghosts.all_inner_texts() == ["A", "model", "model", "words"]
    assert (
        page.locator("#canvas .board .c").nth(1).get_attribute("aria-label")
        == "Cell 1: masked, draft model, 60%"
    )
    page.click("#canvas .c[data-pos='1']")
    page.wait_for_function("document.querySelector('#canvas .ask h3').textContent.startsWith('Cell 1:')")
    assert "diffusion" in page.inner_text("#canvas .ask .likely")
    page.uncheck("#canvas [data-part=ghosts]")
    tab.wait("canvas.board.ghosts === false")
    page.wait_for_function("document.querySelectorAll('#canvas .board .gh').length === 0")
    assert not any(tab.cells())
    page.check("#canvas [data-part=ghosts]")
    go(tab, kinds.index("verify") + 1)
    page.click("#canvas .c[data-pos='13']")
    page.wait_for_function("document.querySelector('#canvas .ask h3').textContent.startsWith('Cell 13:')")
    told = page.inner_text("#canvas .ask .past")
    assert "drafted ␣river" in told and "draft rejected, was ␣river" in told and "draft ␣go" in told
    go(tab, kinds.index("delete") - 1)
    page.click("#canvas .c[data-pos='9']")  # “seven”, which goes at the next frame
    go(tab, kinds.index("delete"))
    page.wait_for_function("document.querySelector('#canvas .ask h3').textContent === 'A cell that is gone'")
    assert "deleted" in page.inner_text("#canvas .ask .past")


def test_the_first_drafts_of_a_long_answer_come_in_slices(open_page: Any, tmp_path: Path) -> None:
    """1,024 cells get a draft at once: no painting has more of them than 64, and all are there soon, with
    what a screen reader says of them."""
    write_trace(tmp_path / "long.jsonl", long_run(2, drafts=True))
    tab = CanvasPage(page := open_page(1360, 900))
    tab.open_trace(tmp_path / "long.jsonl")
    tab.wait("line?.ended")
    go(tab, 0)
    page.wait_for_function("!document.querySelector('#canvas .board .gh')")
    page.evaluate("""() => {
      const { board } = document.querySelector('#canvas .lz').parentElement.tokenCanvas;
      const paint = board.paintCells.bind(board);
      window.slices = [];
      board.paintCells = (...told) => {
        const before = document.querySelectorAll('#canvas .board .gh').length;
        const done = paint(...told);
        window.slices.push(document.querySelectorAll('#canvas .board .gh').length - before);
        return done;
      };
    }""")
    go(tab, 1)
    page.wait_for_function("document.querySelectorAll('#canvas .board .gh').length === 1024")
    slices = page.evaluate("window.slices")
    assert max(slices) <= 64 and sum(slices) == 1024
    page.wait_for_function("!document.querySelector('#canvas .board .gh:not([aria-label*=draft])')")


def test_compare_pairs_the_cells_of_different_lengths(open_page: Any, shots: Path) -> None:
    """Two written runs of 24 and 16 cells, as the server would send them."""
    page = open_page(1280, 900)
    page.get_by_role("tab", name="Compare").click()
    page.wait_for_selector("#compare-run")
    lanes = [frames_of(run(), changes.PIECES) for run in (changes.masked_run, changes.noise_run)]
    compare = "document.querySelector('#compare-canvas .lz').parentElement.compare"
    written = {"run": "written", "number": 10**15, "measure": "NFE", "lanes": json.dumps(lanes)}
    page.evaluate(f"(message) => {compare}.receive(message)", written)
    page.wait_for_function(f"{compare}.split?.at")
    said = page.inner_text("#compare-canvas [data-part=say]")
    assert re.fullmatch("First difference in cell 4, at 2 NFE. [^:]+: “its”; [^:]+: “again”.", said)
    heads = page.locator("#compare-canvas .metrics thead th").all_inner_texts()
    rows = page.locator("#compare-canvas .metrics tbody tr")
    first = heads.index("re-masked")
    assert heads[first:] == ["re-masked", "edited", "inserted", "deleted"]
    counts = [rows.nth(i).locator("th, td").all_inner_texts()[first:] for i in range(2)]
    assert counts == [["1", "1", "12", "2"], ["0", "0", "1", "1"]]
    different = page.locator("#compare-canvas .lane").nth(0).locator(".c.diff").all_inner_texts()
    assert "fills" in different and "A" not in different and "diffusion" not in different
    page.click("#compare-canvas [data-part=first]")
    page.wait_for_function(f"{compare}.lanes.every((lane) => lane.painted.index === 1)")  # NFE 0: drafts
    assert page.locator("#compare-canvas .lane").nth(0).locator(".c").count() == 16
    assert page.locator("#compare-canvas .lane .c.diff").count() == 0
    page.click("#compare-canvas [data-part=last]")
    page.wait_for_function(f"{compare}.lanes[0].board.spans.length === 24")
    assert page.evaluate(FAINT) == [] and page.evaluate(BEYOND) == []
    page.screenshot(path=str(shots / "changes-compare.png"), full_page=True)


@pytest.mark.parametrize(
    ("name", "size", "dark"),
    [
        ("light", (1280, 900), False),
        ("narrow-dark", (390, 844), True),
        pytest.param("dark", (1280, 900), True, marks=pytest.mark.long),
        pytest.param("narrow", (390, 844), False, marks=pytest.mark.long),
    ],
)
def test_looks(open_page: Any, shots: Path, tmp_path: Path, name: str, size: Any, dark: bool) -> None:
    """Nothing is faint or reaches over the edge: first canvas, drafts, an insertion, drafted words, end."""
    page = open_page(*size, dark=dark, reduced_motion="reduce")
    for run, events in (("masks", changes.masked_run()), ("noise", changes.noise_run())):
        tab = opened(page, tmp_path, events)
        kinds = tab.canvas("timeline.frames.map((frame) => frame.kind)")
        for kind in ("predict", "insert", "draft", "verify", "finish", "start"):
            go(tab, kinds.index(kind))
            assert page.evaluate(FAINT) == [], f"{run}, {kind}"
            assert page.evaluate(BEYOND) == []
            tab.shot(shots, f"changes-{run}-{name}-{kind}")
