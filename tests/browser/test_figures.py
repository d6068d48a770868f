"""Plotly's figures in a real browser: drawn without an outside request, hovered, saved as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.canvas_page import CanvasPage

pytestmark = pytest.mark.browser


def test_the_map_of_a_run_is_drawn_when_it_is_opened_and_saved(
    open_page: Any, shots: Path, tmp_path: Path
) -> None:
    tab = CanvasPage(open_page())
    page = tab.page
    page.click("#map button")
    page.wait_for_function("document.querySelector('#map').innerText.includes('No run yet')")
    page.click("#map button")
    tab.run()
    tab.wait("line?.ended")
    page.wait_for_selector("#run:not([disabled])")
    page.click("#map button")
    page.wait_for_selector("#map-plot .js-plotly-plot .heatmaplayer image", state="attached")
    page.locator("#map-plot").scroll_into_view_if_needed()
    page.screenshot(path=str(shots / "map.png"))
    box = page.locator("#map-plot .nsewdrag").first.bounding_box()
    assert box is not None and box["width"] > 200
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 5)  # the first cell after the last step
    page.wait_for_function(
        "document.querySelector('#map-plot .hoverlayer')?.textContent.includes('confidence')"
    )
    said = page.text_content("#map-plot .hoverlayer")
    assert said is not None and "cell 0" in said and "“" in said
    with page.expect_download() as download:
        page.locator("#map-plot .modebar-btn[data-title*='png' i]").first.click(force=True)
    download.value.save_as(tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    tab.run()
    page.wait_for_selector("#map-plot", state="hidden")  # another run closes the map
