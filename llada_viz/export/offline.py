"""A run, or several side by side, as one HTML file: player, slider and panels, without a server and without a
request to anywhere.

The page's own scripts draw it. Text of the run is data in the file, never markup, and the file's policy lets
no other script run and nothing be fetched.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from html import escape
from typing import Any

from llada_viz.decoding.runs import Run
from llada_viz.export.saved import saved
from llada_viz.export.telling import Told, about, nobody
from llada_viz.render import canvas_files
from llada_viz.render.colours import variables
from llada_viz.render.frames import Frame
from llada_viz.render.question import question_of
from models.assets import assets

LONGEST_TITLE = 120


def offline_page(runs: Sequence[Run], title: str, measure: str = "NFE", told: Told = nobody) -> Iterator[str]:
    """The file's text, in parts. runs: one, or those of a comparison; measure: what keeps several in step;
    told: how many frames are written. ValueError: a run has no frames yet."""
    if not runs or not all(run.frames for run in runs):
        raise ValueError("runs: one has no frames; allowed: runs that have begun")
    return _page(runs, [run.frames for run in runs], title, measure, told)


def empty_size(runs: Sequence[Run], title: str, measure: str = "NFE") -> int:
    """Bytes of `offline_page` without its frames."""
    return sum(len(part.encode()) for part in _page(runs, [[] for _ in runs], title, measure, nobody))


def frames_size(runs: Sequence[Run]) -> int:
    """About how many bytes the frames have: those of many are told from some of them."""
    return sum(about(run.frames, lambda frame: len(_inert(frame).encode()) + 1) - 1 for run in runs)


def _page(
    runs: Sequence[Run], lanes: Sequence[Sequence[Frame]], title: str, measure: str, told: Told
) -> Iterator[str]:
    folder = assets() / "export"
    scripts = [canvas_files.script(), (folder / "player.mjs").read_text(encoding="utf-8")]
    styles = [_colours(), *(path.read_text(encoding="utf-8") for path in canvas_files.STYLES)]
    styles.append((folder / "page.css").read_text(encoding="utf-8"))
    title = " ".join(title.split())[:LONGEST_TITLE]
    question = f"{question_of(runs[0].layout.prompt)} " if len(runs) > 1 else ""  # one has it on its board
    template = canvas_files.template("canvas" if len(runs) == 1 else "compare")
    about_it = f"{question}Recorded with LLaDA Viz."
    yield "".join((
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        f"<title>{escape(title)}</title>\n<style>\n", "\n".join(styles),
        "\n</style>\n</head>\n<body>\n<main>\n",
        f"<h1>{escape(title)}</h1>\n<p class=\"about\">{escape(about_it)}</p>\n",
        f'<div id="canvas">{template}</div>\n</main>\n',
        '<script id="data" type="application/json">',
    ))  # fmt: skip
    yield from _data(runs, lanes, measure, told)
    yield "</script>\n"
    yield from (f"<script>{script}</script>\n" for script in scripts)
    yield "</body>\n</html>\n"


def _data(runs: Sequence[Run], lanes: Sequence[Sequence[Frame]], measure: str, told: Told) -> Iterator[str]:
    """The runs as JSON: {frames, trace} of one, else {lanes, measure}."""
    done, of = 0, sum(map(len, lanes))
    yield '{"frames":' if len(runs) == 1 else '{"lanes":['
    for number, frames in enumerate(lanes):
        yield ",[" if number else "["
        for place, frame in enumerate(frames):
            yield ("," if place else "") + _inert(frame)
            done += 1
            told(done, of)
        yield "]"
    if len(runs) == 1:
        yield f',"trace":{_inert(saved(runs[0]))}}}'
    else:
        yield f'],"measure":{_inert(measure)}}}'


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
