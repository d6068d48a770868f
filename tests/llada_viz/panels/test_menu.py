"""The menu of panels: node's unit tests, and that script, page and style sheet speak of the same panels."""

from __future__ import annotations

import re
from pathlib import Path

from llada_viz.render import canvas_files
from llada_viz.widgets.asked_panels import DependenciesPanel, RegretPanel
from llada_viz.widgets.event_panels import DraftsPanel, OrderPanel
from tests.llada_viz.test_canvas_script import needs_node, run


@needs_node
def test_node() -> None:
    run("--test", str(Path(__file__).with_name("menu.test.mjs")))


def test_script_page_and_style_sheet_name_the_same_panels() -> None:
    script = (canvas_files.FOLDER / "panels.mjs").read_text(encoding="utf-8")
    sheet = (canvas_files.FOLDER / "drawn.css").read_text(encoding="utf-8")
    names = re.findall(r'^  \["(\w+)", "', script, re.MULTILINE)
    here = re.findall(r'data-panel="(\w+)"', canvas_files.template())
    server = [card.name for card in (OrderPanel, DraftsPanel, RegretPanel, DependenciesPanel)]
    assert names == here + server
    assert set(re.findall(r'not\(\[data-panels~="(\w+)"\]\)', sheet)) == set(names)
    assert set(re.findall(r"#panel-(\w+)", sheet)) == set(server)
