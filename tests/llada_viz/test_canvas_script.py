"""The canvas's script: node's unit tests, the bundle that the page gets, and the style sheets."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from llada_viz.render import canvas_files
from models.text import cell_texts
from samplers.fold import BoardRow
from samplers.streams import replay
from tests.llada_viz import changes
from tests.llada_viz.script import PIECES, every_event, frames_of

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not on PATH: it runs the canvas's unit tests")


def run(*arguments: Any, **variables: Any) -> Any:
    done = subprocess.run(
        [NODE, *arguments], capture_output=True, text=True, timeout=120, env=os.environ | variables
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def seen(row: BoardRow, start: int, pieces: list[bytes], mask_id: int | None) -> list[dict[str, Any]]:
    """What the page must know of each cell of a row. start: of the answer."""
    texts = cell_texts(pieces, row.tokens[start:], mask_id)
    return [
        {
            "id": row.ids[start + i] - start,
            "text": text,
            "open": row.undecided[start + i],
            "waits": row.ids[start + i] in row.waiting,
            "drafts": [
                [cell_texts(pieces, [token], None)[0], round(sure, 2)]
                for token, sure in row.drafts.get(row.ids[start + i], ())[:5]
            ],
        }
        for i, text in enumerate(texts)
    ]


@needs_node
def test_node(tmp_path: Path) -> None:
    scripts = [(every_event(), PIECES)]
    scripts += [(events, changes.PIECES) for events in (changes.masked_run(), changes.noise_run())]
    runs = []
    for events, pieces in scripts:
        boards = [
            seen(board.rows[0], board.prompt_length, pieces, board.mask_id) for _, board in replay(events)
        ]
        runs.append({"frames": frames_of(events, pieces), "boards": boards})
    frames = tmp_path / "frames.json"
    frames.write_text(json.dumps(runs))
    tests = sorted(map(str, Path(__file__).parent.glob("*.test.mjs")))
    run("--test", *tests, FRAMES=str(frames))


@needs_node
def test_node_of_the_line_up() -> None:
    run("--test", str(Path(__file__).with_name("lineup.test.mjs")))


@needs_node
def test_the_bundle_is_one_script(tmp_path: Path) -> None:
    script = tmp_path / "bundle.js"
    call = "process.stdout.write(`${typeof LladaCanvas.mount} ${typeof LladaCanvas.mountCompare}`)"
    script.write_text(f"const window = globalThis;\n{canvas_files.script()}\n{call}")
    assert run(str(script)) == "function function"


def test_the_bundle_holds_every_module() -> None:
    names = {path.stem for path in canvas_files.FOLDER.glob("*.mjs")}
    assert names == set(canvas_files.MODULES)
    script = canvas_files.script()
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)
    assert "</script" not in script and "innerHTML" not in script  # text enters by textContent only


def test_modules_stand_after_what_they_import() -> None:
    for i, name in enumerate(canvas_files.MODULES):
        text = (canvas_files.FOLDER / f"{name}.mjs").read_text(encoding="utf-8")
        for imported in re.findall(r'from "\./(\w+)\.mjs"', text):
            assert imported in canvas_files.MODULES[:i], f"{name} imports {imported}"


def test_no_two_modules_define_the_same_name() -> None:
    """They share one scope in the bundle, where the later of two functions would win silently."""
    names = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", canvas_files.script(), re.MULTILINE)
    assert len(names) == len(set(names)), sorted({name for name in names if names.count(name) > 1})


@pytest.mark.parametrize("name", ["canvas", "compare", "gallery"])
def test_the_templates_are_static(name: str) -> None:
    """Gradio evaluates ${…}, {{…}} and backslashes in a template: there must be none."""
    assert not re.search(r"\$\{|\{\{|\\|`", canvas_files.template(name))


def test_files_are_short_and_reach_nowhere() -> None:
    assert {path.name for path in canvas_files.STYLES} == {p.name for p in canvas_files.FOLDER.glob("*.css")}
    for path in canvas_files.FOLDER.iterdir():
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) < 300, path.name
        urls = set(re.findall(r"https?://[^\s\"')]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not urls, f"{path.name}: {urls}"


@needs_node
def test_node_keeps_forms() -> None:
    run("--test", str(Path(__file__).with_name("keep.test.mjs")))
