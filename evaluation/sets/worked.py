"""Worked examples that stand before each question of an evaluation: from the training side, never a row
that is evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evaluation.sets.columns import SetError
from evaluation.sets.hub import hub_table
from evaluation.sets.problem_sets import Problem, ProblemSet, from_table
from evaluation.sets.public_sets import PublicSet, public_set, says_test
from evaluation.sets.tables import read_table
from models.assets import locate
from tasks import TASKS, TRAIN, USUAL_LEVELS, at_level, generate

MOST_EXAMPLES = 32
SEED = 2026
TRAINING = "train"


def with_examples(
    problems: ProblemSet, data: str, count: int, source: str = "", question: str = "", answer: str = ""
) -> tuple[ProblemSet, tuple[Problem, ...]]:
    """The questions, and `count` worked examples for them.

    data: the set's name or file; source: another set that they come from, "" for this set: its training
    side, and of a file the first rows, which are then left out of the questions; question, answer: columns
    of the file. SetError: there are not so many.
    """
    if not 0 <= count <= MOST_EXAMPLES:
        raise SetError(f"shots = {count} is not valid; allowed: 0 to {MOST_EXAMPLES}")
    if count == 0:
        return problems, ()
    if not source and data not in TASKS and public_of(data) is None:
        return first_rows(problems, count)
    columns = (question, answer) if source in ("", data) else ("", "")
    found = training_side(source or data, count, problems, *columns)
    return problems, _without(found, problems, count, source or data)


def first_rows(problems: ProblemSet, count: int) -> tuple[ProblemSet, tuple[Problem, ...]]:
    """The first `count` rows become worked examples and are left out of the questions."""
    rows = problems.problems
    if not 0 <= count < len(rows):
        raise SetError(f"shots = {count} is not valid; allowed: 0 to {len(rows) - 1}, the rows less one")
    questions = replace(problems, problems=rows[count:])
    return questions, _without(rows[:count], questions, count, problems.name)


def training_side(
    name: str, count: int, problems: ProblemSet, question: str = "", answer: str = ""
) -> Sequence[Problem]:
    """Examples of a set, some more than `count`. Of a bundled task with every step of the way. SetError: the
    set is for tests only."""
    spare = count + len(problems.problems)  # as many may be evaluated themselves
    if name in TASKS:
        level = problems.level if problems.problems[0].task == name else USUAL_LEVELS[name]
        template = at_level(name, level).template
        return [
            Problem(number, template.format(**drawn.fields), drawn.solution)
            for number, drawn in enumerate(generate(name, TRAIN, 4 * count, SEED, level), 1)
        ]
    if (public := public_of(name)) is not None:
        if public.evaluation_only:
            raise SetError(f"{name} has no training side; allowed: worked examples from another set")
        whole = replace(public, gold="")  # the answer that a training learns, with its steps
        return from_table(hub_table(name, whole, TRAINING, spare)).problems
    if says_test(Path(name).name):
        raise SetError(f"{Path(name).name} is a test set; allowed: worked examples from the training side")
    table = read_table(Path(locate(name)), spare)
    return from_table(table, question or None, answer or None).problems


def public_of(name: str) -> PublicSet | None:
    """The set of the hub of that name; None for a file."""
    return None if Path(locate(name)).is_file() else public_set(name)


def _without(found: Sequence[Problem], problems: ProblemSet, count: int, name: str) -> tuple[Problem, ...]:
    """The first `count` that are asked nowhere, each question once."""
    asked = {" ".join(problem.question.split()) for problem in problems.problems}
    kept: dict[str, Problem] = {}
    for problem in found:
        key = " ".join(problem.question.split())
        if key not in asked:
            kept.setdefault(key, problem)
    if len(kept) < count:
        what = f"{len(kept)} rows that are not asked themselves"
        raise SetError(f"shots = {count}, and {Path(name).name} has {what}")
    return tuple(kept.values())[:count]
