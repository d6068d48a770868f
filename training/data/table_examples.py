"""Rows of a table as conversations: which columns, what every row must have, encoded when asked for."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from evaluation.sets.columns import SetError, guess
from evaluation.sets.tables import Record, Table
from training.data.answer_settings import AnswerSettings
from training.data.chat import Chat, Encoded
from training.data.known_sets import refuse_problem

PROMPTS = ("question", "problem", "prompt", "query", "instruction", "input", "puzzle")
ANSWERS = (
    "solution", "response", "output", "completion", "answer", "target", "final_answer", "gold",
    "ground_truth", "label",
)  # fmt: skip
"""In the order in which they are believed: what is learned is the worked solution, where there is one;
evaluation.sets.columns believes the bare answer first, which is what it grades on."""
THOUGHTS = ("thoughts", "reasoning", "thinking", "thinking_trajectory")
MESSAGES = "messages"
ROLES = ("system", "user", "assistant")
HELD_OUT_SHARE, MOST_HELD_OUT = 0.05, 256


@dataclass(frozen=True)
class Columns:
    """The columns that are used. messages: whole conversations, instead of the others; thoughts: empty
    where there are none."""

    prompt: str = ""
    answer: str = ""
    thoughts: str = ""
    messages: str = ""


@dataclass(frozen=True)
class Row:
    """One example as text. turns: all but the answer, {role, content}."""

    turns: tuple[Mapping[str, str], ...]
    answer: str
    thoughts: str = ""


def choose_columns(records: Table, settings: AnswerSettings) -> Columns:
    """The columns that settings name, that the set is known to have, or that are likeliest."""
    public, names = records.public, records.columns
    if MESSAGES in names and not (settings.prompt_column or settings.answer_column):
        return Columns(messages=MESSAGES)
    prompt = settings.prompt_column or public.prompt or None
    if prompt is None and {"instruction", "input"} <= set(names):
        raise SetError(
            f"{records.name} has both 'instruction' and 'input'; choose one as prompt_column, "
            "or join them in one column"
        )
    answer = settings.answer_column or public.answer or None
    try:
        found = guess(names, prompt, answer, PROMPTS, ANSWERS)
    except SetError as error:
        raise SetError(f"{records.name}: {error} (settings prompt_column, answer_column)") from None
    return Columns(found.question, found.answer, _thoughts(records, settings))


def _thoughts(records: Table, settings: AnswerSettings) -> str:
    if not settings.think:
        return ""
    asked = settings.thoughts_column or records.public.thoughts
    found = asked or next((name for name in THOUGHTS if name in records.columns), "")
    if found not in records.columns:
        listed = ", ".join(records.columns[:12])
        said = f"thoughts_column = {found!r} is no column" if found else "the thoughts column was not found"
        raise SetError(f"{records.name}: {said}; choose one of: {listed}, or think = false")
    return found


def read_row(name: str, number: int, record: Record, columns: Columns) -> Row:
    """One example; SetError names row and column of what is missing."""
    if columns.messages:
        turns = _conversation(name, number, record[columns.messages])
        return Row(tuple(turns[:-1]), turns[-1]["content"])
    for column in (columns.prompt, columns.answer, columns.thoughts):
        if column and not record[column].strip():
            raise SetError(f"row {number}, column {column!r} of {name} is empty; every row needs it")
    asked = {"role": "user", "content": record[columns.prompt]}
    return Row((asked,), record[columns.answer], record[columns.thoughts] if columns.thoughts else "")


def _conversation(name: str, number: int, cell: str) -> list[dict[str, str]]:
    """The turns of a `messages` cell, the assistant's last one at its end."""
    where = f"row {number}, column {MESSAGES!r} of {name}"
    try:
        turns = json.loads(cell)
    except (ValueError, RecursionError):
        raise SetError(f"{where} is no JSON; allowed: a list of {{role, content}}") from None
    if not isinstance(turns, list) or len(turns) < 2:
        raise SetError(f"{where} is no conversation; allowed: a list of at least two {{role, content}}")
    for turn in turns:
        role, content = (turn.get("role"), turn.get("content")) if isinstance(turn, dict) else (None, None)
        if role not in ROLES:
            raise SetError(f"{where} has role = {role!r}; allowed: {', '.join(ROLES)}")
        if not isinstance(content, str) or not content.strip():
            raise SetError(f"{where} has an empty turn; every turn needs its content")
    if turns[-1]["role"] != "assistant" or turns[-2]["role"] == "assistant":
        raise SetError(f"{where} has no answer at its end; allowed: a question, then the assistant's turn")
    return [{"role": turn["role"], "content": turn["content"]} for turn in turns]


class TableExamples:
    """The rows of a table that are trained on, or (`held_out`) those that are not."""

    def __init__(
        self, records: Table, columns: Columns, chat: Chat, indices: Sequence[int] | None = None
    ) -> None:
        self.records, self.columns, self.chat = records, columns, chat
        self.indices = range(len(records)) if indices is None else indices

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.indices)

    def row(self, index: int) -> Row:
        """The example as text."""
        place = self.indices[index]
        return read_row(self.records.name, place + 1, self.records[place], self.columns)

    def raw(self, index: int) -> dict[str, str]:
        """The row as it stands in the set."""
        return self.records[self.indices[index]]

    def __getitem__(self, index: int) -> Encoded:
        row = self.row(index)
        return self.chat.encode(row.turns, row.answer, row.thoughts)


def check_rows(records: Table, columns: Columns, allow_eval_data: bool) -> None:
    """Read every row once: SetError for the first that cannot be used, or that is a test problem."""
    for number, record in enumerate(records, 1):
        row = read_row(records.name, number, record, columns)
        if not allow_eval_data:
            asked = next((turn["content"] for turn in row.turns if turn["role"] == "user"), "")
            refuse_problem(records.name, number, asked)


@lru_cache(maxsize=8)
def held_out_rows(size: int) -> frozenset[int]:
    """Rows kept out of training: 5 %, at least 1, at most 256; the same in every run, whatever its
    seed, so that a run that goes on from another one does not learn what that one was measured on."""
    count = min(MOST_HELD_OUT, max(1, round(HELD_OUT_SHARE * size)))
    return frozenset(random.Random(f"held out of {size}").sample(range(size), count))
