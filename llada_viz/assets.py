"""The files of assets/canvas as Gradio wants them: one script, one template, style sheets."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "assets" / "canvas"
# In the order in which they may be evaluated: what a module imports stands before it.
MODULES = (
    "dom", "text", "timeline", "player", "tried", "board", "charts", "inspector", "keys", "readout", "canvas",
)  # fmt: skip
# Later sheets win over earlier ones.
STYLES = tuple(
    FOLDER / f"{name}.css" for name in ("page", "form", "canvas", "cells", "tried", "panels", "narrow")
)
_IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


@cache
def script() -> str:
    """The modules as one script that sets window.LladaCanvas; it needs no second request."""
    bodies = []
    for name in MODULES:
        text = (FOLDER / f"{name}.mjs").read_text(encoding="utf-8")
        bodies.append(_EXPORT.sub("", _IMPORT.sub("", text)))
    return "window.LladaCanvas = (() => {\n" + "\n".join(bodies) + "\nreturn { mount };\n})();"


@cache
def template() -> str:
    """The canvas's static container."""
    return (FOLDER / "canvas.html").read_text(encoding="utf-8")
