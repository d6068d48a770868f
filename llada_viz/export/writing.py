"""Runs as files of any form that there is, with their size said before."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llada_viz.decoding.runs import Run
from llada_viz.export.board import lane_of, picture
from llada_viz.export.event_table import event_table
from llada_viz.export.fonts import unknown
from llada_viz.export.moments import drawn_text
from llada_viz.export.moving import (
    MOST_PICTURES,
    NO_FFMPEG,
    CannotDraw,
    Told,
    film_of,
    images,
    with_all_colours,
    write_gif,
    write_mp4,
)
from llada_viz.export.offline import offline_page
from llada_viz.export.pdf import pdf_of
from llada_viz.export.svg import svg_of
from llada_viz.render.question import question_of
from models.whole_file import write_whole, write_whole_bytes

FORMS = ("html", "csv", "gif", "mp4", "svg", "pdf")
FILMS, STILLS = ("gif", "mp4"), ("svg", "pdf")
MOST_RUNS = 4
SAMPLE = 5  # pictures after the first, from whose size that of a film is told


@dataclass(frozen=True)
class Wanted:
    """What is to be written. title: "" for the question; measure: what keeps several runs in step; frame: of
    a still, -1: the last; pace: pictures a second of a film."""

    form: str
    title: str = ""
    measure: str = "NFE"
    frame: int = -1
    dark: bool = False
    pace: float = 8.0


def check(wanted: Wanted, runs: Sequence[Run]) -> None:
    """CannotDraw: it cannot be written here; a sentence says why."""
    if wanted.form not in FORMS:
        raise CannotDraw(f"Form {wanted.form[:20]!r} is not known: choose {', '.join(FORMS)}.")
    most = 1 if wanted.form == "csv" else MOST_RUNS
    if not 1 <= len(runs) <= most:
        raise CannotDraw(f"{wanted.form.upper()} takes up to {most} runs; these are {len(runs)}.")
    if not all(run.frames for run in runs):
        raise CannotDraw("A run that has not begun cannot be exported.")
    if wanted.form == "mp4" and shutil.which("ffmpeg") is None:
        raise CannotDraw(NO_FFMPEG)
    if not 0.5 <= wanted.pace <= 30:
        raise CannotDraw("A film has 0.5 to 30 pictures a second.")
    most_frames = min(len(run.frames) for run in runs)
    if not -1 <= wanted.frame < most_frames:
        raise CannotDraw(f"Frame {wanted.frame} is not there: choose 0 to {most_frames - 1}.")


def write(path: Path, wanted: Wanted, runs: Sequence[Run], told: Told = lambda done, of: None) -> None:
    """Write the file, whole or not at all; what `told` raises ends it. CannotDraw: see `check`."""
    check(wanted, runs)
    if wanted.form == "html":
        title = wanted.title or question_of(runs[0].layout.prompt) or "A run"
        write_whole(path, offline_page(runs, title, wanted.measure))
    elif wanted.form == "csv":
        write_whole(path, event_table(runs[0].trace()))
    elif wanted.form in STILLS:
        lanes = [lane_of(run) for run in runs]
        at = [len(run.frames) - 1 if wanted.frame < 0 else wanted.frame for run in runs]
        sheet = picture(lanes, at, wanted.dark)
        write_whole_bytes(path, [pdf_of(sheet) if wanted.form == "pdf" else svg_of(sheet).encode()])
    else:
        with tempfile.TemporaryDirectory() as folder:
            scratch = Path(folder) / f"film.{wanted.form}"
            _film(scratch, wanted, runs, told)
            write_whole_bytes(path, [scratch.read_bytes()])


def _film(path: Path, wanted: Wanted, runs: Sequence[Run], told: Told, part: slice = slice(None)) -> int:
    """Write a film, or a part of it; how many pictures all of it has."""
    lanes = [lane_of(run) for run in runs]
    film = film_of(lanes)
    pictures = images(lanes, film[part], wanted.dark, told)
    if wanted.form == "gif":
        write_gif(path, pictures, len(film[part]), wanted.pace, with_all_colours(lanes, film, wanted.dark))
    else:
        write_mp4(path, pictures, wanted.pace)
    return len(film)


def foretold(wanted: Wanted, runs: Sequence[Run]) -> str:
    """What is going to be written, and how large it will be, in a sentence. A film's size is told from a part
    of it. CannotDraw: see `check`."""
    check(wanted, runs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part"
        if wanted.form not in FILMS:
            write(path, wanted, runs)
            return f"{wanted.form.upper()}, {_size(path.stat().st_size)}.{_letters(wanted, runs)}"
        one, some = ((_part_size(path, wanted, runs, count)) for count in (1, 1 + SAMPLE))
        count = some[1]
        size = one[0] + (count - 1) * max(0, some[0] - one[0]) / SAMPLE
        frames = max(len(run.frames) for run in runs)
        thinned = f" of {frames:,}" if count == MOST_PICTURES < frames else ""
        seconds = count / wanted.pace
        return (
            f"{wanted.form.upper()}, {count:,} pictures{thinned}, {seconds:.0f} s, about {_size(size)}."
            f"{_letters(wanted, runs)}"
        )


def _part_size(path: Path, wanted: Wanted, runs: Sequence[Run], count: int) -> tuple[int, int]:
    frames = max(len(run.frames) for run in runs)
    start = max(0, min(frames, MOST_PICTURES) // 2 - count)
    whole = _film(path, wanted, runs, lambda done, of: None, slice(start, start + count))
    return path.stat().st_size, whole


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


def _size(count: float) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3)):,} kB"
