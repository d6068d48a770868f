"""Preference pairs from files and hub sets: (prompt, chosen, rejected) as text or as conversations.

A cell is a conversation when it is a list of {role, content}, or one {role, content}. Answers that are
conversations end with the assistant's turn, and differ in that turn only. Where the turns before it hold
the question, they are the prompt, and a prompt column with text is not read (as the library TRL does).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from evaluation.sets.cells import Record
from evaluation.sets.columns import SetError
from evaluation.sets.tables import Table
from training.data.bundled_tasks import is_bundled
from training.data.known_sets import refuse_problem
from training.data.set_columns import find_column, find_earlier, find_prompts
from training.data.sources import open_records, table_notes
from training.data.turns import Turn, earlier_turns, turns_in, with_earlier
from training.dpo.pairs import Pair
from training.dpo.settings import DPOSettings


@dataclass(frozen=True)
class PairColumns:
    """The columns that are used; "" for what the set does not have. prompt: of the questions, not needed
    where the answers' conversations hold them; system, history: of turns before the question."""

    prompt: str
    chosen: str
    rejected: str
    system: str = ""
    history: str = ""

    @property
    def used(self) -> list[str]:
        """The names that are not ""."""
        return [name for name in astuple(self) if name]


def choose_pair_columns(records: Table, settings: DPOSettings) -> PairColumns:
    """The columns that settings name; that of the prompts may be guessed. SetError: one is not there, or
    two are the same."""
    columns = PairColumns(
        find_prompts(records, settings.prompt_column),
        find_column(records, "chosen_column", settings.chosen_column or "chosen", ()),
        find_column(records, "rejected_column", settings.rejected_column or "rejected", ()),
        *find_earlier(records),
    )
    for place, name in enumerate(columns.used):
        if name in columns.used[:place]:
            raise SetError(
                f"column {name!r} is named twice; allowed: prompt, chosen and rejected each its own"
            )
    return columns


def open_pairs(
    names: Sequence[str], settings: DPOSettings, allow_eval_data: bool, notes: list[str] | None = None
) -> list[Pair]:
    """The pairs of files and hub sets. notes: a list to which sentences are added on what is not used of
    them. SetError: a set that cannot be used, or is for evaluation."""
    refuse_tasks(names)
    pairs: list[Pair] = []
    for name in names:
        records = open_records(name, settings.split, allow_eval_data)
        pairs += pairs_in(records, settings, allow_eval_data)
        if notes is not None:
            notes += table_notes(records, choose_pair_columns(records, settings).used)
    return pairs


def refuse_tasks(names: Sequence[str]) -> None:
    """SetError for a bundled task among sets that hold pairs: tasks have problems, not pairs."""
    for name in names:
        if is_bundled(name):
            raise SetError(
                f"data = {name!r} is a task; allowed: only tasks, or only files and sets of the hub"
            )


def pairs_in(records: Table, settings: DPOSettings, allow_eval_data: bool) -> list[Pair]:
    """The pairs of all rows; SetError names the first row that is no pair, or is a test problem."""
    columns, pairs = choose_pair_columns(records, settings), []
    for number, record in enumerate(records, 1):
        pair = _read_pair(records.name, number, record, columns)._replace(source=(records, number - 1))
        if not allow_eval_data:
            question = next(turn["content"] for turn in pair.turns if turn["role"] == "user")
            refuse_problem(records.name, number, question)
        pairs.append(pair)
    if all(text.startswith(pair.prompt) for pair in pairs for text in (pair.chosen, pair.rejected)):
        raise SetError(f"{records.name}: every answer begins with its question; allowed: the answers alone")
    return pairs


def _read_pair(name: str, number: int, record: Record, columns: PairColumns) -> Pair:
    row = f"row {number} of {name}"
    wheres = [f"row {number}, column {column!r} of {name}" for column in (columns.chosen, columns.rejected)]
    cells = record[columns.chosen], record[columns.rejected]
    for where, cell in zip(wheres, cells, strict=True):
        if not cell.strip():
            raise SetError(f"{where} is empty; every row needs it")
    chosen, rejected = (turns_in(where, cell) for where, cell in zip(wheres, cells, strict=True))
    if (chosen is None) != (rejected is None):
        raise SetError(f"{row} has answers of two kinds, one a conversation and one text; allowed: one kind")
    if chosen is None or rejected is None:
        better, worse, before = *cells, []
    else:
        better, worse = (_answer(where, t) for where, t in zip(wheres, (chosen, rejected), strict=True))
        before = chosen[:-1]
        if rejected[:-1] != before:
            raise SetError(
                f"{row} has answers that differ before their last turn; allowed: in the last alone"
            )
    turns = _question_turns(name, number, record, columns, before)
    if better.split() == worse.split():
        alike = "are the same" if better == worse else "differ in spaces only"
        raise SetError(f"{row}: {columns.chosen!r} and {columns.rejected!r} {alike}; they must differ")
    turns = with_earlier(row, earlier_turns(row, record, columns.system, columns.history), turns)
    return Pair(turns[-1]["content"], better, worse, tuple(turns[:-1]))


def _question_turns(
    name: str, number: int, record: Record, columns: PairColumns, before: list[Turn]
) -> list[Turn]:
    """The turns that are answered, the user's last. before: the turns that both answers begin with."""
    turns = before
    if columns.prompt:
        where = f"row {number}, column {columns.prompt!r} of {name}"
        prompt = turns_in(where, record[columns.prompt])
        if prompt is not None and prompt[-1]["role"] != "user":
            raise SetError(f"{where} has no question at its end; allowed: turns that end with the user's")
        if prompt is not None and before and before != prompt:
            raise SetError(f"{where} has other turns than the answers begin with; allowed: the same, or none")
        if not any(turn["role"] == "user" for turn in before):
            if not record[columns.prompt].strip():
                raise SetError(f"{where} is empty; every row needs it")
            turns = before + (prompt or [{"role": "user", "content": record[columns.prompt]}])
    if not turns or turns[-1]["role"] != "user":
        raise SetError(f"row {number} of {name} has no question; allowed: a prompt column, or answers that "
                       "are conversations and begin with it")  # fmt: skip
    return turns


def _answer(where: str, turns: list[Turn]) -> str:
    if turns[-1]["role"] != "assistant":
        raise SetError(
            f"{where} has no answer at its end; allowed: turns of which the last is the assistant's"
        )
    return turns[-1]["content"]
