"""The data of a new training: bundled tasks, sample files and uploads, with their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from evaluation.columns import SetError
from evaluation.tables import Record, Table, read_table
from llada_viz.evaluations import preview
from llada_viz.live import alert
from llada_viz.render.evaluation import table
from tasks import TASKS, generate
from training.answers import AnswerSettings
from training.known_sets import KnownSet, refuse_evaluation
from training.records import LIMITS
from training.settings import TrainSettings
from training.sources import parse_weights
from training.table_examples import choose_columns, read_row

SAMPLES = Path(__file__).parents[1] / "assets" / "data"
KINDS = [".csv", ".tsv", ".jsonl", ".json", ".parquet"]
FIRST_ROWS = 200  # read to check a file before it is queued; the job reads all of it
COLUMN = "_column"
Uploads = Mapping[str, str]  # name shown -> path on the server


@dataclass(frozen=True)
class FirstRows:
    """The first rows of a file: a training.records.Records."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Record, ...]
    known: KnownSet = KnownSet("")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Record:
        return self.rows[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.rows)


@dataclass(frozen=True)
class Chosen:
    """Sets by what the command is given, and the first rows of the files among them, by path."""

    names: tuple[str, ...]
    tables: Mapping[str, FirstRows]

    @property
    def columns(self) -> list[str]:
        """Columns that all files have."""
        shared = [set(table.columns) for table in self.tables.values()]
        first = next(iter(self.tables.values())).columns if self.tables else ()
        return [column for column in first if all(column in names for names in shared)]


def options(uploads: Uploads) -> list[tuple[str, str]]:
    """(shown, value) of every set at hand."""
    tasks = [(f"{name} (bundled)", name) for name in TASKS]
    files = [(f"{path.name} (sample)", path.name) for path in _samples()]
    return [*tasks, *files, *((f"{name} (uploaded)", f"upload:{name}") for name in uploads)]


def choose(values: Sequence[str], uploads: Uploads) -> Chosen:
    """The chosen sets, with the first rows of files; SetError with a sentence."""
    if not values:
        raise SetError("data is empty; allowed: at least one set")
    known = {path.name: str(path) for path in _samples()}
    known |= {f"upload:{name}": path for name, path in uploads.items()}
    names, tables = [], {}
    for value in values:
        if value not in TASKS and value not in known:
            raise SetError(f"data = {value!r} is not known; allowed: one of the list, or a file to upload")
        names.append(known.get(value, value))
        if value in known:
            facts = Path(known[value]).stat()
            tables[known[value]] = _first_rows(known[value], facts.st_size, facts.st_mtime_ns)
    return Chosen(tuple(names), tables)


@lru_cache(maxsize=16)
def _first_rows(path: str, size: int, changed: int) -> FirstRows:
    """Read once, as long as size and time of change are the same: every keystroke asks."""
    found = read_table(Path(path), FIRST_ROWS, LIMITS)
    return FirstRows(Path(path).name, found.columns, found.rows)


def check(chosen: Chosen, settings: TrainSettings) -> None:
    """Refuse what the job would refuse, as far as first rows tell: shares of another number of sets,
    a set that is for evaluation, a column that a file does not have, an empty cell."""
    if isinstance(settings, AnswerSettings):
        parse_weights(settings.weights, len(chosen.names))
    for path, found in chosen.tables.items():
        refuse_evaluation(path, getattr(settings, "split", "train"), False)
        for named in fields(settings):
            value = getattr(settings, named.name)
            if named.name.endswith(COLUMN) and value and value not in found.columns:
                listed = ", ".join(found.columns[:12])
                raise SetError(f"{named.name} = {value!r} is no column of {found.name}; allowed: {listed}")
        if isinstance(settings, AnswerSettings):
            columns = choose_columns(found, settings)
            for number, row in enumerate(found, 1):
                read_row(found.name, number, row, columns)


def guesses(chosen: Chosen, cls: type[TrainSettings]) -> dict[str, str]:
    """Setting -> the column that stands in the form: its default, or the likeliest; "" is guessed by
    the job, or stands for a mistake that `check` names."""
    usual = {f.name: str(f.default) for f in fields(cls) if f.name.endswith(COLUMN)}
    if issubclass(cls, AnswerSettings) and chosen.tables:
        try:
            found = choose_columns(next(iter(chosen.tables.values())), cls())
        except SetError:
            return usual
        usual |= {"prompt_column": found.prompt, "answer_column": found.answer}
    return usual


def _samples() -> list[Path]:
    return sorted(SAMPLES.glob("*.csv"))


class TrainData:
    """Builds the inputs: sets, an upload, first rows. Columns are inputs of settings, shown here."""

    def build(self, first: Sequence[str]) -> None:
        """Lay out the inputs. first: the sets that are chosen when the page opens."""
        self.uploads = gr.State({})
        self.sets = gr.Dropdown(
            options({}), value=list(first), multiselect=True, label="Data", elem_id="train-data"
        )
        self.upload = gr.UploadButton(
            "Upload CSV, JSONL or Parquet", size="sm", elem_id="train-upload", file_types=KINDS
        )
        self.preview = gr.HTML(shown(first, {}), elem_id="train-rows", apply_default_css=False)

    def on_upload(self, path: str, uploads: Uploads) -> tuple[Any, Uploads]:
        """A file that was just uploaded becomes the data; a file of the same name is replaced."""
        now = {**uploads, Path(path).name: path}
        return gr.update(choices=options(now), value=[f"upload:{Path(path).name}"]), now


def columns_of(
    values: Sequence[str], uploads: Uploads, cls: type[TrainSettings]
) -> tuple[list[str], dict[str, str]]:
    """The columns that can be chosen, none where there are no files, and those that are guessed."""
    try:
        chosen = choose(values, uploads)
    except SetError:
        return [], {}
    return chosen.columns, guesses(chosen, cls)


def shown(values: Sequence[str], uploads: Uploads) -> str:
    """The first rows of each set as HTML, or what is wrong with it."""
    try:
        chosen = choose(values, uploads)
    except SetError as error:
        return alert(f"{error}.")
    parts = []
    for name in chosen.names:
        title = f"<p class='lz-about'>{escape(Path(name).name)}</p>"
        if name in TASKS:
            problem = generate(name, "train", 1, 0)[0]
            parts.append(title + table(["prompt", "answer"], [[problem.prompt, problem.solution]], name))
        else:
            found = chosen.tables[name]
            parts.append(title + table(*preview(Table(found.columns, found.rows), 2), "First rows"))
    return "".join(parts)
