"""Pictures as SVG text (no scripts, no other files): axes, their ticks, and a frame around both."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, which colour-blind readers can tell apart."""


@dataclass(frozen=True)
class Axes:
    """A picture of width x height pixels with margins, and the values at the ends of its axes."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_ends: tuple[float, float] = (0.0, 1.0)
    y_ends: tuple[float, float] = (0.0, 1.0)
    size: int = 12  # of the letters

    def x(self, value: float) -> float:
        """Pixels from the left."""
        low, high = self.x_ends
        return self.left + (self.width - self.left - self.right) * (value - low) / (high - low)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        low, high = self.y_ends
        return self.top + (self.height - self.top - self.bottom) * (high - value) / (high - low)

    def across(self, ticks: Iterable[tuple[float, str]]) -> str:
        """Lines across the picture at values of y, with their names on the left."""
        return "".join(
            f'<path d="M{self.left:g} {self.y(value):.1f}H{self.width - self.right:g}" '
            'stroke="currentColor" opacity=".15"/>'
            + self.text(self.left - 8, self.y(value) + self.size / 3, name, "end")
            for value, name in ticks
        )

    def along(self, ticks: Iterable[tuple[float, str]], anchor: str = "middle") -> str:
        """Names under the picture at values of x."""
        under = self.height - self.bottom + self.size * 1.4
        return "".join(self.text(self.x(value), under, name, anchor) for value, name in ticks)

    def title(self, name: str) -> str:
        """The name of the x axis, at the foot of the picture."""
        return self.text((self.left + self.width - self.right) / 2, self.height - self.size * 0.7, name)

    def text(self, x: float, y: float, text: str, anchor: str = "middle") -> str:
        """Text at a place in pixels; it is escaped."""
        return (
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{escape(text)}</text>'
        )

    def svg(self, description: str, parts: Iterable[str], style: str = "") -> str:
        """The whole picture. description: what it shows, for readers who cannot see it."""
        box = f'viewBox="0 0 {self.width:g} {self.height:g}" font-size="{self.size}" style="{style}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="system-ui, sans-serif" '
            f'role="img" aria-label="{escape(description)}">{"".join(parts)}</svg>'
        )


def nice_ticks(top: float, most: int = 5) -> list[float]:
    """Ticks from 0 that a person would draw, at most `most` steps of 1, 2, 2.5 or 5 times a power of ten; the
    last is at least `top`."""
    if top <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(top / most))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power * most >= top * (1 - 1e-9))
    count = math.ceil(top / step - 1e-9)
    return [round(step * i, 12) for i in range(count + 1)]


def polyline(points: Iterable[tuple[float, float]], stroke: str) -> str:
    """A line through points in pixels. stroke: the attributes it is drawn with."""
    return f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" fill="none" {stroke}/>'
