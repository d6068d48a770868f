"""Shares with their intervals as a static SVG: bars on a light ground, whiskers, every number written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

# Okabe and Ito's palette: told apart by colour-blind readers too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
INK, GRID = "#222222", "#cccccc"
LEFT, WIDTH, TOP, ROW, BAR = 170, 460, 64, 46, 24


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
    bottom = TOP + ROW * len(bars)
    said = "; ".join(f"{b.label}: {b.share:.1%}, {b.low:.1%} to {b.high:.1%}" for b in bars)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 150} {bottom + 56}" '
        f'role="img" aria-labelledby="title summary" font-family="sans-serif" font-size="14">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="summary">{escape(said)}</desc>',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="20" y="32" font-size="18" fill="{INK}">{escape(title)}</text>',
        *(_tick(percent, bottom) for percent in range(0, 101, 25)),
        *(_bar(bar, TOP + ROW * i, COLOURS[groups.index(bar.group) % 4]) for i, bar in enumerate(bars)),
        f'<text x="{LEFT + WIDTH / 2:g}" y="{bottom + 44}" text-anchor="middle" fill="{INK}">'
        f"{escape(axis)}</text>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _tick(percent: int, bottom: int) -> str:
    x = LEFT + WIDTH * percent / 100
    return (
        f'<line x1="{x:g}" y1="{TOP - 8}" x2="{x:g}" y2="{bottom}" stroke="{GRID}"/>'
        f'<text x="{x:g}" y="{bottom + 20}" text-anchor="middle" fill="{INK}">{percent} %</text>'
    )


def _bar(bar: Bar, top: int, colour: str) -> str:
    end, low, high = (round(LEFT + WIDTH * value, 2) for value in (bar.share, bar.low, bar.high))
    middle = top + BAR / 2
    whisker = f"M{low:g} {middle:g}H{high:g}M{low:g} {middle - 6:g}v12M{high:g} {middle - 6:g}v12"
    return (
        f'<text x="{LEFT - 12}" y="{middle + 5:g}" text-anchor="end" fill="{INK}">{escape(bar.label)}</text>'
        f'<rect x="{LEFT}" y="{top}" width="{end - LEFT:g}" height="{BAR}" fill="{colour}"/>'
        f'<path d="{whisker}" stroke="{INK}" stroke-width="2" fill="none"/>'
        f'<text x="{high + 10:g}" y="{middle + 5:g}" fill="{INK}">{bar.share:.1%}</text>'
    )
