"""The Models tab in a browser: the model in the header is what decodes, and another tab keeps its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.canvas_page import BEYOND, FAINT, CanvasPage
from tests.checkpoints import write_checkpoint

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


def name_folder(page: Any, folder: Path) -> None:
    if not page.is_visible("#models-named input, #models-named textarea"):
        page.click("#models-model input")
        page.get_by_role("option", name="A folder or another hub id…").click()
    page.fill("#models-named input, #models-named textarea", str(folder))
    page.keyboard.press("Tab")


def header(page: Any, words: str) -> None:
    page.wait_for_function("(w) => document.querySelector('#model').textContent.includes(w)", arg=words)


def decoded_by(tab: CanvasPage) -> Any:
    """The model that a new run of Visualize names."""
    tab.page.get_by_role("tab", name="Visualize").click()
    before = tab.canvas("timeline?.run")
    tab.run()
    tab.wait(f"line?.ended && line.run !== '{before}'")
    return tab.canvas("timeline.meta.model")


def test_the_model_in_the_header_is_the_one_that_decodes(
    open_page: OpenPage, shots: Path, tmp_path: Path
) -> None:
    small, broken = (
        write_checkpoint(tmp_path / name, n_layers=1) for name in ("small-llada", "broken-llada")
    )
    last = sorted(broken.glob("*.safetensors"))[-1]
    last.write_bytes(last.read_bytes()[:-100])
    page, other = open_page(), open_page(390, 844, dark=True)
    tab = CanvasPage(page)
    page.get_by_role("tab", name="Models").click()
    page.wait_for_selector("#models-memory .lz-bar")
    name_folder(page, small)
    page.wait_for_function("document.querySelector('#models-about').textContent.includes('weights')")
    page.screenshot(path=str(shots / "models-chosen.png"), full_page=True)
    page.click("#models-load")
    header(page, "small-llada · CPU")
    page.wait_for_selector("#models-loaded:has-text('1 layer of width 256')")
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    name_folder(page, broken)
    page.click("#models-load")
    page.wait_for_selector("#models-alert:has-text('half-downloaded or cut off')")
    header(page, "small-llada · CPU")
    page.screenshot(path=str(shots / "models-refused.png"), full_page=True)
    assert decoded_by(tab) == "small-llada"
    header(other, "tiny-llada · CPU")
    page.get_by_role("tab", name="Models").click()
    page.click("#models-unload")
    header(page, "tiny-llada · CPU")
    page.wait_for_selector("#models-loaded:has-text('tiny-llada (bundled)')")
    assert decoded_by(tab) == "tiny-llada"
    other.locator(".tab-wrapper button", has_text="Models").first.wait_for(state="attached")
    assert other.evaluate(BEYOND) == []
