"""What rollouts answer: problems with something to grade by, from bundled tasks and other sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from evaluation.columns import SetError, guess
from tasks import HELD_OUT, TASKS, generate
from tasks.core import Problem
from training.chat import Chat
from training.examples import TaskExamples, item_at
from training.known_sets import refuse_problem
from training.records import Records, open_records


@dataclass(frozen=True)
class Question:
    """prompt: the user's turn; answer: the gold answer; solution: a worked one, "" where there is
    none; task, fields: of a bundled task, which has a checker of its own."""

    prompt: str
    answer: str
    solution: str = ""
    task: str = ""
    fields: dict[str, str] = field(default_factory=dict)


class QuestionSet(Protocol):
    """Questions by place, and some that are never trained on (none of a file)."""

    def at(self, place: int) -> Question: ...

    def held_out(self, count: int) -> list[Question]: ...


def of_problem(problem: Problem) -> Question:
    """A bundled task's problem."""
    return Question(problem.prompt, problem.answer, problem.solution, problem.task, problem.fields)


class TaskQuestions:
    """Train-split problems of a bundled task, without end."""

    def __init__(self, name: str, chat: Chat, seed: int) -> None:
        self.name, self.examples = name, TaskExamples(name, chat, seed=seed)

    def at(self, place: int) -> Question:
        """The problem of a place."""
        return of_problem(self.examples.problem(place))

    def held_out(self, count: int) -> list[Question]:
        """Held-out problems, always the same ones."""
        return [of_problem(p) for p in generate(self.name, HELD_OUT, count, seed=1)]


class RowQuestions:
    """Rows of a file or of a hub set, in a new order every epoch. SetError names row and column."""

    def __init__(self, records: Records, prompt: str, answer: str, seed: int, allow_eval_data: bool) -> None:
        known, self.records, self.seed = records.known, records, seed
        self.columns = guess(
            records.columns, prompt or known.prompt or None, answer or known.answer or None
        )
        for number, row in enumerate(records, 1):
            for role, column in (("question", self.columns.question), ("answer", self.columns.answer)):
                if not row[column].strip():
                    raise SetError(f"row {number}, column {column!r} is empty; every row needs its {role}")
            if not allow_eval_data:
                refuse_problem(records.name, number, row[self.columns.question])

    def at(self, place: int) -> Question:
        """The row of a place."""
        row = self.records[item_at(place, len(self.records), self.seed)]
        return Question(row[self.columns.question], row[self.columns.answer])

    def held_out(self, count: int) -> list[Question]:
        """None: all rows are trained on."""
        return []


def open_questions(
    names: Sequence[str], chat: Chat, settings: Any, allow_eval_data: bool = False
) -> list[QuestionSet]:
    """Bundled tasks, files and hub sets by name; SetError with a sentence.

    settings: with seed, split, prompt_column and answer_column.
    """
    sets: list[QuestionSet] = []
    for name in names:
        if name in TASKS:
            sets.append(TaskQuestions(name, chat, settings.seed))
            continue
        records = open_records(name, settings.split, allow_eval_data, tuple(TASKS))
        columns = settings.prompt_column, settings.answer_column
        sets.append(RowQuestions(records, *columns, settings.seed, allow_eval_data))
    return sets


def questions_at(sets: Sequence[QuestionSet], start: int, count: int) -> list[Question]:
    """The questions of the places from `start` on, the sets in turn."""
    return [sets[place % len(sets)].at(place // len(sets)) for place in range(start, start + count)]
