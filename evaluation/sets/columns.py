"""Which column of a table holds the questions and which the answers; and notes on those that are not read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

JOINED = "instruction + input"
"""The column that a table with both HALVES gets: the instruction, and below it the input."""
HALVES = ("instruction", "input")
QUESTION = ("question", "problem", "prompt", "query", JOINED, "instruction", "input", "puzzle")
ANSWER = (
    "answer", "final_answer", "gold", "target", "label", "ground_truth", "solution", "output", "response",
)  # fmt: skip
"""Names of answer columns, the likeliest first: with `solution` and `answer`, `answer` is graded against."""
CHOICES = ("choices", "options", "a", "b", "c", "d", "e")
SHOWN = 12


class SetError(ValueError):
    """A set that cannot be used; the message names row and column and says what to change."""


@dataclass(frozen=True)
class ColumnMapping:
    """The columns that are used."""

    question: str
    answer: str


def guess(
    columns: Sequence[str],
    question: str | None = None,
    answer: str | None = None,
    questions: Sequence[str] = QUESTION,
    answers: Sequence[str] = ANSWER,
) -> ColumnMapping:
    """The columns that were named, and the likeliest ones for those that were not (case and spaces
    aside); SetError when one is not found or both are the same. questions, answers: names, the
    likeliest first."""
    question = question or likeliest(columns, questions)
    answer = answer or likeliest(columns, answers)
    for role, name in (("question", question), ("answer", answer)):
        if name not in columns:
            wrong = f"= {name!r} is no column" if name else "was not found"
            raise SetError(f"the {role} column {wrong}; choose one of: {listed(columns)}")
    if question == answer:
        raise SetError(f"question and answer are both {question!r}; choose two different columns")
    return ColumnMapping(question, answer)


def likeliest(columns: Sequence[str], names: Sequence[str]) -> str:
    """The column of the first of some names that names one, case and spaces aside; a column spelt exactly
    so wins. "" where there is none."""
    plain = {_plain(column): column for column in reversed(columns)}
    present = (name for name in names if _plain(name) in plain)
    return next((name if name in columns else plain[_plain(name)] for name in present), "")


def _plain(name: str) -> str:
    return name.strip().casefold().replace(" ", "_")


def listed(columns: Sequence[str], most: int = SHOWN) -> str:
    """The names of columns; of more than `most` the first ones, and how many there are."""
    names = ", ".join(column[:40] for column in columns[:most])
    return f"{names}, … ({len(columns)} in all)" if len(columns) > most else names


def halves(columns: Sequence[str]) -> tuple[str, str] | None:
    """The columns of an instruction and its input, where a table has both and none that joins them."""
    instruction, text = (likeliest(columns, [half]) for half in HALVES)
    return (instruction, text) if instruction and text and JOINED not in columns else None


def header_notes(columns: Sequence[str]) -> list[str]:
    """Sentences about a table's columns that people need before they choose."""
    notes = []
    if JOINED in columns:
        notes.append(f"columns {HALVES[0]!r} and {HALVES[1]!r} are joined to the column {JOINED!r}")
    for column in columns:
        alike = [other for other in columns if _plain(other) == _plain(column)]
        if len(alike) > 1 and column == alike[0]:
            first = likeliest(columns, [_plain(column)])
            notes.append(f"columns {listed(alike)} differ in case or spaces only; {first!r} is meant "
                         "unless another is chosen")  # fmt: skip
    return notes


def unread(columns: Sequence[str], used: Sequence[str]) -> list[str]:
    """Sentences that name the columns which are not used."""
    halved = [likeliest(columns, [half]) for half in HALVES] if JOINED in used else []
    unused = [column for column in columns if column not in (*used, *halved, JOINED)]
    notes = [f"columns that are not read: {listed(unused)}"] if unused else []
    if choices := [column for column in unused if _plain(column) in CHOICES]:
        notes.append(f"the choices ({listed(choices)}) are not shown with the question; write them into it")
    return notes
