"""The Explain tab in a real browser: every experiment runs live, and says what to think about."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from llada_viz.decoding.experiments import Experiment, experiments
from samplers import SAMPLERS
from tests.browser.canvas_page import BEYOND, FAINT, press_tab

pytestmark = pytest.mark.browser
CANVAS = "document.querySelector('#explain-canvas .lz').parentElement.compare"
ENDED = f"() => {CANVAS}?.player.ended && {CANVAS}.lanes.every((lane) => lane.timeline.ended)"


def open_tab(page: Page) -> None:
    press_tab(page, "Explain")
    page.wait_for_selector("#explain-run:not([disabled])")


def run(page: Page, number: int, experiment: Experiment) -> list[str]:
    """Run an experiment; the names of its boards."""
    page.get_by_label(f"{number}. {experiment.title}").check()
    page.wait_for_function(
        "(text) => document.querySelector('#explain-look').textContent.includes(text)", arg=experiment.look
    )
    before = page.evaluate(f"{CANVAS}.run")
    page.click("#explain-run")
    page.wait_for_function(f"(before) => {CANVAS}.run !== before", arg=before)
    page.wait_for_function(ENDED, timeout=240_000)
    page.wait_for_selector("#explain-run:not([disabled])")
    return page.locator("#explain-canvas .lane h3").all_inner_texts()


@pytest.mark.parametrize("number", range(1, 1 + len(experiments())))
def test_an_experiment_runs_live(open_page: Any, shots: Any, number: int) -> None:
    page, experiment = open_page(), experiments()[number - 1]
    open_tab(page)
    assert run(page, number, experiment) == [one.label for one in experiment.tries]
    assert page.inner_text("#explain-alert").strip() == ""
    rows = page.locator("#explain-canvas .metrics tbody tr").all_inner_texts()
    assert len(rows) == len(experiment.tries)
    assert all("right" in row or "wrong" in row for row in rows)
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    page.screenshot(path=str(shots / f"explain-{number}.png"), full_page=True)


@pytest.mark.parametrize(("width", "dark"), [(1360, True), (390, False)])
def test_looks(open_page: Any, shots: Any, width: int, dark: bool) -> None:
    page = open_page(width=width, dark=dark)
    open_tab(page)
    assert "Press Compare." in page.inner_text("#explain-canvas")
    assert page.locator(".lz-cards article").count() == len(SAMPLERS)
    page.locator(".lz-cards summary").first.click()
    run(page, 1, experiments()[0])
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    page.screenshot(path=str(shots / f"explain-{'dark' if dark else 'narrow'}.png"), full_page=True)
