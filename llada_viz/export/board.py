"""Draws a run at a moment, or several runs side by side, as a sheet. A cell keeps the width of the widest
token that it ever holds, so nothing moves from one picture of a run to the next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llada_viz.decoding.runs import Run
from llada_viz.export.drawing import LETTER, Box, Palette, Sheet, Text, palette, wrapped
from llada_viz.export.fonts import length
from llada_viz.export.moments import BACK, MASKS, Fold, Moment, Shown, drawn_text, rows
from llada_viz.render.question import question_of

CELL, GAP, LINE, GUTTER, PAD = 25.0, 3.0, 36.0, 92.0, 20.0
SIZE, SMALL = 14.0, 11.5
FEW, MANY = 720.0, 1400.0  # widths of a lane with few and with many cells
CIVIDIS = (
    "#00224e", "#123570", "#3b496c", "#575d6d", "#707173",
    "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838",
)  # fmt: skip


@dataclass(frozen=True)
class Lane:
    """One run as it is drawn. widths: of its cells, by id; width, height: of all of it, at its tallest."""

    run: Run
    fold: Fold
    widths: dict[int, float]
    width: float
    height: float


def lane_of(run: Run) -> Lane:
    """A run, ready to be drawn at any moment."""
    fold = Fold(run.frames)
    widths: dict[int, float] = {}
    for frame in run.frames:
        for cell, text, _, state in frame["ops"]:
            wide = CELL if state in MASKS else max(CELL, len(drawn_text(text)) * SIZE * LETTER + 11)
            widths[cell] = max(widths.get(cell, CELL), wide)
    # Only where cells come or go does the board grow or shrink.
    numbers = [i for i, frame in enumerate(run.frames) if "ins" in frame or "del" in frame or i == 0]
    boards = [fold.at(number) for number in numbers]
    most = max(len(board.cells) for board in boards)
    width = min(MANY, max(FEW, FEW * math.sqrt(most / 200)))
    tallest = max(_board_height(run, widths, width, board) for board in boards)
    return Lane(run, fold, widths, width, 98 + 20 * len(_question(run, width)) + tallest)


def picture(lanes: Sequence[Lane], at: Sequence[int], dark: bool = False) -> Sheet:
    """Runs at moments, by their numbers; -1: not begun. Two beside each other, then the next two."""
    colours = palette(dark)
    columns = min(2, len(lanes))
    width = max(lane.width for lane in lanes)
    heights = [
        max(lane.height for lane in lanes[first : first + columns]) for first in range(0, len(lanes), columns)
    ]
    sheet = Sheet(width * columns, sum(heights), colours.ground, question_of(lanes[0].run.layout.prompt))
    for number, (lane, moment) in enumerate(zip(lanes, at, strict=True)):
        x, y = number % columns * width, sum(heights[: number // columns])
        _draw(sheet, lane, lane.fold.at(max(moment, 0)), colours, x, y)
    return sheet


def _question(run: Run, width: float) -> list[str]:
    return wrapped(question_of(run.layout.prompt), width - 2 * PAD, SIZE, 3)


def _draw(sheet: Sheet, lane: Lane, moment: Moment, colours: Palette, x: float, y: float) -> None:
    frame, layout, left = moment.frame, lane.run.layout, x + PAD
    right = x + lane.width - PAD
    numbers = f"step {frame['step']}   {frame['nfe']} NFE   {frame['masks']} left"
    sheet.items.append(Text(left, y + 30, layout.sampler or "A run", 15, colours.text, bold=True))
    sheet.items.append(Text(right, y + 30, numbers, 12.5, colours.mute, "end"))
    y += 54
    for line in _question(lane.run, lane.width):
        sheet.items.append(Text(left, y, line, SIZE, colours.text))
        y += 20
    for number, block in enumerate(rows(moment, layout)):
        sheet.items.append(Text(left, y + 17, f"Block {number + 1}", SMALL, colours.mute))
        if number in moment.scores:
            colour = colours.back if moment.scores[number] < 0.5 else colours.mute
            sheet.items.append(Text(left, y + 30, f"PRM {moment.scores[number]:.2f}", 10.5, colour))
        y = _cells(sheet, lane, moment, block, colours, left + GUTTER, y)
    lead, rest, tone = frame["say"]
    colour = {"ok": colours.good, "back": colours.back}.get(tone, colours.text)
    known = (frame.get("verdict") or {}).get("right")  # None: nobody knows
    if known is not None:
        lead, colour = ("Right.", colours.good) if known else ("Wrong.", colours.bad)
    sheet.items.append(Text(left, y + 20, lead, 13, colour, bold=True))
    behind = length(lead, 13) + 10
    told = wrapped(rest, lane.width - 2 * PAD - behind, 13, 1)
    sheet.items += [Text(left + behind, y + 20, line, 13, colours.text) for line in told]


def _cells(
    sheet: Sheet, lane: Lane, moment: Moment, block: range, colours: Palette, left: float, top: float
) -> float:
    """Draw the cells of a block; where the next one begins."""
    x, right = left, left + lane.width - 2 * PAD - GUTTER
    for place in block:
        width = lane.widths.get(moment.ids[place], CELL)
        if x > left and x + width > right:
            x, top = left, top + LINE
        broken = moment.broken[0] <= place < moment.broken[1]
        _cell(sheet, moment.cells[place], moment.frame["seq"], broken, colours, x, top, width)
        x += width + GAP
    return top + LINE + 4


def _board_height(run: Run, widths: dict[int, float], width: float, moment: Moment) -> float:
    height, room = 0.0, width - 2 * PAD - GUTTER
    for block in rows(moment, run.layout):
        x, height = 0.0, height + LINE + 4
        for place in block:
            wide = widths.get(moment.ids[place], CELL)
            if x and x + wide > room:
                x, height = 0.0, height + LINE
            x += wide + GAP
    return height


def _cell(
    sheet: Sheet, cell: Shown, now: int, broken: bool, colours: Palette, x: float, y: float, width: float
) -> None:
    fresh = cell.at == now and now > 0
    if cell.state in MASKS:
        back = cell.state in BACK or cell.state == "u"
        edge = (colours.ups if cell.state == "u" else colours.back) if back else colours.hatch
        sheet.items.append(Box(x, y, width, 29, "", edge, 1.5 if back else 1, back, True, 4))
        return
    noise = cell.is_open
    edge = colours.hatch if noise or cell.state == "p" else ""
    if fresh and not noise:
        edge = colours.fresh
    fill = "" if noise else colours.soft
    sheet.items.append(Box(x, y, width, 29, fill, edge, 2 if fresh else 1, noise, False, 4))
    colour = colours.bad if broken else colours.mute if noise else colours.text
    sheet.items.append(
        Text(x + width / 2, y + 17, cell.text, SIZE, colour, "middle", fixed=True, width=width - 4)
    )
    if broken:
        sheet.items.append(Box(x, y + 30, width, 2.5, colours.bad))
    if cell.confidence is not None:
        bar = CIVIDIS[min(9, int(cell.confidence * 10))]
        sheet.items.append(Box(x + 4, y + 22, max(0.5, (width - 8) * cell.confidence), 4, bar, round=1))
