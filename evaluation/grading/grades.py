"""Grading: correct, wrong, or could not grade. `python -m evaluation grade` grades a file.

The answer is found (`extraction`), read (`answer_forms`) and compared (`equivalence`); what neither
text nor numbers settle is compared by math-verify, in processes with limits (`math_pool`). "Could not grade"
(correct is None) is a time or memory limit, or a gold answer that cannot be read: it is reported, and
never counted as wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from evaluation.grading.answer_forms import Form, read_form
from evaluation.grading.equivalence import equivalent
from evaluation.grading.expression import Unreadable
from evaluation.grading.extraction import extract, gold_answer
from evaluation.grading.gold_lists import items_of
from evaluation.grading.math_pool import MathPool, Verdict
from models.whole_file import json_lines

MOST_QUESTIONS = 64
"""Questions to math-verify about one answer; a longer list of expressions could not be graded."""


@dataclass(frozen=True)
class Grade:
    """correct: True, False, or None where it could not be graded; extracted: None without an answer."""

    correct: bool | None
    extracted: str | None
    reason: str


@dataclass(frozen=True)
class Coverage:
    """Counts over graded rows; answered: rows in which an answer was found."""

    total: int
    correct: int
    wrong: int
    not_graded: int
    answered: int

    def __str__(self) -> str:
        share = f"{self.answered / self.total:.1%}" if self.total else "none"
        return (
            f"{self.correct} correct, {self.wrong} wrong, {self.not_graded} could not be graded, "
            f"of {self.total}; coverage (answered): {share}"
        )


def coverage(grades: Iterable[Grade]) -> Coverage:
    """The counts of some grades."""
    rows = list(grades)
    correct, wrong, open_ = (sum(row.correct is outcome for row in rows) for outcome in (True, False, None))
    return Coverage(len(rows), correct, wrong, open_, sum(row.extracted is not None for row in rows))


class Grader:
    """Grades answers; a context manager that owns a pool of workers, safe to share by threads.

    workers: processes for symbolic comparison, default one a core; seconds, memory_mb: limits of
    one question to them.
    """

    def __init__(self, workers: int | None = None, seconds: float = 5.0, memory_mb: int = 1024) -> None:
        self.pool = MathPool(workers, seconds, memory_mb)
        self._ask = lru_cache(maxsize=10_000)(self.pool.ask)

    def grade(self, response: str, answer: str) -> Grade:
        """Whether `response` ends in the gold `answer` (boxed, bare, or a solution that ends in it)."""
        extracted = extract(response)
        if extracted is None:
            return Grade(False, None, "no answer")
        try:
            gold = read_gold(answer)
        except Unreadable as problem:
            return Grade(None, extracted, f"the gold answer cannot be read: {problem}")
        if not gold.text:
            return Grade(None, extracted, "the gold answer is empty")
        try:
            form = read_form(extracted)
        except Unreadable as problem:
            return Grade(False, extracted, f"the answer cannot be read: {problem}")
        verdict = self._compare(gold, form)
        reason = verdict.reason if verdict.equal is not None else f"could not grade: {verdict.reason}"
        return Grade(verdict.equal, extracted, reason)

    def grade_many(self, pairs: Iterable[tuple[str, str]]) -> list[Grade]:
        """Grades of (response, gold answer) pairs, in order; as many at once as there are workers."""
        rows = list(pairs)
        with ThreadPoolExecutor(self.pool.workers) as threads:
            return list(threads.map(self.grade, *zip(*rows, strict=True))) if rows else []

    def _compare(self, gold: Form, answer: Form) -> Verdict:
        questions = 0

        def ask(op: str, first: str, second: str) -> Verdict:
            nonlocal questions
            questions += 1
            if questions > MOST_QUESTIONS:
                return Verdict(None, f"more than {MOST_QUESTIONS} symbolic comparisons")
            return self._ask(op, first, second)

        return equivalent(gold, answer, ask)

    def close(self) -> None:
        """End the workers."""
        self.pool.close()

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_gold(text: str) -> Form:
    """The form of a gold text; a list of a data file is a set of what its items say. Raises Unreadable."""
    items = items_of(text)
    if items is None:
        return read_form(gold_answer(text))
    if not items:
        raise Unreadable("it is a list without an answer in it")
    forms = [read_form(gold_answer(item)) for item in items]
    parts = [part for form in forms for part in (form.items if form.kind in ("list", "set") else (form,))]
    return forms[0] if len(forms) == 1 else Form("set", text, tuple(parts))


def grade_file(source: Path, target: Path, workers: int | None = None, seconds: float = 5.0) -> Coverage:
    """Grade JSON lines {response, answer} into {correct, extracted, reason}.

    Raises ValueError naming the line that is not such an object, before anything is written.
    """
    rows = list(_rows(source))
    with Grader(workers, seconds) as grader:
        grades = grader.grade_many((row["response"], row["answer"]) for row in rows)
    with target.open("w", encoding="utf-8") as out:
        for grade in grades:
            out.write(json.dumps(asdict(grade)) + "\n")
    return coverage(grades)


def _rows(source: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(json_lines(source), 1):
        if not line.strip():
            continue
        try:  # numbers stay as they are written: 1.10, and integers of any length
            row = json.loads(line, parse_int=str, parse_float=str)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {number} of {source.name} is not JSON: {error}") from None
        for field in ("response", "answer"):
            value = row.get(field) if isinstance(row, dict) else None
            if field == "answer" and isinstance(value, list):
                row[field] = value = json.dumps(value, ensure_ascii=False)
            if not isinstance(value, str):
                where, value_text = f"line {number} of {source.name}", repr(value)[:60]
                raise ValueError(f"{where}: {field} = {value_text}; allowed: text or a number")
        yield row
