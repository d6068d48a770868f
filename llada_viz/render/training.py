"""A training as HTML: how far it is, its curves as still SVG, one example as the model sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from training.engine.saying import duration

Point = tuple[int, float]
MOST_POINTS = 300
MOST_FIGURES = 12
MOST_CELLS = 512
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 360, 170, 66, 12, 10, 26
# state of a cell -> (its class, what it is)
STATES = {
    "prompt": ("given", "prompt: never masked, never learned"),
    "clean": ("", "clean"),
    "masked": ("m", "masked"),
    "wrong": ("wrong", "wrong on purpose"),
    "own": ("m own", "masked, then the model's own guess"),
    "tail": ("tail", "end of text behind the answer"),
}
GLYPHS = {"\n": "⏎", "\t": "⇥", "\r": ""}


def pace(step: int, steps: int, seconds: float | None, doing: str = "", left: float | None = None) -> str:
    """How far, how fast, at what, how long still, in seconds: "step 20 of 50 · 0.42 s a step · evaluating
    40 of 256 · about 13 s left"."""
    parts = [f"step {step:,} of {steps:,}"]
    if seconds is not None:
        parts.append(f"{seconds:.2g} s a step" if seconds < 10 else f"{seconds:.0f} s a step")
    if doing:
        parts.append(doing)
    if left is not None:
        parts.append(f"about {duration(left)} left")
    return " · ".join(parts)


def figures(curves: Mapping[str, Sequence[Point]], steps: int) -> str:
    """One small picture a figure, the losses first. steps: the right end of the axis."""
    named = sorted(curves, key=lambda name: (name != "loss", "loss" not in name, name == "learning_rate"))
    drawn = "".join(chart(name, curves[name], steps) for name in named[:MOST_FIGURES])
    return f"<div class='lz-curves'>{drawn}</div>" if drawn else ""


def chart(name: str, points: Sequence[Point], steps: int) -> str:
    """A curve with its last value written out."""
    shown = thin(points)
    values = [value for _, value in shown]
    low, high = span(min(values), max(values))

    def x(step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / max(steps, 1)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    last_step, last = points[-1]
    said = f"{name.replace('_', ' ')}: {last:.4g} at step {last_step:,}"
    line = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in shown)
    ticks = "".join(
        f'<path d="M{LEFT} {y(v):.1f}H{WIDTH - RIGHT}" stroke="currentColor" opacity=".15"/>'
        f'<text x="{LEFT - 7}" y="{y(v) + 4:.1f}" text-anchor="end" fill="currentColor">{v:.3g}</text>'
        for v in (low, (low + high) / 2, high)
    ) + "".join(
        f'<text x="{x(s):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}" fill="currentColor">{s:,}</text>'
        for s, anchor in ((0, "start"), (steps, "end"))
    )
    return (
        f"<figure><figcaption><b>{escape(name.replace('_', ' '))}</b> {last:.4g}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}" font-size="12">'
        f'{ticks}<polyline points="{line}" fill="none" stroke="var(--lz-curve)" stroke-width="2" '
        f'stroke-linejoin="round"/><circle cx="{x(last_step):.1f}" cy="{y(values[-1]):.1f}" r="3.5" '
        f'fill="var(--lz-curve)"/></svg></figure>'
    )


def thin(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most `most` points: of neighbours the last step and the mean value."""
    size = -(-len(points) // most)
    parts = [points[i : i + size] for i in range(0, len(points), size)]
    return [(part[-1][0], sum(value for _, value in part) / len(part)) for part in parts]


def span(low: float, high: float) -> tuple[float, float]:
    """The axis of values: a little more than they need, never empty."""
    margin = (high - low) * 0.08 or abs(high) * 0.08 or 0.5
    bottom = low - margin
    return (0.0 if low >= 0 > bottom else bottom), high + margin


def example(found: Mapping[str, Any]) -> str:
    """One example three times: as it stands in the data, in the model's template, as it is learned.

    found: raw (name -> text), templated, cells ([text, state], …); what an objective has not is empty.
    """
    rows = "".join(
        f"<dt>{escape(str(name))}</dt><dd>{escape(str(text))}</dd>" for name, text in found["raw"].items()
    )
    parts = [f"<h4>As it stands in the data</h4><dl class='lz-facts'>{rows}</dl>"]
    if found["templated"]:
        text = escape(str(found["templated"]))
        parts.append(f"<h4>In the model's template</h4><pre class='lz-log'>{text}</pre>")
    if found["cells"]:
        parts.append(_cells([(str(text), str(state)) for text, state in found["cells"]]))
    return "".join(parts)


def _cells(cells: Sequence[tuple[str, str]]) -> str:
    counts = {state: sum(known == state for _, known in cells) for state in STATES}
    legend = "".join(
        f"<li>{cell('', state)} {escape(STATES[state][1])} ({count})</li>"
        for state, count in counts.items() if count
    )  # fmt: skip
    drawn = "".join(cell(text, state) for text, state in cells[:MOST_CELLS])
    more = f"<p class='lz-about'>The first {MOST_CELLS} cells.</p>" if len(cells) > MOST_CELLS else ""
    return (
        f"<h4>As it is learned</h4><div class='lz'><div class='cells'>{drawn}</div></div>{more}"
        f"<ul class='lz lz-legend'>{legend}</ul>"
    )


def cell(text: str, state: str) -> str:
    """A token as the canvas shows it; a mask hides its text."""
    kind, said = STATES.get(state, ("", state))
    shown = "" if state in ("masked", "own") else visible(text)
    return f"<span class='c {kind}' title='{escape(said)}'>{escape(shown)}</span>"


def visible(text: str) -> str:
    """Spaces around a word are left out, as on the canvas; what would be invisible is a glyph."""
    if text and not text.strip(" "):
        return "␣" * len(text)
    bare = text.strip(" ")
    if bare.startswith("<|") and bare.endswith("|>"):
        return f"⟨{'eos' if bare == '<|endoftext|>' else bare[2:-2]}⟩"
    return "".join(GLYPHS.get(letter, letter) for letter in bare)
