"""Labelled steps for a process reward model: reads them from tables and makes padded batches of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from evaluation.sets.cells import Record, check_words
from evaluation.sets.columns import SetError, listed
from evaluation.sets.tables import Table, read_table
from models.reward import LoadedReward
from models.text import half_character
from samplers.settings import SettingError
from training.data.bundled_tasks import is_bundled
from training.data.examples import item_at
from training.data.known_sets import refuse_problem
from training.data.list_cells import cell_value
from training.data.set_columns import find_column, find_prompts
from training.data.sources import LIMITS, open_records, table_notes
from training.prm.settings import PRMSettings

STEPS, LABELS = ("steps", "completions"), ("labels",)
"""Names of the columns: ours, and those of the library TRL's stepwise sets."""
MADE_BY = "python -m training rollouts"
POOL = 16
"""Batches that are made together, from rows sorted by length."""
LONGEST_CELL = 100_000
UNSCORED = -1


@dataclass(frozen=True)
class LabelledSteps:
    """A question, the steps of an answer, and a label for each step: 1 (right) or 0 (wrong). task, cut and
    level: of rows made by `rollouts`, the bundled task, how the answer was cut into steps, and how hard the
    problem is; else ""."""

    question: str
    steps: tuple[str, ...]
    labels: tuple[int, ...]
    task: str = ""
    cut: str = ""
    level: str = ""

    @property
    def size(self) -> int:
        """The approximate length, by which rows are sorted: characters, and three for each step."""
        return len(self.question) + sum(len(step) + 3 for step in self.steps)


class RewardBatch(NamedTuple):
    """ids: Int[rows, length], padded on the right; labels: Int[rows, length], 0 or 1 where a step is
    scored, -1 elsewhere; starts: Int[rows], where the steps begin."""

    ids: Tensor
    labels: Tensor
    starts: Tensor


@dataclass(frozen=True)
class StepColumns:
    """The columns of question, steps and labels; "": to be guessed."""

    question: str = ""
    steps: str = ""
    labels: str = ""

    def resolve(self, records: Table) -> StepColumns:
        """The same with every "" replaced by a column of the table; SetError when there is none for it."""
        columns = StepColumns(
            find_prompts(records, self.question),
            find_column(records, "steps_column", self.steps, STEPS),
            find_column(records, "labels_column", self.labels, LABELS),
        )
        for name in ("question", "steps", "labels"):
            if not getattr(columns, name):
                setting = f"{'prompt' if name == 'question' else name}_column"
                raise SetError(f"{records.name} has no {setting}; choose one of: {listed(records.columns)}")
        return columns


def columns_named(settings: PRMSettings) -> StepColumns:
    """The columns that settings name."""
    return StepColumns(settings.prompt_column, settings.steps_column, settings.labels_column)


def open_labelled(
    names: Sequence[str], settings: PRMSettings, allow_eval_data: bool, notes: list[str] | None = None
) -> list[LabelledSteps]:
    """The rows of files and hub sets. notes: a list to which sentences are added on what is not used of
    them. SetError: a set that cannot be used, or is for evaluation."""
    rows: list[LabelledSteps] = []
    for name in names:
        if is_bundled(name):
            raise SetError(f"data = {name!r} is a task; allowed: labelled steps, which {MADE_BY} makes of it")
        records = open_records(name, settings.split, allow_eval_data)
        columns = columns_named(settings)
        rows += labelled_in(records, columns, allow_eval_data)
        if notes is not None:
            notes += table_notes(records, (*astuple(columns.resolve(records)), "task", "level", "cut"))
    return rows


def read_labelled(path: Path, columns: StepColumns = StepColumns()) -> list[LabelledSteps]:  # noqa: B008 - frozen
    """The rows of a file, which may be one for evaluation; SetError when it cannot be used."""
    return labelled_in(read_table(path, limits=LIMITS), columns, allow_eval_data=True)


def labelled_in(records: Table, columns: StepColumns, allow_eval_data: bool) -> list[LabelledSteps]:
    """All rows of a table; SetError names the first that cannot be used or is a test problem, and why."""
    resolved, rows = columns.resolve(records), []
    for number, record in enumerate(records, 1):
        row = _labelled(f"{records.name}, row {number}", record, resolved)
        if not allow_eval_data:
            refuse_problem(records.name, number, row.question)
        rows.append(row)
    return rows


