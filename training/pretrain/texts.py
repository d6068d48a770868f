"""Texts to pretrain on, in pieces: of a file, of a hub set, of a bundled task, or short English."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Protocol

from evaluation.sets.columns import SetError
from evaluation.sets.tables import TEXT, Table
from tasks import HELD_OUT, TASKS, TRAIN
from tasks.english.texts import NAME as ENGLISH
from tasks.english.texts import draw_sentence
from training.data.bundled_tasks import held_out_problems, is_bundled
from training.data.chat import Chat
from training.data.examples import TaskExamples
from training.data.known_sets import refuse_problem
from training.data.set_columns import find_column
from training.data.sources import LIMITS, open_records, table_notes
from training.data.table_examples import held_out_rows
from training.pretrain.settings import PretrainSettings

MEASURED = 64
"""Documents that are encoded to estimate how many characters a token has."""
HELD_OUT_TEXTS = 64


class Pieces(Protocol):
    """Pieces of documents by index, as token ids."""

    @property
    def size(self) -> int | None:
        """How many there are; None where they are generated without end."""
        ...

    def __getitem__(self, index: int) -> list[int]: ...

    def raw(self, index: int) -> dict[str, str]: ...


class Documents:
    """Documents of a set, cut into pieces of about max_length tokens; a document ends with EOS."""

    def __init__(
        self, records: Table, column: str, indices: Sequence[int], chat: Chat, eos: int, max_length: int
    ) -> None:
        self.records, self.column, self.indices, self.chat, self.eos = records, column, indices, chat, eos
        measured = [chat.plain(self._text(i)) for i in indices[:MEASURED]]
        tokens = sum(len(self._ids(text)) for text in measured)
        self.characters = max(1, round(max_length * sum(map(len, measured)) / max(1, tokens)))
        lengths = {i: len(record[column]) for i, record in enumerate(records)}
        self.ends = list(accumulate(-(-lengths[i] // self.characters) for i in indices))
        self.size: int | None = self.ends[-1]

    def _text(self, index: int) -> str:
        return self.records[index][self.column]

    def _ids(self, text: str) -> list[int]:
        return list(self.chat.tokenizer.encode(text, add_special_tokens=False))

    def _piece(self, index: int) -> tuple[str, bool]:
        """A piece's text, and whether its document ends with it."""
        place = bisect_right(self.ends, index)
        first = self.ends[place - 1] if place else 0
        start = (index - first) * self.characters
        text = self._text(self.indices[place])[start : start + self.characters]
        return text, index + 1 == self.ends[place]

    def __getitem__(self, index: int) -> list[int]:
        text, last = self._piece(index)
        return self._ids(self.chat.plain(text)) + ([self.eos] if last else [])

    def raw(self, index: int) -> dict[str, str]:
        """The piece's text."""
        return {self.column: self._piece(index)[0]}


class TaskTexts:
    """Problems of a bundled task with their worked answers, as documents without end."""

    size: int | None = None

    def __init__(self, name: str, chat: Chat, eos: int, split: str, seed: int) -> None:
        self.examples, self.chat, self.eos = TaskExamples(name, chat, split, seed), chat, eos

    def raw(self, index: int) -> dict[str, str]:
        """The document's text."""
        problem = self.examples.problem(index)
        return {TEXT: f"{problem.prompt}\n{problem.solution}"}

    def __getitem__(self, index: int) -> list[int]:
        ids = self.chat.tokenizer.encode(self.chat.plain(self.raw(index)[TEXT]), add_special_tokens=False)
        return [*ids, self.eos]


class EnglishTexts:
    """Short English sentences (tasks.english.texts, train split), as documents without end."""

    size: int | None = None

    def __init__(self, chat: Chat, eos: int, seed: int) -> None:
        self.chat, self.eos, self.seed = chat, eos, seed

    def raw(self, index: int) -> dict[str, str]:
        """The document's text."""
        return {TEXT: draw_sentence(random.Random(f"{self.seed}:{ENGLISH}:{index}"), TRAIN)}

    def __getitem__(self, index: int) -> list[int]:
        return [*self.chat.tokenizer.encode(self.raw(index)[TEXT], add_special_tokens=False), self.eos]


class EncodedDocuments:
    """Documents that are encoded already."""

    def __init__(self, ids: Sequence[list[int]]) -> None:
        self.ids, self.size = ids, len(ids)

    def __getitem__(self, index: int) -> list[int]:
        return self.ids[index]

    def raw(self, index: int) -> dict[str, str]:
        """{}: their texts are not kept."""
        return {}


def open_texts(
    name: str,
    chat: Chat,
    eos: int,
    settings: PretrainSettings,
    allow_eval_data: bool = False,
    notes: list[str] | None = None,
) -> tuple[Pieces, Pieces]:
    """The pieces that are trained on, and those that are held out: of 5 % of the documents, or held-out
    texts of a bundled task or of `english`. notes: a list to which sentences are added on what is not used.

    SetError: a set that cannot be used, or is for evaluation, with row and column.
    """
    if name == ENGLISH or is_bundled(name):
        if settings.split != TRAIN:
            raise SetError(f"split = {settings.split!r} of {name!r} is not valid; allowed: {TRAIN}")
        texts = [chat.plain(text) for text in held_out_texts(name, HELD_OUT_TEXTS)]
        ids = [[*chat.tokenizer.encode(text, add_special_tokens=False), eos] for text in texts]
        learned = (EnglishTexts(chat, eos, settings.seed) if name == ENGLISH
                   else TaskTexts(name, chat, eos, TRAIN, settings.seed))  # fmt: skip
        return learned, EncodedDocuments(ids)
    others = (*TASKS, ENGLISH)
    records = open_records(name, settings.split, allow_eval_data, others, replace(LIMITS, plain=True))
    column = choose_text_column(records, settings.text_column)
    check_texts(records, column, allow_eval_data)
    if notes is not None:
        notes += table_notes(records, [column])
    held_out = held_out_rows(len(records))
    rows = [i for i in range(len(records)) if i not in held_out]
    encoding = (chat, eos, settings.max_length)
    unlearned = Documents(records, column, sorted(held_out), *encoding)
    return Documents(records, column, rows, *encoding), unlearned


def held_out_texts(name: str, count: int) -> list[str]:
    """Held-out texts, always the same ones: problems of a bundled task with their worked answers, or short
    English sentences. SetError: no such task or level."""
    if name == ENGLISH:
        rng = random.Random(f"held-out {ENGLISH}")
        return [draw_sentence(rng, HELD_OUT) for _ in range(count)]
    return [f"{p.prompt}\n{p.solution}" for p in held_out_problems(name, count)]


def choose_text_column(records: Table, named: str) -> str:
    """The column `named`; without a name the only column, else `text`. SetError when it is not there."""
    only = records.columns[0] if len(records.columns) == 1 else TEXT
    return find_column(records, "text_column", named or only, ())


def check_texts(records: Table, column: str, allow_eval_data: bool) -> None:
    """SetError: fewer than two documents, an empty one, or a test problem."""
    if len(records) < 2:
        raise SetError(f"{records.name} has {len(records)} document; allowed: at least 2 (in a text file "
                       "with a blank line between them), of which one is held out")  # fmt: skip
    for number, record in enumerate(records, 1):
        if not record[column].strip():
            raise SetError(f"row {number}, column {column!r} of {records.name} is empty; every row needs it")
        if not allow_eval_data:
            refuse_problem(records.name, number, record[column])
