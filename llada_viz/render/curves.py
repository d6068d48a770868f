"""The curves of a training as SVG pictures: one for each number, with its held-out curve in it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from evaluation.charts import Axes, nice_ticks, polyline

Point = tuple[int, float]
MOST_POINTS = 300
MOST_FIGURES = 12
HELD_OUT = "eval_"
LOG_FROM = 50.0  # the largest value by the smallest, from which an axis counts in powers of ten
SMOOTH_FROM = 60  # points from which a smooth line is drawn over the single values
SMOOTHING = 0.9
STROKE = 'stroke="var(--lz-curve)" stroke-linejoin="round"'


@dataclass(frozen=True)
class Curve:
    """A number over the steps. held_out: the same number on held-out rows, () for none."""

    name: str
    points: Sequence[Point]
    held_out: Sequence[Point] = ()

    @property
    def title(self) -> str:
        name = self.name.removeprefix(HELD_OUT).replace("_", " ")
        return f"{name}, held out" if self.name.startswith(HELD_OUT) else name


def figures(curves: Mapping[str, Sequence[Point]]) -> str:
    """A small chart for each number, losses first. curves: by name."""
    drawn = "".join(chart(curve) for curve in paired(curves)[:MOST_FIGURES])
    return f"<div class='lz-curves'>{drawn}</div>" if drawn else ""


def paired(curves: Mapping[str, Sequence[Point]]) -> list[Curve]:
    """The numbers to draw. What is the loss under another name is left out; what was measured on held-out
    rows stands beside the same number of the training."""
    loss = curves.get("loss", ())
    same = {name for name, points in curves.items() if name != "loss" and points == loss}
    twins = same if len(loss) > 1 else set()  # one point may be the same by chance
    held_out = {
        "loss" if (name := full.removeprefix(HELD_OUT)) in twins else name: points
        for full, points in curves.items() if full.startswith(HELD_OUT)
    }  # fmt: skip
    kept = [name for name in curves if name not in twins and not name.startswith(HELD_OUT)]
    kept += [HELD_OUT + name for name in held_out if name not in kept]
    kept.sort(key=lambda name: (name != "loss", "loss" not in name, name == "learning_rate"))
    alone = {HELD_OUT + name: points for name, points in held_out.items()}
    return [
        Curve(name, alone[name]) if name in alone else Curve(name, curves[name], held_out.get(name, ()))
        for name in kept
    ]


def chart(curve: Curve) -> str:
    """A curve with its last value written out, up to the last step that was logged."""
    lines = [thin(points) for points in (curve.points, curve.held_out) if points]
    values = [value for line in lines for _, value in line]
    last_step, last = curve.points[-1]
    end = max(line[-1][0] for line in lines)
    log = min(values) > 0 and max(values) / min(values) >= LOG_FROM
    low, high = (min(values) / 1.3, max(values) * 1.3) if log else span(min(values), max(values))
    place = math.log10 if log else float
    axes = Axes(360, 170, 56, 14, 10, 26, (0, max(end, 1)), (place(low), place(high)))
    ticks = decades(low, high) if log else ticks_between(low, high)
    steps = [step for step in nice_ticks(max(end, 1), 4) if step <= max(end, 1) and step == int(step)]
    spots = [[(axes.x(step), axes.y(place(value))) for step, value in line] for line in lines]
    parts = [
        axes.across((place(value), short(value)) for value in ticks),
        axes.along((step, f"{step:,.0f}") for step in steps),
        *_line(spots[0]),
    ]
    about, said = f"{curve.title}: {last:.4g} at step {last_step:,}", f"{last:.4g}"
    if curve.held_out:
        held = curve.held_out[-1][1]
        parts.append(polyline(spots[1], f'{STROKE} stroke-width="2" stroke-dasharray="5 4"'))
        about, said = f"{about}, held out {held:.4g}", f"{said}, held out (dashed) {held:.4g}"
    note = ", logarithmic" if log else ""
    caption = f"<figcaption><b>{escape(curve.title)}</b> {said}{note}</figcaption>"
    return f"<figure>{caption}{axes.svg(about, parts)}</figure>"


def _line(spots: Sequence[tuple[float, float]]) -> list[str]:
    """The line of a training: of many points the single values are faint, under a smooth line."""
    x, y = spots[-1]
    dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="var(--lz-curve)"/>'
    if len(spots) < SMOOTH_FROM:
        return [polyline(spots, f'{STROKE} stroke-width="2"'), dot]
    heights = smooth([y for _, y in spots])
    bold = [(x, y) for (x, _), y in zip(spots, heights, strict=True)]
    faint = polyline(spots, f'{STROKE} stroke-width="1" opacity=".3"')
    return [faint, polyline(bold, f'{STROKE} stroke-width="2"'), dot]


def smooth(values: Sequence[float]) -> list[float]:
    """The moving average of values, which begins at the first of them."""
    averages: list[float] = []
    total = weight = 0.0
    for value in values:
        total, weight = SMOOTHING * total + value, SMOOTHING * weight + 1
        averages.append(total / weight)
    return averages


def thin(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most `most` points. Neighbours become one, with the last of their steps and their mean value."""
    size = -(-len(points) // most)
    parts = [points[i : i + size] for i in range(0, len(points), size)]
    return [(part[-1][0], sum(value for _, value in part) / len(part)) for part in parts]


def span(low: float, high: float) -> tuple[float, float]:
    """The two ends of the axis for values from low to high: with a margin, and never the same number."""
    margin = (high - low) * 0.08 or abs(high) * 0.08 or 0.5
    bottom = low - margin
    return (0.0 if low >= 0 > bottom else bottom), high + margin


def ticks_between(low: float, high: float, most: int = 4) -> list[float]:
    """Round numbers from low to high, at most `most` steps apart."""
    step = nice_ticks(high - low, most)[1]
    first = math.ceil(low / step - 1e-9)
    return [round(step * i, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def decades(low: float, high: float) -> Iterable[float]:
    """Powers of ten from low to high, at most five of them."""
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    return [10.0**power for power in range(first, last + 1, max(1, (last - first) // 4))]


def short(value: float) -> str:
    """A round number in few letters: 0.005, 2e-5."""
    text = f"{value:.3g}"
    number, e, power = text.partition("e")
    return f"{number}e{int(power)}" if e else text
