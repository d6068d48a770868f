"""What is going to be written, how large it becomes and how long that takes, before it is written: told from
a part of it where it is long."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llada_viz.decoding.runs import Run
from llada_viz.export.board import lane_of
from llada_viz.export.event_table import table_size
from llada_viz.export.fonts import unknown
from llada_viz.export.moments import drawn_text
from llada_viz.export.moving import MOST_PICTURES, film_of, images
from llada_viz.export.offline import empty_size, frames_size
from llada_viz.export.telling import SAMPLED, nobody
from llada_viz.export.writing import (
    FILMS,
    STILLS,
    Wanted,
    check,
    colours_of,
    title_of,
    write,
    write_film,
)
from llada_viz.render.question import question_of

SAMPLE = 5
"""Pictures after the first, from whose size that of a film is told."""
WORTH_SAYING = 3.0  # seconds


@dataclass(frozen=True)
class Forecast:
    """size: bytes; seconds: that it takes on this machine, as busy as it is; said: a sentence for both."""

    size: int
    seconds: float
    said: str


def foretold(wanted: Wanted, runs: Sequence[Run]) -> Forecast:
    """What is going to be written. CannotDraw: see `writing.check`."""
    check(wanted, runs)
    if wanted.form in FILMS:
        return _film(wanted, runs)
    about, size, seconds = _still(wanted, runs) if wanted.form in STILLS else _text(wanted, runs)
    said = f"{wanted.form.upper()}, {about}{size_said(size)}.{_takes(seconds)}{_letters(wanted, runs)}"
    return Forecast(size, seconds, said)


def _still(wanted: Wanted, runs: Sequence[Run]) -> tuple[str, int, float]:
    """Writes it."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "still"
        write(path, wanted, runs)
        return "", path.stat().st_size, time.perf_counter() - began


def _text(wanted: Wanted, runs: Sequence[Run]) -> tuple[str, int, float]:
    """Of a page or a table: adds up its parts, or some of many."""
    many = max(len(run.frames) for run in runs) / SAMPLED
    about, longer = ("about ", many) if many > 1 else ("", 1.0)
    table = wanted.form == "csv"
    began = time.perf_counter()
    empty = 0 if table else empty_size(runs, title_of(wanted, runs), wanted.measure)
    ready = time.perf_counter()
    size = empty + (table_size(runs[0].trace()) if table else frames_size(runs))
    return about, size, (ready - began) + (time.perf_counter() - ready) * longer


def _film(wanted: Wanted, runs: Sequence[Run]) -> Forecast:
    """Draws a few pictures from the middle, and writes them twice: one, and all of them."""
    began = time.perf_counter()
    lanes = [lane_of(run) for run in runs]
    film = film_of(lanes)
    colours = colours_of(wanted, lanes, film)
    ready = time.perf_counter()
    first = max(0, len(film) // 2 - 1 - SAMPLE)
    some = film[first : first + 1 + SAMPLE]
    pictures = list(images(lanes, some, wanted.dark, wanted.scale, nobody))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part"
        write_film(path, wanted, iter(pictures), len(pictures), colours)
        done, whole = time.perf_counter(), path.stat().st_size
        write_film(path, wanted, iter(pictures[:1]), 1, colours)
        one = path.stat().st_size
    count, more = len(film), max(1, len(some) - 1)
    size = one + (count - 1) * max(0, whole - one) // more
    seconds = (ready - began) + (done - ready) * count / len(some)
    frames = max(len(run.frames) for run in runs)
    thinned = f" of {frames:,}" if count == MOST_PICTURES < frames else ""
    said = (
        f"{wanted.form.upper()}, {count:,} pictures{thinned}, {count / wanted.pace:.0f} s, "
        f"about {size_said(size)}.{_takes(seconds)}{_letters(wanted, runs)}"
    )
    return Forecast(size, seconds, said)


def size_said(count: float) -> str:
    """Bytes as a reader takes them."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3)):,} kB"


def _takes(seconds: float) -> str:
    return f" Takes about {seconds:.0f} s." if seconds >= WORTH_SAYING else ""


def _letters(wanted: Wanted, runs: Sequence[Run]) -> str:
    """A warning of letters that no font here knows; HTML and SVG are drawn with the reader's fonts."""
    if wanted.form not in (*FILMS, "pdf"):
        return ""
    texts = {drawn_text(op[1]) for run in runs for frame in run.frames for op in frame["ops"]}
    missing = unknown("".join(texts) + "".join(question_of(run.layout.prompt) for run in runs))
    if not missing:
        return ""
    return (
        f" No font here has {' '.join(sorted(missing)[:12])}: a box stands for each. HTML and SVG show them."
    )
