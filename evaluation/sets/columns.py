"""Which column of a table plays which role: guessed, shown, changeable; and what is not read of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

JOINED = "instruction + input"
"""The column that a table with both halves of a question gets: the input stands below the instruction."""
HALVES = ("instruction", "input")
QUESTION = ("question", "problem", "prompt", "query", JOINED, "instruction", "input", "puzzle")
ANSWER = (
    "answer", "final_answer", "gold", "target", "label", "ground_truth", "solution", "output", "response",
)  # fmt: skip
"""In the order in which they are believed: a set with both `solution` and `answer` is graded on `answer`."""
CHOICES = ("choices", "options", "a", "b", "c", "d", "e")
SHOWN = 12


class SetError(ValueError):
    """A set that cannot be used; the message names row and column and says what to change."""


@dataclass(frozen=True)
class Mapping:
    """The columns that are used."""

    question: str
    answer: str


def guess(
    columns: Sequence[str],
    question: str | None = None,
    answer: str | None = None,
    questions: Sequence[str] = QUESTION,
    answers: Sequence[str] = ANSWER,
) -> Mapping:
    """The columns that were named, and the likeliest ones for those that were not (case and spaces
    aside); SetError when one is not found or both are the same. questions, answers: names in the
    order in which they are believed."""
    question = question or likeliest(columns, questions)
    answer = answer or likeliest(columns, answers)
    for role, name in (("question", question), ("answer", answer)):
        if name not in columns:
            wrong = f"= {name!r} is no column" if name else "was not found"
            raise SetError(f"the {role} column {wrong}; choose one of: {listed(columns)}")
    if question == answer:
        raise SetError(f"question and answer are both {question!r}; choose two different columns")
    return Mapping(question, answer)


def likeliest(columns: Sequence[str], names: Sequence[str]) -> str:
    """The first of some names that is a column, case and spaces aside, but before all as it is written;
    "" where none is."""
    plain = {_plain(column): column for column in reversed(columns)}
    held = (name for name in names if _plain(name) in plain)
    return next((name if name in columns else plain[_plain(name)] for name in held), "")


def _plain(name: str) -> str:
    return name.strip().casefold().replace(" ", "_")


def listed(columns: Sequence[str], most: int = SHOWN) -> str:
    """The names of columns, of many the first."""
    shown = ", ".join(column[:40] for column in columns[:most])
    return f"{shown}, … ({len(columns)} in all)" if len(columns) > most else shown


def halves(columns: Sequence[str]) -> tuple[str, str] | None:
    """The columns of an instruction and its input, where a table has both and none that joins them."""
    instruction, text = (likeliest(columns, [half]) for half in HALVES)
    return (instruction, text) if instruction and text and JOINED not in columns else None


def header_notes(columns: Sequence[str]) -> list[str]:
    """What should be known of a table's columns before they are chosen."""
    notes = []
    if JOINED in columns:
        notes.append(f"columns {HALVES[0]!r} and {HALVES[1]!r} are joined to the column {JOINED!r}")
    for column in columns:
        same = [other for other in columns if _plain(other) == _plain(column)]
        if len(same) > 1 and column == same[0]:
            first = likeliest(columns, [_plain(column)])
            notes.append(f"columns {listed(same)} differ in case or spaces only; {first!r} is meant "
                         "unless another is chosen")  # fmt: skip
    return notes


def unread(columns: Sequence[str], used: Sequence[str]) -> list[str]:
    """Sentences that name the columns which are not used."""
    halved = [likeliest(columns, [half]) for half in HALVES] if JOINED in used else []
    rest = [column for column in columns if column not in (*used, *halved, JOINED)]
    notes = [f"columns that are not read: {listed(rest)}"] if rest else []
    if choices := [column for column in rest if _plain(column) in CHOICES]:
        notes.append(f"the choices ({listed(choices)}) are not shown with the question; write them into it")
    return notes
