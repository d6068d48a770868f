"""The data of a new training: bundled tasks, sample files and uploads, with their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from evaluation.sets.columns import SetError
from evaluation.sets.tables import Table, read_table
from llada_viz.jobs.evaluations import preview
from llada_viz.render.evaluation import table
from llada_viz.widgets.live import alert
from models.assets import assets
from tasks import TASKS, generate
from training.data.records import LIMITS
from training.data.set_columns import find_prompts
from training.data.table_examples import choose_columns
from training.dpo.objective import DPOSettings
from training.engine.settings import TrainSettings
from training.prm.objective import PRMSettings
from training.prm.prm_data import StepColumns
from training.shared.answers import AnswerSettings

SAMPLES = assets() / "data"
KINDS = [".csv", ".tsv", ".jsonl", ".json", ".parquet"]
FIRST_ROWS = 200  # read to check a file before it is queued; the job reads all of it
COLUMN = "_column"
Uploads = Mapping[str, str]  # name shown -> path on the server


@dataclass(frozen=True)
class Chosen:
    """Sets by what the command is given, and the first rows of the files among them, by path."""

    names: tuple[str, ...]
    tables: Mapping[str, Table]

    @property
    def columns(self) -> list[str]:
        """Columns that all files have."""
        shared = [set(table.columns) for table in self.tables.values()]
        first = next(iter(self.tables.values())).columns if self.tables else ()
        return [column for column in first if all(column in names for names in shared)]


def options(uploads: Uploads, cls: type[TrainSettings]) -> list[tuple[str, str]]:
    """(shown, value) of every set at hand that an objective with these settings can learn from. PRM needs
    labelled steps, which neither tasks nor samples have; the samples have no pairs for DPO."""
    tasks = () if issubclass(cls, PRMSettings) else TASKS
    files = [] if issubclass(cls, PRMSettings | DPOSettings) else _samples()
    return [
        *((f"{name} (bundled)", name) for name in tasks),
        *((f"{path.name} (sample)", path.name) for path in files),
        *((f"{name} (uploaded)", f"upload:{name}") for name in uploads),
    ]


def choose(values: Sequence[str], uploads: Uploads, cls: type[TrainSettings]) -> Chosen:
    """The chosen sets, with the first rows of files; SetError with a sentence."""
    if not values:
        prm = issubclass(cls, PRMSettings)
        wanted = "an uploaded file of labelled steps" if prm else "at least one set"
        raise SetError(f"data is empty; allowed: {wanted}")
    offered = {value for _, value in options(uploads, cls)}
    known = {path.name: str(path) for path in _samples()}
    known |= {f"upload:{name}": path for name, path in uploads.items()}
    names, tables = [], {}
    for value in values:
        if value not in offered:
            raise SetError(f"data = {value!r} is not known; allowed: one of the list, or a file to upload")
        names.append(known.get(value, value))
        if value in known:
            facts = Path(known[value]).stat()
            tables[known[value]] = _first_rows(known[value], facts.st_size, facts.st_mtime_ns)
    return Chosen(tuple(names), tables)


@lru_cache(maxsize=16)
def _first_rows(path: str, size: int, changed: int) -> Table:
    """Read once, as long as size and time of change are the same: every keystroke asks."""
    return read_table(Path(path), FIRST_ROWS, LIMITS)


def guesses(chosen: Chosen, cls: type[TrainSettings]) -> dict[str, str]:
    """Setting -> the column that stands in the form: its default, or the likeliest; "" is guessed by
    the job, or stands for a mistake that `check` names."""
    usual = {f.name: str(f.default) for f in fields(cls) if f.name.endswith(COLUMN)}
    if not chosen.tables:
        return usual
    try:
        return usual | _likeliest(next(iter(chosen.tables.values())), cls)
    except SetError:
        return usual


def _likeliest(found: Table, cls: type[TrainSettings]) -> dict[str, str]:
    """Setting -> column, as far as the objective guesses."""
    if issubclass(cls, AnswerSettings):
        columns = choose_columns(found, cls())
        return {"prompt_column": columns.prompt, "answer_column": columns.answer}
    if issubclass(cls, PRMSettings):
        named = StepColumns().found_in(found)
        return {"prompt_column": named.question, "steps_column": named.steps, "labels_column": named.labels}
    return {"prompt_column": find_prompts(found, "")} if issubclass(cls, DPOSettings) else {}


def _samples() -> list[Path]:
    return sorted(SAMPLES.glob("*.csv"))


class TrainData:
    """Builds the inputs: sets, an upload, first rows. Columns are inputs of settings, shown here."""

    def build(self, first: Sequence[str], cls: type[TrainSettings]) -> None:
        """Lay out the inputs. first: the sets that are chosen when the page opens; cls: the settings of the
        objective that is."""
        self.uploads = gr.State({})
        # Custom values: Gradio may send an old value after the choices changed; `choose` refuses others.
        self.sets = gr.Dropdown(
            options({}, cls), value=list(first), multiselect=True, allow_custom_value=True, label="Data",
            elem_id="train-data",
        )  # fmt: skip
        self.upload = gr.UploadButton(
            "Upload CSV, JSONL or Parquet", size="sm", elem_id="train-upload", file_types=KINDS
        )
        self.preview = gr.HTML(shown(first, {}, cls), elem_id="train-rows", apply_default_css=False)

    def on_upload(self, path: str, uploads: Uploads, cls: type[TrainSettings]) -> tuple[Any, Uploads]:
        """A file that was just uploaded becomes the data; a file of the same name is replaced."""
        now = {**uploads, Path(path).name: path}
        return gr.update(choices=options(now, cls), value=[f"upload:{Path(path).name}"]), now


def columns_of(
    values: Sequence[str], uploads: Uploads, cls: type[TrainSettings]
) -> tuple[list[str], dict[str, str]]:
    """The columns that can be chosen, none where there are no files, and those that are guessed."""
    try:
        chosen = choose(values, uploads, cls)
    except SetError:
        return [], {}
    return chosen.columns, guesses(chosen, cls)


def shown(values: Sequence[str], uploads: Uploads, cls: type[TrainSettings]) -> str:
    """The first rows of each set as HTML, or what is wrong with it."""
    try:
        chosen = choose(values, uploads, cls)
    except SetError as error:
        return alert(f"{error}.")
    parts = []
    for name in chosen.names:
        title = f"<p class='lz-about'>{escape(Path(name).name)}</p>"
        if name in TASKS:
            problem = generate(name, "train", 1, 0)[0]
            parts.append(title + table(["prompt", "answer"], [[problem.prompt, problem.solution]], name))
        else:
            parts.append(title + table(*preview(chosen.tables[name], 2), "First rows"))
    return "".join(parts)
