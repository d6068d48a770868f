"""A sheet as SVG: text that can be searched and edited, lines that stay sharp at any size."""

from __future__ import annotations

from html import escape

from llada_viz.export.drawing import Box, Sheet, Text
from llada_viz.render.colours import MONO, SANS


def svg_of(sheet: Sheet) -> str:
    """The file's text. Nothing in it is fetched from anywhere."""
    width, height = _n(sheet.width), _n(sheet.height)
    hatched = dict.fromkeys(item.edge for item in sheet.items if isinstance(item, Box) and item.hatched)
    names = {colour: f"hatch{number}" for number, colour in enumerate(hatched)}
    patterns = "".join(
        f'<pattern id="{name}" width="6" height="6" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(-45)"><path d="M0 0h6" stroke="{colour}" stroke-width="1.2"/></pattern>'
        for colour, name in names.items()
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">',
        f"<title>{_safe(sheet.title or 'A run')}</title><defs>{patterns}</defs>",
        f'<rect width="{width}" height="{height}" fill="{sheet.ground}"/>',
    ]
    parts += [_box(item, names) if isinstance(item, Box) else _text(item) for item in sheet.items]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _box(box: Box, patterns: dict[str, str]) -> str:
    fill = f"url(#{patterns[box.edge]})" if box.hatched else box.fill or "none"
    edge = f' stroke="{box.edge}" stroke-width="{_n(box.line)}"' if box.edge else ""
    dash = ' stroke-dasharray="4 3"' if box.dashed else ""
    x, y, width, height = map(_n, (box.x, box.y, box.width, box.height))
    place = f'x="{x}" y="{y}" width="{width}" height="{height}" rx="{_n(box.round)}"'
    return f'<rect {place} fill="{fill}"{edge}{dash}/>'


def _text(text: Text) -> str:
    family = ", ".join(MONO if text.fixed else SANS).replace('"', "'")
    anchor = "" if text.anchor == "start" else f' text-anchor="{text.anchor}"'
    weight = ' font-weight="600"' if text.bold else ""
    return (
        f'<text x="{_n(text.x)}" y="{_n(text.y)}" font-family="{family}" font-size="{_n(text.size)}" '
        f'fill="{text.colour}"{anchor}{weight} xml:space="preserve">{_safe(text.text)}</text>'
    )


def _safe(text: str) -> str:
    """Without what XML cannot hold."""
    return escape("".join(letter if letter.isprintable() else "\ufffd" for letter in text))


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
