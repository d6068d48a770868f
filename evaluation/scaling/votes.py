"""Majority vote over several answers to one problem (self-consistency, 2203.11171)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from evaluation.runs.run_folder import ResultRow
from tasks.core import read_number


def reading(answer: str | None) -> str | None:
    """What is voted on: an answer as the task's checker read it, with `05`, `+5` and `10/2` the same number
    and spaces of no account. None: the checker found no answer, and there is no vote."""
    if answer is None:
        return None
    number = read_number(answer)
    return str(Fraction(number)) if number is not None else "".join(answer.split())


def winner(answers: Sequence[str | None]) -> int:
    """The place of the first answer that says what most say; ties go to what was said first. Where none
    says anything: 0."""
    readings = [reading(answer) for answer in answers]
    counts = Counter(r for r in readings if r is not None)  # in the order of first appearance
    if not counts:
        return 0
    most = max(counts.values())
    return readings.index(next(r for r, count in counts.items() if count == most))


def voted(draws: Sequence[ResultRow]) -> ResultRow:
    """The row of a vote: that of the winner, at the cost of all. draws: rows of one problem, at least one;
    those that failed have no vote, and where all did the first stands."""
    chosen = draws[winner([row.get("extracted") for row in draws])]
    costs = ("nfe", "scorer_calls", "seconds")
    return {**chosen, **{key: sum(row.get(key, 0) for row in draws) for key in costs}}
