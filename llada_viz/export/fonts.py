"""The fonts that pictures are drawn with: the one inside Pillow, and of those that a machine usually has the
ones that know more letters. A letter that none of them knows is drawn as a box, which is said."""

from __future__ import annotations

import io
from functools import cache

from PIL import ImageFont

KNOWN_EVERYWHERE = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf", "NotoSansCJK-Regular.ttc",
    "msyh.ttc", "PingFang.ttc",
)  # fmt: skip
"""Looked for where the system keeps fonts, in this order."""


@cache
def fonts(size: int) -> tuple[ImageFont.FreeTypeFont, ...]:
    """What there is, in a size; the first is the same on every machine."""
    first = ImageFont.load_default(size)
    if not isinstance(first, ImageFont.FreeTypeFont):
        raise OSError("Pillow was built without FreeType: it cannot write text; allowed: HTML, SVG or CSV")
    found = [first]
    for name in KNOWN_EVERYWHERE:
        try:
            found.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    return tuple(found)


@cache
def font_for(letter: str, size: int) -> tuple[ImageFont.FreeTypeFont, bool]:
    """The first font that knows a letter, and whether one does."""
    for font in fonts(size):
        if letter.isspace() or _looks(font, letter) != _looks(font, "\uffff"):
            return font, True
    return fonts(size)[0], False


def font_files() -> list[io.BytesIO | str]:
    """The same fonts as files, for those who put letters into a document."""
    files: list[io.BytesIO | str] = []
    for font in fonts(14):
        files.append(font.path if isinstance(font.path, str) else io.BytesIO(_bytes(font)))
    return files


def length(text: str, size: float) -> float:
    """How long a text is, in the length of its size."""
    return sum(font_for(letter, 14)[0].getlength(letter) for letter in text) * size / 14


def _bytes(font: ImageFont.FreeTypeFont) -> bytes:
    """The font inside Pillow, which was read from memory."""
    held = font.path
    return held.getvalue() if isinstance(held, io.BytesIO) else bytes(font.font_bytes)


@cache
def _looks(font: ImageFont.FreeTypeFont, letter: str) -> bytes:
    mask = font.getmask(letter)
    return bytes(f"{mask.size}", "ascii") + bytes(mask)


def unknown(text: str) -> set[str]:
    """The letters of a text that no font here knows."""
    return {letter for letter in set(text) if not font_for(letter, 14)[1]}
