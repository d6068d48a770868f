"""A run, or several side by side, as one HTML file: player, slider and panels, without a server and without a
request to anywhere.

The page's own scripts draw it. Text of the run is data in the file, never markup, and the file's policy lets
no other script run and nothing be fetched.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from typing import Any

from llada_viz.decoding.runs import Run
from llada_viz.export.saved import saved
from llada_viz.render import canvas_files
from llada_viz.render.colours import variables
from llada_viz.render.question import question_of
from models.assets import assets

LONGEST_TITLE = 120


def offline_page(runs: Sequence[Run], title: str, measure: str = "NFE") -> str:
    """The file's text. runs: one, or those of a comparison; measure: what keeps several in step. ValueError:
    a run has no frames yet."""
    if not runs or not all(run.frames for run in runs):
        raise ValueError("runs: one has no frames; allowed: runs that have begun")
    data: dict[str, Any]
    if len(runs) == 1:
        data = {"frames": runs[0].frames, "trace": saved(runs[0])}
        template = canvas_files.template()
    else:
        data = {"lanes": [run.frames for run in runs], "measure": measure}
        template = canvas_files.template("compare")
    folder = assets() / "export"
    scripts = [canvas_files.script(), (folder / "player.mjs").read_text(encoding="utf-8")]
    styles = [_colours(), *(path.read_text(encoding="utf-8") for path in canvas_files.STYLES)]
    styles.append((folder / "page.css").read_text(encoding="utf-8"))
    title = " ".join(title.split())[:LONGEST_TITLE]
    question = f"{question_of(runs[0].layout.prompt)} " if len(runs) > 1 else ""  # one has it on its board
    about = f"{question}Recorded with LLaDA Viz."
    return "".join((
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        f"<title>{escape(title)}</title>\n<style>\n", "\n".join(styles),
        "\n</style>\n</head>\n<body>\n<main>\n",
        f"<h1>{escape(title)}</h1>\n<p class=\"about\">{escape(about)}</p>\n",
        f'<div id="canvas">{template}</div>\n</main>\n',
        f'<script id="data" type="application/json">{_inert(data)}</script>\n',
        *(f"<script>{script}</script>\n" for script in scripts),
        "</body>\n</html>\n",
    ))  # fmt: skip


def _colours() -> str:
    return f":root {{ {variables(dark=False)} }}\n.dark {{ {variables(dark=True)} }}"


def _policy(scripts: Sequence[str]) -> str:
    """Only these scripts, inline styles and pictures inside the file."""
    digests = (base64.b64encode(sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:"


def _inert(data: Any) -> str:
    """JSON that no HTML parser takes for markup."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
