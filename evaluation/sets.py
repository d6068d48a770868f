"""What is asked: files with a column mapping, known sets by name, the bundled tasks."""

from __future__ import annotations

from collections.abc import Mapping as Mapped
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evaluation.columns import Mapping, SetError, guess
from evaluation.public_sets import EVALUATED, PublicSet, public_set
from evaluation.tables import Table, as_text, read_table
from tasks import HELD_OUT, TASKS, generate


@dataclass(frozen=True)
class Problem:
    """A row of a set. number: from 1, as in the file; task, fields: of a bundled task, which has a
    checker of its own."""

    number: int
    question: str
    answer: str
    task: str = ""
    fields: Mapped[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ProblemSet:
    """Problems and where they come from."""

    name: str
    problems: tuple[Problem, ...]
    mapping: Mapping | None = None


def load_set(
    name: str,
    question: str | None = None,
    answer: str | None = None,
    limit: int | None = None,
    seed: int = 2026,
) -> ProblemSet:
    """A file, a bundled task (its held-out problems; limit 500 unless given), or a known hub set.

    question, answer: columns, where they should not be guessed. SetError with a sentence.
    """
    if limit is not None and limit < 1:
        raise SetError(f"limit = {limit} is not valid; allowed: at least 1")
    if name in TASKS:
        return bundled_set(name, limit or 500, seed)
    path = Path(name)
    if path.is_file():
        return from_table(path.name, read_table(path, limit), question, answer)
    public = public_set(name)
    if public is not None and public.evaluated:
        return _from_hub(name, public, question, answer, limit)
    raise SetError(
        f"data = {name!r} is neither a file nor a known set; "
        f"allowed: a CSV, JSONL or Parquet file, {', '.join((*TASKS, *EVALUATED))}"
    )


def bundled_set(task: str, n: int, seed: int) -> ProblemSet:
    """n held-out problems of a bundled task, in its own words; graded by its exact checker."""
    problems = tuple(
        Problem(number, TASKS[task].template.format(**p.fields), p.answer, task, p.fields)
        for number, p in enumerate(generate(task, HELD_OUT, n, seed), 1)
    )
    return ProblemSet(task, problems)


def from_table(name: str, table: Table, question: str | None = None, answer: str | None = None) -> ProblemSet:
    """The problems of a table; a row without question or answer is named."""
    mapping = guess(table.columns, question, answer)
    problems = []
    for number, row in enumerate(table.rows, 1):
        for role, column in (("question", mapping.question), ("answer", mapping.answer)):
            if not row[column].strip():
                raise SetError(f"row {number}, column {column!r} is empty; every row needs its {role}")
        problems.append(Problem(number, row[mapping.question], row[mapping.answer]))
    return ProblemSet(name, tuple(problems), mapping)


def _from_hub(
    name: str, public: PublicSet, question: str | None, answer: str | None, limit: int | None
) -> ProblemSet:
    try:
        import datasets
    except ImportError:
        raise SetError(f"data = {name!r} needs the package datasets (requirements-eval.txt)") from None
    try:
        rows = datasets.load_dataset(public.id, public.config, split=public.evaluated)
    except Exception as error:  # of whichever library met it; a set that is out of reach is a sentence
        raise SetError(f"data = {name!r}: {public.id} cannot be loaded: {str(error)[:200]}") from None
    if limit is not None:
        rows = rows.select(range(min(limit, len(rows))))
    records: list[dict[str, Any]] = list(rows)
    texts = tuple({column: as_text(value) for column, value in record.items()} for record in records)
    table = Table(tuple(rows.column_names), texts)
    gold = answer or public.gold or public.answer
    return replace(from_table(public.id, table, question or public.prompt, gold), name=name)
