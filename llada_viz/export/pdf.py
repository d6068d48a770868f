"""A sheet as PDF, for a paper: its fonts are in the file, its text can be searched."""

from __future__ import annotations

import io
from functools import cache
from itertools import groupby

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen import canvas

from llada_viz.export.drawing import Box, Sheet, Text
from llada_viz.export.fonts import font_files

HATCH = 6.0


def pdf_of(sheet: Sheet) -> bytes:
    """The file, one page of the sheet's size; the same sheet gives the same bytes."""
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=(sheet.width, sheet.height), invariant=1)
    page.setTitle(sheet.title or "A run")
    page.setFillColor(sheet.ground)
    page.rect(0, 0, sheet.width, sheet.height, stroke=0, fill=1)
    for item in sheet.items:
        if isinstance(item, Box):
            _box(page, item, sheet.height)
        else:
            _text(page, item, sheet.height)
    page.save()
    return out.getvalue()


@cache
def _fonts() -> tuple[TTFont, ...]:
    """The fonts that can be put into a PDF, which not all can."""
    found = []
    for number, file in enumerate(font_files()):
        try:
            font = TTFont(f"board{number}", file)
        except TTFError:
            continue
        pdfmetrics.registerFont(font)
        found.append(font)
    return tuple(found)


@cache
def _font_for(letter: str) -> str:
    known = (font.fontName for font in _fonts() if ord(letter) in font.face.charToGlyph)
    return str(next(known, _fonts()[0].fontName))


def _box(page: canvas.Canvas, box: Box, height: float) -> None:
    y = height - box.y - box.height
    page.saveState()
    if box.edge:
        page.setStrokeColor(box.edge)
    if box.fill:
        page.setFillColor(box.fill)
    if box.hatched:
        clip = page.beginPath()
        clip.rect(box.x, y, box.width, box.height)
        page.saveState()
        page.clipPath(clip, stroke=0)
        page.setLineWidth(1)
        start = box.x - box.height
        while start < box.x + box.width:
            page.line(start, y, start + box.height, y + box.height)
            start += HATCH
        page.restoreState()
    page.setLineWidth(box.line)
    if box.dashed:
        page.setDash(4, 3)
    page.roundRect(box.x, y, box.width, box.height, box.round, stroke=bool(box.edge), fill=bool(box.fill))
    page.restoreState()


def _text(page: canvas.Canvas, text: Text, height: float) -> None:
    parts = [(font, "".join(run)) for font, run in groupby(text.text, _font_for)]
    size = text.size
    width = sum(pdfmetrics.stringWidth(part, font, size) for font, part in parts)
    if text.width and width > text.width:
        size, width = size * text.width / width, text.width
    x = text.x - {"start": 0.0, "middle": width / 2, "end": width}[text.anchor]
    page.setFillColor(text.colour)
    page.setStrokeColor(text.colour)
    for font, part in parts:
        run = page.beginText(x, height - text.y)
        run.setFont(font, size)
        run.setTextRenderMode(2 if text.bold else 0)
        page.setLineWidth(0.35)
        run.textOut(part)
        page.drawText(run)
        x += pdfmetrics.stringWidth(part, font, size)
