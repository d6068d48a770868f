"""Which column of a table is the question and which the answer: guessed, shown, changeable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

QUESTION = ("question", "problem", "prompt", "query", "input", "instruction", "puzzle")
ANSWER = (
    "answer", "final_answer", "gold", "target", "label", "ground_truth", "solution", "output", "response",
)  # fmt: skip
"""In the order in which they are believed: a set with both `solution` and `answer` is graded on `answer`."""


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
    question = question or _first(columns, questions)
    answer = answer or _first(columns, answers)
    for role, name in (("question", question), ("answer", answer)):
        if name not in columns:
            found = "was not found" if name is None else f"= {name!r} is no column"
            raise SetError(f"the {role} column {found}; choose one of: {_listed(columns)}")
    if question == answer:
        raise SetError(f"question and answer are both {question!r}; choose two different columns")
    assert question is not None and answer is not None
    return Mapping(question, answer)


def _first(columns: Sequence[str], names: Sequence[str]) -> str | None:
    known = {column.strip().casefold().replace(" ", "_"): column for column in reversed(columns)}
    return next((known[name] for name in names if name in known), None)


def _listed(columns: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(column[:40] for column in columns[:most])
    return f"{shown}, … ({len(columns)} in all)" if len(columns) > most else shown
