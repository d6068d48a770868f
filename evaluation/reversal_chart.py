"""Shares and their intervals as an SVG bar chart with whiskers and the numbers beside the bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from evaluation.charts import COLOURS, Axes

LEFT, WIDTH, TOP, ROW, BAR = 170, 460, 64, 46, 24
INK = "color:#222222"


@dataclass(frozen=True)
class Bar:
    """A share and its interval, all in [0, 1]; bars of one group have one colour."""

    label: str
    group: str
    share: float
    low: float
    high: float


def chart(title: str, axis: str, bars: Sequence[Bar]) -> str:
    """The SVG text. Labels may hold any text: it is escaped."""
    groups = list(dict.fromkeys(bar.group for bar in bars))
    axes = Axes(LEFT + WIDTH + 150, TOP + ROW * len(bars) + 56, LEFT, 150, TOP, 56, size=14)
    description = "; ".join(f"{b.label}: {b.share:.1%}, {b.low:.1%} to {b.high:.1%}" for b in bars)
    quarters = [(share, f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1)]
    parts = [
        f"<desc>{escape(description)}</desc>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        axes.text(20, 32, title, "start"),
        *(_upright(axes.x(share), TOP - 8, axes.y(0)) for share, _ in quarters),
        axes.along(quarters),
        *(_bar(axes, b, TOP + ROW * i, COLOURS[groups.index(b.group) % 4]) for i, b in enumerate(bars)),
        axes.title(axis),
    ]
    return axes.svg(title, parts, INK) + "\n"


def _upright(x: float, top: float, bottom: float) -> str:
    return f'<line x1="{x:g}" y1="{top:g}" x2="{x:g}" y2="{bottom:g}" stroke="#cccccc"/>'


def _bar(axes: Axes, bar: Bar, top: int, colour: str) -> str:
    end, low, high = (round(axes.x(value), 2) for value in (bar.share, bar.low, bar.high))
    middle = top + BAR / 2
    whisker = f"M{low:g} {middle:g}H{high:g}M{low:g} {middle - 6:g}v12M{high:g} {middle - 6:g}v12"
    return (
        axes.text(LEFT - 12, middle + 5, bar.label, "end")
        + f'<rect x="{LEFT}" y="{top}" width="{end - LEFT:g}" height="{BAR}" fill="{colour}"/>'
        f'<path d="{whisker}" stroke="currentColor" stroke-width="2" fill="none"/>'
        + axes.text(high + 10, middle + 5, f"{bar.share:.1%}", "start")
    )
