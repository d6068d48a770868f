"""A sudoku on the real page, decoded live, and presented."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.canvas_page import BEYOND, CanvasPage

pytestmark = pytest.mark.browser
COVERS = """() => {
  const box = document.querySelector('#canvas .lz').getBoundingClientRect();
  const corners = [[5, 5], [innerWidth - 5, 5], [5, innerHeight - 5], [innerWidth - 5, innerHeight - 5]];
  const ours = corners.every(([x, y]) => document.elementFromPoint(x, y).closest('#canvas .lz'));
  return [box.width === innerWidth, box.height === innerHeight, ours];
}"""


def test_a_sudoku_is_decoded_in_a_square_and_presented(open_page: Any, shots: Any) -> None:
    tab = CanvasPage(open_page(1920, 1080))
    page = tab.page
    tab.example("Sudoku")
    page.wait_for_function("document.querySelector('#prompt textarea').value.includes('sudoku')")
    tab.run()
    tab.wait("line?.ended && !canvas.opened")
    assert page.get_attribute("#canvas [data-part=board]", "data-view") == "square"
    assert page.locator("#canvas .square .place.filled").count() == 32
    tab.shot(shots, "sudoku-1920-light")
    page.keyboard.press("f")
    page.wait_for_selector("#canvas .lz.staged")
    page.wait_for_timeout(500)
    assert page.evaluate(COVERS) == [True, True, True]
    assert page.evaluate("document.querySelector('#prompt').closest('[inert]') !== null")
    tab.shot(shots, "sudoku-1920-present")
    page.keyboard.press("Home")
    tab.wait("canvas.player.index === 0")
    page.keyboard.press("Escape")
    page.wait_for_selector("#canvas .lz:not(.staged)")
    assert page.evaluate("document.querySelector('#prompt').closest('[inert]') === null")
    page.fill("#prompt textarea", "f")  # letters are the field's own
    page.locator("#prompt textarea").press("f")
    assert page.input_value("#prompt textarea") == "ff"
    assert page.locator("#canvas .lz.staged").count() == 0


def test_a_sudoku_fits_a_phone(open_page: Any, shots: Any) -> None:
    tab = CanvasPage(open_page(390, 844, dark=True))
    tab.example("Sudoku")
    tab.page.wait_for_function("document.querySelector('#prompt textarea').value.includes('sudoku')")
    tab.run()
    tab.wait("line?.ended && !canvas.opened")
    assert tab.page.locator("#canvas .square").count() == 2
    assert tab.page.evaluate(BEYOND) == []
    assert not tab.page.is_visible("#canvas [data-part=present]")
    tab.shot(shots, "sudoku-390-dark")
