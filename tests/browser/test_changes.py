"""Written traces of schema 2 in a real browser: cells that come, go and move, noise, drafts, checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from samplers.events import Event
from samplers.traces import Trace, write_trace
from tests.browser.canvas_page import BEYOND, FAINT, CanvasPage
from tests.llada_viz import changes

pytestmark = pytest.mark.browser
KINDS = "canvas.timeline.frames.map((frame) => frame.kind)"


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


@pytest.mark.parametrize(
    ("name", "size", "dark"),
    [("light", (1280, 900), False), ("dark", (1280, 900), True), ("narrow", (390, 844), False),
     ("narrow-dark", (390, 844), True)],
)  # fmt: skip
def test_looks(open_page: Any, shots: Path, tmp_path: Path, name: str, size: Any, dark: bool) -> None:
    page = open_page(*size, dark=dark)
    for run, events in (("masks", changes.masked_run()), ("noise", changes.noise_run())):
        tab = opened(page, tmp_path, events)
        for index in range(len(events)):
            go(tab, index)
            page.wait_for_timeout(250)
            assert page.evaluate(FAINT) == [], f"{run}, frame {index}"
            assert page.evaluate(BEYOND) == []
            tab.shot(shots, f"changes-{run}-{name}-{index:02}")
