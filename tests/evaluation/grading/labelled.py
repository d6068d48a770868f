"""Rows of (response, gold answer, what a careful person says) for the grader's tests."""

from __future__ import annotations

from evaluation.grading.grades import Grader

Row = tuple[str, str, bool]


def check(grader: Grader, rows: list[Row]) -> None:
    """Every row as a careful person grades it; the message shows what was read."""
    grades = grader.grade_many((response, gold) for response, gold, _ in rows)
    differ = [(row, grade) for row, grade in zip(rows, grades, strict=True) if grade.correct is not row[2]]
    assert not differ


def both(right: list[tuple[str, str]], wrong: list[tuple[str, str]]) -> list[Row]:
    return [(*row, True) for row in right] + [(*row, False) for row in wrong]


def frames(answer: str) -> list[str]:
    """An answer in a box, after `####`, after "the answer is", and in a sentence."""
    return [
        rf"Hence \boxed{{{answer}}}.",
        f"so\n#### {answer}",
        f"The answer is {answer}.",
        f"So it is {answer}.",
    ]
