"""Sets of problems: files with a question and an answer column, public sets by name, the bundled tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.sets.cells import check_words
from evaluation.sets.columns import ColumnMapping, SetError, guess
from evaluation.sets.hub import hub_table
from evaluation.sets.public_sets import EVALUATED, public_set
from evaluation.sets.tables import Table, read_table
from models.assets import locate
from tasks import HELD_OUT, TASKS, USUAL_LEVELS, at_level, generate


@dataclass(frozen=True)
class Problem:
    """A row of a set. number: from 1, as in the file; task, fields: of a bundled task, which has a
    checker of its own."""

    number: int
    question: str
    answer: str
    task: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ProblemSet:
    """Problems and where they come from; notes: what was left out of a file, or is not read of it; level: of
    a bundled task's problems."""

    name: str
    problems: tuple[Problem, ...]
    mapping: ColumnMapping | None = None
    notes: tuple[str, ...] = ()
    level: str = ""


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
    path = Path(locate(name))
    if path.is_file():
        return from_table(read_table(path, limit), question, answer)
    public = public_set(name)
    if public is not None and public.evaluated:
        return from_table(hub_table(name, public, public.evaluated, limit), question, answer)
    raise SetError(
        f"data = {name!r} is neither a file nor a known set; "
        f"allowed: a CSV, JSONL or Parquet file, {', '.join((*TASKS, *EVALUATED))}"
    )


def bundled_set(task: str, n: int, seed: int, split: str = HELD_OUT, level: str = "") -> ProblemSet:
    """n problems of a bundled task, in its own words; its exact checker grades them.

    split: HELD_OUT, or HELD_OUT_TEMPLATES_SPLIT for a task that has wordings which were never trained on;
    level: of tasks.LEVELS, "": the usual one. The set's name tells a level that is not the usual one.
    """
    level = level or USUAL_LEVELS[task]
    template = at_level(task, level).template
    problems = tuple(
        Problem(number, template.format(**p.fields), p.answer, task, p.fields)
        for number, p in enumerate(generate(task, split, n, seed, level), 1)
    )
    return ProblemSet(bundled_name(task, split, level), problems, level=level)


def bundled_name(task: str, split: str = HELD_OUT, level: str = "") -> str:
    """The name of a set of a bundled task, such as "sudoku", "sudoku, middle"."""
    named_level = () if level in ("", USUAL_LEVELS[task]) else (level,)
    return ", ".join((task, *named_level, *(() if split == HELD_OUT else ("held-out templates",))))


def from_table(table: Table, question: str | None = None, answer: str | None = None) -> ProblemSet:
    """The problems of a table; a row without question or answer is named."""
    public = table.public
    mapping = guess(table.columns, question or public.prompt, answer or public.gold or public.answer)
    problems = []
    for number, row in enumerate(table, 1):
        for role, column in (("question", mapping.question), ("answer", mapping.answer)):
            check_words(f"row {number}, column {column!r}", role, row[column])
        problems.append(Problem(number, row[mapping.question], row[mapping.answer]))
    notes = table.notes_for((mapping.question, mapping.answer))
    return ProblemSet(table.name, tuple(problems), mapping, notes)