def _labelled(where: str, record: Record, columns: StepColumns) -> LabelledSteps:
    question = record[columns.question]
    cells = (cell_value(record[column]) for column in (columns.steps, columns.labels))
    steps, labels = (value if isinstance(value, list) else [] for value in cells)
    check_words(f"{where}: question", "question", question)
    if not steps:
        raise SetError(f"{where} has no steps; allowed: a list of one text or more, in a CSV file as JSON")
    for place, step in enumerate(steps, 1):
        if not isinstance(step, str) or not step:
            raise SetError(f"{where}: step {place} is empty or no text; every step needs some")
    if len(labels) != len(steps):
        raise SetError(f"{where} has {len(labels) or 'no'} labels for {len(steps)} steps; allowed: one each")
    for place, label in enumerate(labels, 1):
        if label not in (0, 1):
            raise SetError(f"{where}: label {place} = {str(label)[:40]!r}; allowed: 0 or 1")
    if any(half_character(text) for text in steps):
        raise SetError(f"{where} has half a character (a lone surrogate); allowed: Unicode text")
    if max(map(len, (question, *steps))) > LONGEST_CELL:
        raise SetError(f"{where} has a text of more than {LONGEST_CELL:,} characters; make it shorter")
    numbers = tuple(int(label) for label in labels)
    made = (record.get(name, "") for name in ("task", "cut", "level"))
    return LabelledSteps(question, tuple(steps), numbers, *made)


def check_held_out(name: str, folder: Path = Path()) -> None:  # noqa: B008 - never changed
    """SettingError when the setting held_out names no file. folder: what its path is relative to."""
    if name and not (folder / name).is_file():
        allowed = "a CSV, JSONL or Parquet file of labelled steps, or empty for a part of the data"
        raise SettingError("held_out", name, allowed)


def split_by_question(
    rows: Sequence[LabelledSteps], one_in: int
) -> tuple[list[LabelledSteps], list[LabelledSteps]]:
    """The rows to train on, and the rows of one question in `one_in`, chosen by hash: all rows of a question
    are on the same side."""
    sides: tuple[list[LabelledSteps], list[LabelledSteps]] = ([], [])
    for row in rows:
        digest = int(sha256(row.question.encode()).hexdigest(), 16)
        sides[digest % one_in == 0].append(row)
    return sides


class Batches:
    """The rows of each step, a function of (seed, step) alone. Every epoch has all rows in a new order. Rows
    of similar length share a batch: the rows of POOL batches are sorted by length, cut into batches, and
    these are shuffled."""

    def __init__(self, rows: Sequence[LabelledSteps], size: int, seed: int) -> None:
        self.rows, self.size, self.seed = rows, size, seed
        self._pool = lru_cache(maxsize=2)(self._filled)

    def __getitem__(self, step: int) -> list[LabelledSteps]:
        return self._pool(step // POOL)[step % POOL]

    def _filled(self, pool: int) -> list[list[LabelledSteps]]:
        start = pool * POOL * self.size
        rows = [self._row(place) for place in range(start, start + POOL * self.size)]
        rows.sort(key=lambda row: row.size)
        batches = [rows[i : i + self.size] for i in range(0, len(rows), self.size)]
        random.Random(f"{self.seed}:pool:{pool}").shuffle(batches)
        return batches

    def _row(self, place: int) -> LabelledSteps:
        return self.rows[item_at(place, len(self.rows), self.seed)]


def collate(rows: Sequence[LabelledSteps], reward: LoadedReward, max_length: int) -> RewardBatch:
    """Rows as a batch, encoded exactly as the reward model scores answers. Of a row that is too long the last
    steps are left out, which does not change how the steps before them are encoded."""
    encoded = [_encoded(row, reward, max_length) for row in rows]
    width = max(len(ids) for ids, _ in encoded)
    ids = torch.full((len(rows), width), reward.tokenizer.pad_token_id or 0)
    labels = torch.full((len(rows), width), UNSCORED)
    starts = torch.tensor([len(reward.question(row.question)) for row in rows])
    for i, (row, (row_ids, places)) in enumerate(zip(rows, encoded, strict=True)):
        ids[i, : len(row_ids)] = torch.tensor(row_ids)
        labels[i, places] = torch.tensor(row.labels[: len(places)], dtype=labels.dtype)
    return RewardBatch(ids, labels, starts)


def _encoded(row: LabelledSteps, reward: LoadedReward, max_length: int) -> tuple[list[int], list[int]]:
    ids, places = reward.encode(row.question, row.steps)
    fitting = [place for place in places if place < max_length]
    return ids[: fitting[-1] + 1], fitting


def check_lengths(rows: Sequence[LabelledSteps], reward: LoadedReward, max_length: int) -> int:
    """How many rows do not fit with all of their steps; SetError names the first row of which not even the
    first step fits."""
    frame, cut = len(reward.encode("x", ["x"])[0]), 0
    for number, row in enumerate(rows, 1):
        if len(row.steps) * frame + len((row.question + "".join(row.steps)).encode()) <= max_length:
            continue  # a token has a byte at least
        cut += reward.encode(row.question, row.steps)[1][-1] >= max_length
        if (tokens := reward.encode(row.question, row.steps[:1])[1][0] + 1) > max_length:
            raise SetError(
                f"row {number}, {row.question[:40]!r}: question and first step have {tokens} tokens; "
                f"allowed: at most max_length = {max_length}"
            )
    return cut
