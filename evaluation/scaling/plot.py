"""Accuracy against NFE as one SVG picture, from summary.json: a column a task; above what a reward model or
nothing scores, below what the exact checker scores, each beside plain decoding and the vote."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from evaluation.charts import COLOURS, Axes, polyline
from evaluation.runs.pareto import SHAPES, mark
from evaluation.scaling.methods import METHODS, PLAIN
from evaluation.scaling.recipes import EXACT
from evaluation.scaling.results import factor_text
from evaluation.scaling.study import FACTORS

PANEL, GAP, LEFT, TOP, HEIGHT, FOOT = 330, 50, 52, 44, 250, 50
LEGEND = 172
ASIDE = 1.6
"""Pixels between the marks of one method and the next at the same place, or they would hide each other."""
NAMES = tuple(dict.fromkeys(method.name for method in METHODS))
ENDS = (math.log2(FACTORS[0]) - 0.4, math.log2(FACTORS[-1]) + 0.6)
TITLES = ("reward model, UPS head or neither", "exact checker")
Point = Mapping[str, Any]
"""Of a curve, as `results.as_data` writes it."""


def plot(tasks: Sequence[Mapping[str, Any]]) -> str:
    """The SVG text; no scripts, no other files. tasks: as of `results.as_data`."""
    rows = [_rows(tasks, exact) for exact in (False, True)]
    shown = [(TITLES[i], row) for i, row in enumerate(rows) if row]
    width = LEFT + (PANEL + GAP) * len(tasks) + LEGEND
    height = len(shown) * (TOP + HEIGHT + FOOT) + 10
    parts = [f'<rect width="{width}" height="{height}" fill="#ffffff"/>']
    for place, (title, row) in enumerate(shown):
        top = place * (TOP + HEIGHT + FOOT) + TOP
        for column, (task, points) in enumerate(zip(tasks, row, strict=True)):
            left = LEFT + (PANEL + GAP) * column
            axes = _axes(width, height, left, top, points)
            parts.append(_panel(axes, f"{task['task']}: {title}", points))
    parts.append(_legend(width - LEGEND + 8, TOP, [p for row in rows for points in row for p in points]))
    frame = Axes(width, height, 0, 0, 0, 0)
    return frame.svg("Accuracy against network evaluations", parts, "color:#222222") + "\n"


def _rows(tasks: Sequence[Mapping[str, Any]], exact: bool) -> list[list[Point]]:
    """The points of each task's panel; none at all where no method has such a scorer."""
    if exact and not any(p["scorer"] == EXACT for task in tasks for p in task["points"]):
        return []
    return [
        [p for p in task["points"] if not p["scorer"] or (p["scorer"] == EXACT) == exact] for task in tasks
    ]


def _axes(width: float, height: float, left: float, top: float, points: Sequence[Point]) -> Axes:
    """Values of y: from a tenth under the lowest interval to a tenth over the highest."""
    low = min((p["interval"][0] for p in points), default=0.0)
    high = max((p["interval"][1] for p in points), default=1.0)
    ends = math.floor(low * 10) / 10, math.ceil(high * 10 + 1e-9) / 10
    return Axes(width, height, left, width - left - PANEL, top, height - top - HEIGHT, ENDS, ends)


def _panel(axes: Axes, title: str, points: Sequence[Point]) -> str:
    low, high = axes.y_ends
    steps = max(1, round((high - low) * 10))
    tens = [low + (high - low) * i / steps for i in range(steps + 1)]
    under = axes.text((axes.left + axes.width - axes.right) / 2, axes.height - axes.bottom + 36,
                      "NFE over plain decoding's, one token a step")  # fmt: skip
    parts = [
        axes.text(axes.left, axes.top - 10, title, "start"),
        axes.across((value, f"{value:.0%}") for value in tens),
        axes.along((math.log2(f), factor_text(f)) for f in FACTORS),
        under,
    ]
    for label in dict.fromkeys(map(_label, points)):
        own = [p for p in points if _label(p) == label]
        parts.append(_curve(axes, sorted(own, key=lambda p: float(p["times"]))))
    return "".join(parts)


def _label(point: Point) -> str:
    return ", ".join(filter(None, (point["method"], point["scorer"])))


def _curve(axes: Axes, points: Sequence[Point]) -> str:
    """Marks with their intervals, joined; plain decoding, which can spend no more, goes on dashed."""
    name = points[0]["method"]
    colour, shape, dash = style(name)
    aside = (NAMES.index(name) - len(NAMES) / 2) * ASIDE
    places = [(axes.x(_log(p)) + aside, axes.y(p["accuracy"] or 0.0)) for p in points]
    parts = [polyline(places, f'stroke="{colour}" stroke-width="1.5"{dash}')]
    if name == PLAIN.name:
        end = axes.width - axes.right
        x, y = places[-1]
        parts.append(
            f"<g><title>plain decoding is saturated: not reached above {points[-1]['times']:.2f}</title>"
            f'<path d="M{x:.1f} {y:.1f}H{end:.1f}" stroke="{colour}" stroke-dasharray="5 4"/></g>'
        )
    for point, (x, y) in zip(points, places, strict=True):
        (low, high), right = point["interval"], point["accuracy"] or 0.0
        said = (
            f"{_label(point)} at {factor_text(point['factor'])}: {right:.1%} ({low:.1%} to {high:.1%}), "
            f"n = {point['n']}, NFE {point['nfe']:.1f}, {point['times']:.2f} times plain decoding's"
        )
        parts.append(
            f'<g><title>{escape(said)}</title><path d="M{x:.1f} {axes.y(low):.1f}V{axes.y(high):.1f}" '
            f'stroke="{colour}" opacity=".6"/>{mark(shape, x, y, colour)}</g>'
        )
    return "".join(parts)


def style(name: str) -> tuple[str, str, str]:
    """Colour, shape and dashes of a method: no two methods have colour and shape in common."""
    place = NAMES.index(name)
    dash = ' stroke-dasharray="2 3"' if place >= len(COLOURS) else ""
    return COLOURS[place % len(COLOURS)], SHAPES[place % len(SHAPES)], dash


def _log(point: Point) -> float:
    """Where a point stands on the axis of x, within its ends."""
    return min(max(math.log2(point["times"]), ENDS[0]), ENDS[1])


def _legend(left: float, top: float, points: Sequence[Point]) -> str:
    names = [name for name in NAMES if any(p["method"] == name for p in points)]
    words = Axes(0, 0, 0, 0, 0, 0)
    parts = []
    for place, name in enumerate(names):
        (colour, shape, dash), y = style(name), top + 22 * place
        parts.append(
            f'<path d="M{left:.1f} {y:.1f}h24" stroke="{colour}" stroke-width="1.5"{dash}/>'
            + mark(shape, left + 12, y, colour)
            + words.text(left + 32, y + 4, "plain; - - saturated" if name == PLAIN.name else name, "start")
        )
    return "".join(parts)
