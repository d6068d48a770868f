"""The data of a new training: bundled tasks, sample files and uploads, with their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from evaluation.sets.columns import SetError
from evaluation.sets.tables import Table, read_table
from llada_viz.jobs.evaluations import preview
from llada_viz.jobs.home import PROGRAM
from llada_viz.render.evaluation import table
from llada_viz.widgets.live import alert
from models.assets import assets
from tasks import TRAIN, generate
from training.data.bundled_tasks import BUNDLED, is_bundled, task_and_level
from training.data.sources import LIMITS
from training.registry import Objective
from training.shared.data_side import COLUMN, ChosenSets, Kind

SAMPLES = assets() / "data"
KINDS = [".csv", ".tsv", ".jsonl", ".json", ".parquet"]
FIRST_ROWS = 200  # read to check a file before the job is queued; the job reads all of it
Uploads = Mapping[str, str]  # name shown -> path on the server
Entry = Objective[Any]


def options(uploads: Uploads, entry: Entry) -> list[tuple[str, str]]:
    """(shown, value) of every set at hand that an objective can learn from."""
    accepts = entry.data.accepts
    return [
        *((f"{name} (bundled)", name) for name in BUNDLED if accepts(Kind.TASK)),
        *((f"{path.name} (sample)", path.name) for path in _samples() if accepts(Kind.SAMPLE)),
        *((f"{name} (uploaded)", f"upload:{name}") for name in uploads if accepts(Kind.UPLOAD)),
    ]


def choose(values: Sequence[str], uploads: Uploads, entry: Entry) -> ChosenSets:
    """The chosen sets, with the first rows of files; SetError with a sentence."""
    if not values:
        raise SetError(f"data is empty; allowed: {entry.data.note('').missing}")
    offered = {value for _, value in options(uploads, entry)}
    files = {path.name: str(path) for path in _samples()}
    files |= {f"upload:{name}": path for name, path in uploads.items()}
    names, tables = [], {}
    for value in values:
        if value not in offered:
            raise SetError(f"data = {value!r} is not known; allowed: one of the list, or a file to upload")
        names.append(files.get(value, value))
        if value in files:
            facts = Path(files[value]).stat()
            tables[files[value]] = _first_rows(files[value], facts.st_size, facts.st_mtime_ns)
    whole = all(len(rows) < FIRST_ROWS for rows in tables.values())
    return ChosenSets(tuple(names), tables, whole, PROGRAM)


@lru_cache(maxsize=16)
def _first_rows(path: str, size: int, changed: int) -> Table:
    """The first rows of a file. Every keystroke in the form needs them, so they are cached until the file's
    size or time of change differ."""
    return read_table(Path(path), FIRST_ROWS, LIMITS)


def guesses(chosen: ChosenSets, entry: Entry) -> dict[str, str]:
    """Setting -> the column to begin with: its default, or a guess from the table. "": the job guesses, or no
    column fits and the objective's own check will say so."""
    defaults = {f.name: str(f.default) for f in fields(entry.settings) if f.name.endswith(COLUMN)}
    if not chosen.tables:
        return defaults
    try:
        return defaults | entry.data.columns(next(iter(chosen.tables.values())), entry.settings())
    except SetError:
        return defaults


def _samples() -> list[Path]:
    return sorted(SAMPLES.glob("*.csv"))


class TrainData:
    """Builds the inputs of sets and upload, and shows first rows. (Columns are settings: `TrainForm`.)"""

    def build(self, first: Sequence[str], entry: Entry) -> None:
        """Lay out the inputs. first, entry: the sets and the objective chosen when the page opens."""
        self.uploads = gr.State({})
        # Custom values: Gradio refuses an old value after the choices changed; `choose` checks them instead.
        self.sets = gr.Dropdown(
            options({}, entry), value=list(first), multiselect=True, allow_custom_value=True, label="Data",
            elem_id="train-data",
        )  # fmt: skip
        self.upload = gr.UploadButton(
            "Upload CSV, JSONL or Parquet", size="sm", elem_id="train-upload", file_types=KINDS
        )
        self.preview = gr.HTML(shown(first, {}, entry), elem_id="train-rows", apply_default_css=False)

    def on_upload(self, path: str, uploads: Uploads, entry: Entry) -> tuple[Any, Uploads]:
        """A file that was just uploaded becomes the data; a file of the same name is replaced."""
        now = {**uploads, Path(path).name: path}
        return gr.update(choices=options(now, entry), value=[f"upload:{Path(path).name}"]), now


def columns_of(values: Sequence[str], uploads: Uploads, entry: Entry) -> tuple[list[str], dict[str, str]]:
    """(columns to choose from, [] without files; setting -> the column that was guessed)."""
    try:
        chosen = choose(values, uploads, entry)
    except SetError:
        return [], {}
    return chosen.columns, guesses(chosen, entry)


def shown(values: Sequence[str], uploads: Uploads, entry: Entry) -> str:
    """The first rows of each set as HTML, or what is wrong with it."""
    try:
        chosen = choose(values, uploads, entry)
    except SetError as error:
        return alert(f"{error}.")
    parts = []
    for name in chosen.names:
        title = f"<p class='lz-about'>{escape(Path(name).name)}</p>"
        if is_bundled(name):
            task, level = task_and_level(name)
            problem = generate(task, TRAIN, 1, 0, level)[0]
            parts.append(title + table(["prompt", "answer"], [[problem.prompt, problem.solution]], name))
        else:
            rows = chosen.tables[name]
            notes = "".join(f"<p class='lz-about'>{escape(note)}.</p>" for note in rows.notes)
            parts.append(title + notes + table(*preview(rows, 2), "First rows"))
    return "".join(parts)
