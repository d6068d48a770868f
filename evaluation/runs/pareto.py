"""Accuracy against cost as a still SVG picture that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 440, 260
LEFT, RIGHT, TOP, BOTTOM = 44, 16, 14, 44
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe and Ito
SHAPES = ("circle", "square", "diamond", "triangle")


@dataclass(frozen=True)
class Point:
    """One sampler: cost, accuracy and its interval, shares in [0, 1]."""

    label: str
    cost: float
    accuracy: float
    low: float
    high: float


def best(points: Sequence[Point]) -> list[Point]:
    """Those that no other beats: nothing cheaper is as accurate, nothing as cheap more accurate."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -p.accuracy)):
        if not front or point.accuracy > front[-1].accuracy:
            front.append(point)
    return front


def nice_ceiling(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if value <= m * power * (1 + 1e-9))


def mark(shape: str, x: float, y: float, colour: str) -> str:
    """One mark: shape and colour both tell it from the others."""
    r = 5
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" fill="{colour}"/>'
    corners = {
        "square": [(-r, -r), (r, -r), (r, r), (-r, r)],
        "diamond": [(0, -r - 1), (r + 1, 0), (0, r + 1), (-r - 1, 0)],
        "triangle": [(0, -r - 1), (r, r), (-r, r)],
    }[shape]
    text = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon points="{text}" fill="{colour}"/>'


def chart(points: Sequence[Point], cost: str) -> str:
    """An <svg>: one mark with an interval a sampler, the best joined by a line. cost: the axis."""
    right = nice_ceiling(max((p.cost for p in points), default=1.0))
    roof = min(1.0, nice_ceiling(max((p.high for p in points), default=1.0)))

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * value / right

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / roof)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12" aria-label="Accuracy against {escape(cost)}">'
    ]
    for i in range(5):
        up, along = roof * i / 4, right * i / 4
        parts.append(
            f'<path d="M{LEFT} {y(up):.1f}H{WIDTH - RIGHT}" stroke="currentColor" opacity=".15"/>'
            f'<text x="{LEFT - 8}" y="{y(up) + 4:.1f}" text-anchor="end" fill="currentColor">'
            f"{100 * up:.3g} %</text>"
            f'<text x="{x(along):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="currentColor">'
            f"{along:.4g}</text>"
        )
    line = " ".join(f"{x(p.cost):.1f},{y(p.accuracy):.1f}" for p in best(points))
    dashes = 'fill="none" stroke="currentColor" stroke-dasharray="4 3" opacity=".6"'
    parts.append(f'<polyline points="{line}" {dashes}/>')
    for i, p in enumerate(points):
        colour, shape = COLOURS[i % len(COLOURS)], SHAPES[i % len(SHAPES)]
        said = f"{p.label}: accuracy {p.accuracy:.1%} ({p.low:.1%} to {p.high:.1%}), {cost} {p.cost:.4g}"
        parts.append(
            f'<g><title>{escape(said)}</title><path d="M{x(p.cost):.1f} {y(p.low):.1f}V{y(p.high):.1f}" '
            f'stroke="{colour}" stroke-width="1.5"/>{mark(shape, x(p.cost), y(p.accuracy), colour)}</g>'
        )
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle" fill="currentColor">'
        f"{escape(cost)}</text></svg>"
    )
    return "".join(parts)


def legend(labels: Sequence[str]) -> str:
    """The marks and what they stand for, as a list beside the picture."""
    items = []
    for i, label in enumerate(labels):
        shown = mark(SHAPES[i % len(SHAPES)], 7, 7, COLOURS[i % len(COLOURS)])
        items.append(f'<li><svg width="14" height="14" aria-hidden="true">{shown}</svg> {escape(label)}</li>')
    return f'<ul class="legend">{"".join(items)}</ul>'
