"""The files of assets/canvas as one script, templates and style sheets: for the page, and offline."""

from __future__ import annotations

import re
from functools import cache

from models.assets import assets

FOLDER = assets() / "canvas"
# In the order in which they may be evaluated: what a module imports stands before it.
MODULES = (
    "dom", "fold", "text", "order", "timeline", "player", "opening", "tips", "form", "marks", "typed", "tour",
    "help",
    "tried", "gutter", "cell", "slide", "ends", "blocks", "lines", "square", "squares", "board", "views",
    "stage", "tip", "charts", "least", "past", "retemper", "sliders", "inspector", "answers", "grow",
    "pins", "visitor", "exporting", "tree", "asking", "panels", "keys", "transport", "readout", "numbers",
    "runmenu", "codemenu",
    "canvas", "align", "lockstep", "bars", "lane", "compare", "lineup", "reel", "kept", "gallery", "keep",
)  # fmt: skip
# Later sheets win over earlier ones.
SHEETS = (
    "page",
    "head",
    "menu",
    "form",
    "setups",
    "hints",
    "canvas",
    "cells",
    "views",
    "square",
    "stage",
    "open",
    "chat",
    "tried",
    "transport",
    "panels",
    "ask",
    "drawn",
    "measures",
    "compare",
    "lineup",
    "evaluate",
    "train",
    "models",
    "explain",
    "opening",
    "tour",
    "gallery",
    "kept",
    "export",
    "narrow",
)
STYLES = tuple(FOLDER / f"{name}.css" for name in SHEETS)
# What the page calls of them.
OFFERED = (
    "mount", "mountCompare", "mountLineUp", "mountGallery", "reveal", "closeOutside", "formChanged",
    "openPanels",
    "store", "remember", "keeping", "setAddress", "copyText",
)  # fmt: skip
_IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


@cache
def script() -> str:
    """The modules as one script that sets window.LladaCanvas; it needs no second request."""
    bodies = []
    for name in MODULES:
        text = (FOLDER / f"{name}.mjs").read_text(encoding="utf-8")
        bodies.append(_EXPORT.sub("", _IMPORT.sub("", text)))
    return (
        "window.LladaCanvas = (() => {\n"
        + "\n".join(bodies)
        + f"\nreturn {{ {', '.join(OFFERED)} }};\n}})();"
    )


def head() -> str:
    """What a page that has any of our components needs in its head, once: `launch(head=head())`."""
    return f"<script>{script()}</script>"


@cache
def template(name: str = "canvas") -> str:
    """The static container of the canvas, of the comparison, or of the gallery."""
    return (FOLDER / f"{name}.html").read_text(encoding="utf-8")
