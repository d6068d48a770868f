"""A sheet as an image, drawn by Pillow."""

from __future__ import annotations

import math
from itertools import groupby

from PIL import Image, ImageDraw

from llada_viz.export.drawing import Box, Sheet, Text
from llada_viz.export.fonts import font_for

HATCH = 6  # points between the lines of a hatched box


def scale_of(sheet: Sheet, wanted: float, pixels: int) -> float:
    """Pixels a point: as wanted, less where the image would have more pixels."""
    return min(wanted, math.sqrt(pixels / (sheet.width * sheet.height)))


def image_of(sheet: Sheet, scale: float) -> Image.Image:
    """The image, its sides even numbers of pixels, as films want it."""
    size = [2 * round(side * scale / 2) for side in (sheet.width, sheet.height)]
    image = Image.new("RGB", (size[0], size[1]), sheet.ground)
    draw = ImageDraw.Draw(image)
    for item in sheet.items:
        if isinstance(item, Box):
            _box(draw, item, scale)
        else:
            _text(draw, item, scale)
    return image


def _box(draw: ImageDraw.ImageDraw, box: Box, scale: float) -> None:
    x, y = round(box.x * scale), round(box.y * scale)
    right, bottom = round((box.x + box.width) * scale), round((box.y + box.height) * scale)
    line = max(1, round(box.line * scale))
    if box.hatched:
        step = max(4, round(HATCH * scale))
        for start in range(x - (bottom - y), right, step):
            first, last = max(start, x), min(start + bottom - y, right)
            draw.line((first, bottom - (first - start), last, bottom - (last - start)), fill=box.edge)
    edge = "" if box.dashed else box.edge
    if box.fill or edge:
        draw.rounded_rectangle(
            (x, y, max(right, x + 1), max(bottom, y + 1)), round(box.round * scale),
            fill=box.fill or None, outline=edge or None, width=line,
        )  # fmt: skip
    if box.dashed and box.edge:
        dash = max(3, round(4 * scale))
        for start in range(x, right, 2 * dash):
            for level in (y, bottom):
                draw.line((start, level, min(start + dash, right), level), fill=box.edge, width=line)
        for start in range(y, bottom, 2 * dash):
            for side in (x, right):
                draw.line((side, start, side, min(start + dash, bottom)), fill=box.edge, width=line)


def _text(draw: ImageDraw.ImageDraw, text: Text, scale: float) -> None:
    """Letter by letter font, each run of one font at once."""
    size = max(4, round(text.size * scale))
    parts = [
        (font, "".join(run)) for font, run in groupby(text.text, lambda letter: font_for(letter, size)[0])
    ]
    width = sum(font.getlength(part) for font, part in parts)
    if text.width and width > text.width * scale:  # a letter that is wider than a fixed one
        size = max(4, int(size * text.width * scale / width))
        parts = [(font_for(part[0], size)[0], part) for _, part in parts]
        width = sum(font.getlength(part) for font, part in parts)
    x = text.x * scale - {"start": 0.0, "middle": width / 2, "end": width}[text.anchor]
    for font, part in parts:
        weight = 1 if text.bold and scale >= 1 else 0
        draw.text(
            (x, text.y * scale), part, text.colour, font, "ls", stroke_width=0 if not weight else 0.35 * scale
        )
        x += font.getlength(part)
