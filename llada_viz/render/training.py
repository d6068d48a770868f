"""A training as HTML: how far it is, its curves as SVG pictures, one example as the model sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from evaluation.charts import Axes, polyline
from training.engine.saying import duration

Point = tuple[int, float]
MOST_POINTS = 300
MOST_FIGURES = 12
MOST_CELLS = 512
# state of a cell -> (its CSS class, what it means)
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
    """Such as "step 20 of 50 · 0.42 s a step · evaluating 40 of 256 · about 13 s left".

    seconds: of one step, None: not known yet; doing: what is done now, in words; left: seconds to the end.
    """
    parts = [f"step {step:,} of {steps:,}"]
    if seconds is not None:
        parts.append(f"{seconds:.2g} s a step" if seconds < 10 else f"{seconds:.0f} s a step")
    if doing:
        parts.append(doing)
    if left is not None:
        parts.append(f"about {duration(left)} left")
    return " · ".join(parts)


def figures(curves: Mapping[str, Sequence[Point]], steps: int) -> str:
    """A small chart for each curve, losses first. curves: by name; steps: the right end of the axis."""
    named = sorted(curves, key=lambda name: (name != "loss", "loss" not in name, name == "learning_rate"))
    drawn = "".join(chart(name, curves[name], steps) for name in named[:MOST_FIGURES])
    return f"<div class='lz-curves'>{drawn}</div>" if drawn else ""


def chart(name: str, points: Sequence[Point], steps: int) -> str:
    """A curve with its last value written out."""
    shown = thin(points)
    values = [value for _, value in shown]
    low, high = span(min(values), max(values))
    axes = Axes(360, 170, 66, 12, 10, 26, (0, max(steps, 1)), (low, high))
    last_step, last = points[-1]
    title = name.replace("_", " ")
    parts = [
        axes.across((value, f"{value:.3g}") for value in (low, (low + high) / 2, high)),
        axes.along([(0, "0")], "start"),
        axes.along([(steps, f"{steps:,}")], "end"),
        polyline(
            [(axes.x(step), axes.y(value)) for step, value in shown],
            'stroke="var(--lz-curve)" stroke-width="2" stroke-linejoin="round"',
        ),
        f'<circle cx="{axes.x(last_step):.1f}" cy="{axes.y(values[-1]):.1f}" r="3.5" '
        'fill="var(--lz-curve)"/>',
    ]
    drawn = axes.svg(f"{title}: {last:.4g} at step {last_step:,}", parts)
    return f"<figure><figcaption><b>{escape(title)}</b> {last:.4g}</figcaption>{drawn}</figure>"


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


def example(preview: Mapping[str, Any]) -> str:
    """One example three times: as it stands in the data, in the model's template, as it is learned.

    preview: {"raw": column -> text, "templated": text, "cells": [[text, state of STATES], …]}. A part that
    an objective does not have is empty and is left out.
    """
    rows = "".join(
        f"<dt>{escape(str(name))}</dt><dd>{escape(str(text))}</dd>" for name, text in preview["raw"].items()
    )
    parts = [f"<h4>As it stands in the data</h4><dl class='lz-facts'>{rows}</dl>"]
    if preview["templated"]:
        text = escape(str(preview["templated"]))
        parts.append(f"<h4>In the model's template</h4><pre class='lz-log'>{text}</pre>")
    if preview["cells"]:
        parts.append(_cells([(str(text), str(state)) for text, state in preview["cells"]]))
    return "".join(parts)


def _cells(cells: Sequence[tuple[str, str]]) -> str:
    counts = {state: sum(cell_state == state for _, cell_state in cells) for state in STATES}
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
    """A token as the canvas shows it; under a mask the text is left out. state: of STATES."""
    kind, meaning = STATES.get(state, ("", state))
    shown = "" if state in ("masked", "own") else visible(text)
    return f"<span class='c {kind}' title='{escape(meaning)}'>{escape(shown)}</span>"


def visible(text: str) -> str:
    """A token as it is shown: without spaces around a word, as on the canvas; what would be invisible
    (spaces alone, line ends, special tokens) as a visible sign."""
    if text and not text.strip(" "):
        return "␣" * len(text)
    bare = text.strip(" ")
    if bare.startswith("<|") and bare.endswith("|>"):
        return f"⟨{'eos' if bare == '<|endoftext|>' else bare[2:-2]}⟩"
    return "".join(GLYPHS.get(letter, letter) for letter in bare)
