"""The Explain tab as HTML: what an experiment says, and a card for each sampler. All text is escaped."""

from __future__ import annotations

import re
from base64 import b64encode
from html import escape

from llada_viz.decoding.experiments import Experiment
from models.assets import assets
from samplers.listing import explanation
from samplers.registry import SAMPLERS, Entry

ARXIV = "https://arxiv.org/abs/"
_NUMBER = re.compile(r"\b(\d{4}\.\d{5})\b")
_BOLD, _SLANTED = re.compile(r"\*\*(.+?)\*\*"), re.compile(r"\*(.+?)\*")
BEGIN = (
    "Most language models write from left to right. This one begins with an answer made of masks, and in "
    "every step it says for each mask what it would write and how sure it is. A sampler decides which of "
    "that is written. Five small experiments, live with the bundled model, show what follows from it."
)
KEY = (
    "Each picture is a recorded run: a column is a cell of the answer, and time goes from top to bottom. "
    "Orange: a token was just written. Grey: it stands. Red: it was taken back. Pink: another took its place."
)


def experiment_text(number: int, experiment: Experiment, prompt: str) -> str:
    """What an experiment is about, and its problem. number: from 1."""
    return (
        f"<section class='lz-note'><h3>{number}. {escape(experiment.title)}</h3>"
        f"<p>{escape(experiment.text)}</p><p class='lz-asked'>{escape(prompt)}</p></section>"
    )


def question(experiment: Experiment) -> str:
    """What to think about when the boards stand still."""
    return f"<section class='lz-note'><p><b>Think about it.</b> {escape(experiment.look)}</p></section>"


def sampler_cards() -> str:
    """A card for each sampler: its picture, its text, its paper."""
    return f"<p>{escape(KEY)}</p><div class='lz-cards'>{''.join(map(_card, SAMPLERS.values()))}</div>"


def _card(entry: Entry) -> str:
    text = "".join(f"<p>{_marked(part)}</p>" for part in explanation(entry.name).split("\n\n") if part)
    paper = _NUMBER.sub(rf"<a href='{ARXIV}\1' target='_blank' rel='noopener'>\1</a>", escape(entry.paper))
    more = f"<details><summary>What it does</summary>{text}</details>" if text else ""
    return (
        f"<article>{_picture(entry)}<h3>{escape(entry.title)}</h3>"
        f"<p>{escape(entry.summary)}</p>{more}<p class='lz-paper'>{paper}</p></article>"
    )


def _picture(entry: Entry) -> str:
    path = assets() / "explain" / "pictures" / f"{entry.name}.svg"
    if not path.is_file():
        return ""
    data = b64encode(path.read_bytes()).decode("ascii")
    return f"<img src='data:image/svg+xml;base64,{data}' alt='A run of {escape(entry.title)}'>"


def _marked(text: str) -> str:
    """Text with the bold and slanted words of its Markdown."""
    return _SLANTED.sub(r"<em>\1</em>", _BOLD.sub(r"<b>\1</b>", escape(" ".join(text.split()))))
