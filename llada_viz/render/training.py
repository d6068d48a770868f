"""A training as HTML: how far it is, and one example as the model sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from training.engine.saying import duration

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


def example(preview: Mapping[str, Any]) -> str:
    """One example three times: as it stands in the data, in the model's template, as it is learned.

    preview: {"raw": column -> text, "templated": text, "cells": [[text, state of STATES], …]}. A part that
    an objective does not have is empty and is left out.
    """
    rows = "".join(
        f"<dt>{escape(str(name))}</dt><dd>{escape(str(text))}</dd>" for name, text in preview["raw"].items()
    )
    parts = [f"<h3>As it stands in the data</h3><dl class='lz-facts'>{rows}</dl>"]
    if preview["templated"]:
        text = escape(str(preview["templated"]))
        parts.append(f"<h3>In the model's template</h3><pre class='lz-log'>{text}</pre>")
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
        f"<h3>As it is learned</h3><div class='lz'><div class='cells'>{drawn}</div></div>{more}"
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
