"""Rows of a table as conversations: which columns are used, and what every row must have."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache

from evaluation.sets.cells import Record, check_words
from evaluation.sets.columns import QUESTION, SetError, guess, likeliest, listed
from evaluation.sets.tables import Table
from training.data.answer_settings import AnswerSettings
from training.data.chat import Chat, Encoded
from training.data.known_sets import refuse_problem
from training.data.set_columns import MESSAGES, find_column, find_earlier
from training.data.turns import Turn, earlier_turns, turns_in, with_earlier

ANSWERS = (
    "solution", "response", "output", "completion", "answer", "target", "final_answer", "gold",
    "ground_truth", "label",
)  # fmt: skip
"""Likely names of the column to learn, the likeliest first: the worked solution is learned, where there is
one. (evaluation.sets.columns prefers the bare answer, which is what it grades on.)"""
THOUGHTS = ("thoughts", "reasoning", "thinking", "thinking_trajectory")
HELD_OUT_SHARE, MOST_HELD_OUT = 0.05, 256


@dataclass(frozen=True)
class ConversationColumns:
    """The columns that are used; "" for what the set does not have. messages: of whole conversations, used
    instead of prompt and answer; system, history: of a system text and of earlier turns, which come before
    the conversation."""

    prompt: str = ""
    answer: str = ""
    thoughts: str = ""
    messages: str = ""
    system: str = ""
    history: str = ""

    @property
    def used(self) -> list[str]:
        """The names that are not ""."""
        return [name for name in astuple(self) if name]


@dataclass(frozen=True)
class Conversation:
    """One example as text. turns: all turns but the answer, as {role, content}; thoughts: see Chat.encode."""

    turns: tuple[Turn, ...]
    answer: str
    thoughts: str = ""


def choose_columns(records: Table, settings: AnswerSettings) -> ConversationColumns:
    """The columns that settings name, else those that a known public set has, else the likeliest."""
    public, names = records.public, records.columns
    system, history = find_earlier(records)
    messages = likeliest(names, MESSAGES)
    if messages and not (settings.prompt_column or settings.answer_column):
        return ConversationColumns(messages=messages, system=system, history=history)
    prompt = settings.prompt_column or public.prompt or None
    answer = settings.answer_column or public.answer or None
    try:
        guessed = guess(names, prompt, answer, QUESTION, ANSWERS)
    except SetError as error:
        raise SetError(f"{records.name}: {error} (settings prompt_column, answer_column)") from None
    return ConversationColumns(
        guessed.question, guessed.answer, _thoughts(records, settings), "", system, history
    )


def _thoughts(records: Table, settings: AnswerSettings) -> str:
    if not settings.think:
        return ""
    column = find_column(
        records, "thoughts_column", settings.thoughts_column or records.public.thoughts, THOUGHTS
    )
    if not column:
        raise SetError(f"{records.name}: the thoughts column was not found; choose one of: "
                       f"{listed(records.columns)}, or think = false")  # fmt: skip
    return column


def read_conversation(name: str, number: int, record: Record, columns: ConversationColumns) -> Conversation:
    """One example; SetError names row and column of what is missing."""
    where = f"row {number} of {name}"
    earlier = earlier_turns(where, record, columns.system, columns.history)
    if columns.messages:
        column = f"row {number}, column {columns.messages!r} of {name}"
        turns = with_earlier(where, earlier, _conversation(column, record[columns.messages]))
        return Conversation(tuple(turns[:-1]), turns[-1]["content"])
    for column in (columns.prompt, columns.answer, columns.thoughts):
        if column:
            check_words(f"row {number}, column {column!r} of {name}", "text", record[column])
    question = {"role": "user", "content": record[columns.prompt]}
    return Conversation(
        (*earlier, question), record[columns.answer], record[columns.thoughts] if columns.thoughts else ""
    )


def _conversation(where: str, cell: str) -> list[Turn]:
    """The turns of a cell, of which the last is the assistant's; SetError for any other cell."""
    turns = turns_in(where, cell)
    if turns is None or len(turns) < 2:
        raise SetError(f"{where} is no conversation; allowed: a list of at least two {{role, content}}")
    if turns[-1]["role"] != "assistant" or turns[-2]["role"] == "assistant":
        raise SetError(f"{where} has no answer at its end; allowed: a question, then the assistant's turn")
    return turns


class TableExamples:
    """Rows of a table as Examples, encoded when they are read. indices: of which rows; None: of all."""

    def __init__(
        self, records: Table, columns: ConversationColumns, chat: Chat, indices: Sequence[int] | None = None
    ) -> None:
        self.records, self.columns, self.chat = records, columns, chat
        self.indices = range(len(records)) if indices is None else indices

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.indices)

    def conversation(self, index: int) -> Conversation:
        """The example as text."""
        place = self.indices[index]
        return read_conversation(self.records.name, place + 1, self.records[place], self.columns)

    def raw(self, index: int) -> dict[str, str]:
        """The row's cells by column, as the set has them."""
        return self.records[self.indices[index]]

    def __getitem__(self, index: int) -> Encoded:
        conversation = self.conversation(index)
        return self.chat.encode(conversation.turns, conversation.answer, conversation.thoughts)


def check_rows(records: Table, columns: ConversationColumns, allow_eval_data: bool) -> None:
    """Read every row once: SetError for the first that cannot be used, or that is a test problem."""
    for number, record in enumerate(records, 1):
        conversation = read_conversation(records.name, number, record, columns)
        if not allow_eval_data:
            question = next((turn["content"] for turn in conversation.turns if turn["role"] == "user"), "")
            refuse_problem(records.name, number, question)


@lru_cache(maxsize=8)
def held_out_rows(size: int) -> frozenset[int]:
    """The rows of a set of `size` that are not trained on: 5 %, at least 1, at most 256. They are the same
    for every seed, so that a run which starts from another run's result does not train on the rows that
    the other one was evaluated on."""
    count = min(MOST_HELD_OUT, max(1, round(HELD_OUT_SHARE * size)))
    return frozenset(random.Random(f"held out of {size}").sample(range(size), count))
