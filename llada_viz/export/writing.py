"""Runs as files of any form that there is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image

from llada_viz.decoding.runs import Run
from llada_viz.export.board import Lane, lane_of, picture
from llada_viz.export.event_table import event_table
from llada_viz.export.moving import (
    NO_FFMPEG,
    USUAL_SCALE,
    CannotDraw,
    film_of,
    images,
    with_all_colours,
    write_gif,
    write_mp4,
)
from llada_viz.export.offline import offline_page
from llada_viz.export.pdf import pdf_of
from llada_viz.export.svg import svg_of
from llada_viz.export.telling import Told, nobody
from llada_viz.render.question import question_of
from models.whole_file import write_whole, write_whole_bytes

FORMS = ("html", "csv", "gif", "mp4", "svg", "pdf")
FILMS, STILLS = ("gif", "mp4"), ("svg", "pdf")
MOST_RUNS = 4
UNITS = {"html": "frames", "csv": "events", "gif": "pictures", "mp4": "pictures"}
"""What `told` of `write` counts; stills are written at once."""
At = tuple[int, ...]


@dataclass(frozen=True)
class Wanted:
    """What is to be written. title: "" for the question; measure: what keeps several runs in step; frames: of
    a still, one for each run or one for all, -1: the last; pace: pictures a second of a film; scale: of its
    pictures, pixels a point."""

    form: str
    title: str = ""
    measure: str = "NFE"
    frames: tuple[int, ...] = (-1,)
    dark: bool = False
    pace: float = 8.0
    scale: float = USUAL_SCALE


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
    if not 0.4 <= wanted.scale <= 2:
        raise CannotDraw("A film is drawn at a scale of 0.4 to 2.")
    if len(wanted.frames) not in (1, len(runs)):
        raise CannotDraw(f"{len(wanted.frames)} frames were given for {len(runs)} runs.")
    for frame, run in zip(_frames(wanted, runs), runs, strict=True):
        if not -1 <= frame < len(run.frames):
            raise CannotDraw(f"Frame {frame} is not there: choose 0 to {len(run.frames) - 1}.")


def _frames(wanted: Wanted, runs: Sequence[Run]) -> At:
    return wanted.frames * len(runs) if len(wanted.frames) == 1 else wanted.frames


def title_of(wanted: Wanted, runs: Sequence[Run]) -> str:
    """Of a page."""
    return wanted.title or question_of(runs[0].layout.prompt) or "A run"


def write(path: Path, wanted: Wanted, runs: Sequence[Run], told: Told = nobody) -> None:
    """Write the file, whole or not at all; what `told` raises ends it. CannotDraw: see `check`."""
    check(wanted, runs)
    if wanted.form == "html":
        write_whole(path, offline_page(runs, title_of(wanted, runs), wanted.measure, told))
    elif wanted.form == "csv":
        write_whole(path, event_table(runs[0].trace(), told))
    elif wanted.form in STILLS:
        lanes = [lane_of(run) for run in runs]
        at = [
            len(run.frames) - 1 if frame < 0 else frame
            for run, frame in zip(runs, _frames(wanted, runs), strict=True)
        ]
        sheet = picture(lanes, at, wanted.dark)
        write_whole_bytes(path, [pdf_of(sheet) if wanted.form == "pdf" else svg_of(sheet).encode()])
    else:
        lanes = [lane_of(run) for run in runs]
        film = film_of(lanes)
        with tempfile.TemporaryDirectory() as folder:
            scratch = Path(folder) / f"film.{wanted.form}"
            pictures = images(lanes, film, wanted.dark, wanted.scale, told)
            write_film(scratch, wanted, pictures, len(film), colours_of(wanted, lanes, film))
            write_whole_bytes(path, [scratch.read_bytes()])


def missing_forms() -> dict[str, str]:
    """The forms that nothing here can write, and a sentence that says what is missing."""
    return {} if shutil.which("ffmpeg") else {"mp4": NO_FFMPEG}


def colours_of(wanted: Wanted, lanes: Sequence[Lane], film: Sequence[At]) -> Image | None:
    """An image that has all colours of a film, where its form has to know them before."""
    return with_all_colours(lanes, film, wanted.dark) if wanted.form == "gif" else None


def write_film(
    path: Path, wanted: Wanted, pictures: Iterator[Image], count: int, colours: Image | None
) -> None:
    """Write so many pictures as a film. colours: see `colours_of`."""
    if colours is not None:
        write_gif(path, pictures, count, wanted.pace, colours)
    else:
        write_mp4(path, pictures, wanted.pace)
