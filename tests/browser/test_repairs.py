"""Every bundled repair on the page: its recorded run, its rates, and the same run decoded anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.repairs.preset import read_preset
from models.assets import assets
from tests.browser.canvas_page import CanvasPage

pytestmark = pytest.mark.browser
PRESETS = sorted((assets() / "presets").glob("*.json"))


@pytest.mark.parametrize("file", PRESETS, ids=lambda path: path.stem)
def test_a_repair_is_watched_and_decoded_anew(open_page: Callable[..., Any], shots: Path, file: Path) -> None:
    preset, tab = read_preset(file), CanvasPage(open_page())
    tab.pick("#repair", preset.title)
    tab.page.wait_for_selector("#repair-rates p")
    assert preset.sentence in tab.page.inner_text("#repair-rates")
    tab.wait("say.includes('Finished. Right.')")
    recorded = tab.canvas("timeline.run"), tab.canvas("timeline.length"), tab.cells()
    tab.shot(shots, f"repair-{preset.name}")

    tab.page.wait_for_timeout(1000)  # the form takes over the sampler, and then its settings
    tab.run()
    tab.wait(f"line.run !== '{recorded[0]}' && line.ended && say.includes('Finished. Right.')")
    assert (tab.canvas("timeline.length"), tab.cells()) == recorded[1:]
