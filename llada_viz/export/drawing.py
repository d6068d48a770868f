"""What a picture is made of, whoever draws it: boxes and texts on a sheet. Lengths are points, from the top
left."""

from __future__ import annotations

from dataclasses import dataclass, field

from llada_viz.render.colours import COLOURS

LETTER = 0.602
"""Width of a letter of a fixed-width font, in its size."""


@dataclass(frozen=True)
class Box:
    """A rectangle. fill, edge: colours, "" for none; dashed: its edge; hatched: with lines in the colour of
    its edge; round: radius of its corners."""

    x: float
    y: float
    width: float
    height: float
    fill: str = ""
    edge: str = ""
    line: float = 1.0
    dashed: bool = False
    hatched: bool = False
    round: float = 0.0


@dataclass(frozen=True)
class Text:
    """One line of text. y: of its base line; anchor: "start", "middle" or "end" of it stands at x; fixed: in
    a fixed-width font; width: what it may take, 0 for as much as it needs."""

    x: float
    y: float
    text: str
    size: float
    colour: str
    anchor: str = "start"
    bold: bool = False
    fixed: bool = False
    width: float = 0.0


@dataclass
class Sheet:
    """A picture."""

    width: float
    height: float
    ground: str
    title: str = ""
    items: list[Box | Text] = field(default_factory=list)


@dataclass(frozen=True)
class Palette:
    """The colours of a theme: those of the page."""

    ground: str
    text: str
    mute: str
    soft: str
    line: str
    hatch: str
    fresh: str
    back: str
    ups: str
    bad: str
    good: str


def palette(dark: bool) -> Palette:
    """The page's colours, light or dark."""
    of = {name: both[dark] for name, both in COLOURS.items()}
    more = (
        ("#636d80", "#e69f00", "#ff8a3d", "#cc79a7", "#ff9d5c", "#4cc38a")
        if dark
        else ("#8d93a1", "#e69f00", "#d55e00", "#b0568f", "#b42318", "#0f7b4f")
    )
    return Palette(
        of["background_fill_primary"], of["body_text_color"], of["body_text_color_subdued"],
        of["background_fill_secondary"], of["border_color_primary"], *more,
    )  # fmt: skip


def wrapped(text: str, width: float, size: float, most: int) -> list[str]:
    """A text in lines that fit, at most so many; the last one ends in "…" where more would follow."""
    room = max(8, int(width / (size * 0.52)))
    lines, line = [], ""
    for word in text.split():
        word = word[:room]
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    lines += [line] if line else []
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1][: room - 1]}…"]
    return lines
