"""Accuracy against cost as an SVG picture (no scripts, no other files)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from evaluation.charts import COLOURS, Axes, nice_ticks, polyline

NEAR = 0.025
"""Of an axis: marks that are closer would lie on one another."""
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
    """The Pareto front: the points than which no cheaper one is as accurate, and no equally cheap one more
    accurate."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -p.accuracy)):
        if not front or point.accuracy > front[-1].accuracy:
            front.append(point)
    return front


def spread(points: Sequence[Point]) -> list[float]:
    """How far each mark is moved along the axis of costs, as a share of it: those that would lie on one
    another stand side by side, around their place."""
    most = max((p.cost for p in points), default=0.0) or 1.0
    roof = max((p.high for p in points), default=0.0) or 1.0

    def near(a: Point, b: Point) -> bool:
        return abs(a.cost - b.cost) < NEAR * most and abs(a.accuracy - b.accuracy) < NEAR * roof

    groups: list[list[int]] = []
    for i, point in enumerate(points):
        group = next((g for g in groups if any(near(points[j], point) for j in g)), None)
        if group is None:
            groups.append([i])
        else:
            group.append(i)
    moved = [0.0] * len(points)
    for group in groups:
        for place, i in enumerate(group):
            moved[i] = (place - (len(group) - 1) / 2) * NEAR
    return moved


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
    costs = nice_ticks(max((p.cost for p in points), default=1.0))
    shares = [share for share in nice_ticks(max((p.high for p in points), default=1.0)) if share <= 1]
    roof = max(shares[-1], *(p.high for p in points)) if points else 1.0
    axes = Axes(440, 260, 52, 16, 14, 44, (0.0, costs[-1]), (0.0, roof))
    parts = [
        axes.across((share, f"{100 * share:.3g}%") for share in shares),
        axes.along((value, f"{value:.4g}") for value in costs),
        polyline(
            [(axes.x(p.cost), axes.y(p.accuracy)) for p in best(points)],
            'stroke="currentColor" stroke-dasharray="4 3" opacity=".6"',
        ),
    ]
    for i, (p, moved) in enumerate(zip(points, spread(points), strict=True)):
        colour, shape = COLOURS[i % len(COLOURS)], SHAPES[i % len(SHAPES)]
        title = f"{p.label}: accuracy {p.accuracy:.1%} ({p.low:.1%} to {p.high:.1%}), {cost} {p.cost:.4g}"
        x, low, high = axes.x(p.cost + moved * costs[-1]), axes.y(p.low), axes.y(p.high)
        parts.append(
            f'<g><title>{escape(title)}</title><path d="M{x:.1f} {low:.1f}V{high:.1f}" '
            f'stroke="{colour}" stroke-width="1.5"/>{mark(shape, x, axes.y(p.accuracy), colour)}</g>'
        )
    return axes.svg(f"Accuracy against {cost}", [*parts, axes.title(cost)])


def legend(labels: Sequence[str]) -> str:
    """The marks and what they stand for, as a list beside the picture."""
    items = []
    for i, label in enumerate(labels):
        symbol = mark(SHAPES[i % len(SHAPES)], 7, 7, COLOURS[i % len(COLOURS)])
        svg = f'<svg width="14" height="14" aria-hidden="true">{symbol}</svg>'
        items.append(f"<li>{svg} {escape(label)}</li>")
    return f'<ul class="legend">{"".join(items)}</ul>'
