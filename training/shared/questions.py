"""Questions for rollouts, each with an answer to grade by, from bundled tasks, files and hub sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from evaluation.sets.cells import check_words
from evaluation.sets.columns import ColumnMapping as QuestionColumns
from evaluation.sets.columns import SetError, guess
from evaluation.sets.tables import Table
from samplers.settings import option
from tasks import TASKS
from tasks.core import Problem
from training.data.bundled_tasks import held_out_problems, is_bundled
from training.data.chat import Chat
from training.data.examples import TRIES, TaskExamples, item_at
from training.data.known_sets import refuse_problem
from training.data.sources import open_records, table_notes
from training.engine.settings import TrainSettings


@dataclass(frozen=True, kw_only=True)
class QuestionSettings(TrainSettings):
    """Which columns hold the questions and their gold answers, the right ones to grade by."""

    prompt_column: str = option("", "Column of the prompts; empty: guessed.")
    answer_column: str = option("", "Column of the gold answers; empty: guessed.")
    split: str = option("train", "Split of a hub set.")


@dataclass(frozen=True)
class Question:
    """prompt: the user's turn; answer: the gold answer; solution: a worked answer, "" for none; task,
    fields: set for problems of a bundled task, which has a checker of its own."""

    prompt: str
    answer: str
    solution: str = ""
    task: str = ""
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LengthLimit:
    """The longest row that is allowed. tokens: counts the tokens of a prompt's row, its answer included."""

    max_length: int
    tokens: Callable[[str], int]

    def fits(self, prompt: str) -> bool:
        """Whether a prompt's row is short enough."""
        return self.tokens(prompt) <= self.max_length

    def too_long_error(self, name: str, prompts: Iterable[str]) -> SetError:
        """The error for a set in which no prompt fits."""
        return SetError(
            f"every row of {name} that was tried is longer than max_length = {self.max_length} (the shortest "
            f"has {min(map(self.tokens, prompts))} tokens, its answer's cells included); allowed: a larger "
            "max_length, or a smaller gen_length"
        )


class QuestionSet(Protocol):
    """Questions by place, and some that are never trained on (a file has none of these)."""

    def at(self, place: int) -> Question: ...

    def held_out(self, count: int) -> list[Question]: ...

    def raw(self, place: int) -> dict[str, str]:
        """The texts of the set at a place, by name."""
        ...


def of_problem(problem: Problem) -> Question:
    """The question that a bundled task's problem asks."""
    return Question(problem.prompt, problem.answer, problem.solution, problem.task, problem.fields)


class TaskQuestions:
    """Train-split problems of a bundled task, without end. room: a problem that is too long for it gives
    its place to one of the first; SetError when those are too long, too."""

    def __init__(self, name: str, chat: Chat, seed: int, limit: LengthLimit | None = None) -> None:
        self.name, self.limit, self.examples = name, limit, TaskExamples(name, chat, seed=seed)
        self.first: list[Problem] = []
        if limit is not None:
            tried = [self.examples.problem(place) for place in range(TRIES)]
            self.first = [problem for problem in tried if limit.fits(problem.prompt)]
            if not self.first:
                raise limit.too_long_error(name, (problem.prompt for problem in tried))

    def at(self, place: int) -> Question:
        """The problem of a place."""
        problem = self.examples.problem(place)
        fits = self.limit is None or self.limit.fits(problem.prompt)
        return of_problem(problem if fits else self.first[place % len(self.first)])

    def raw(self, place: int) -> dict[str, str]:
        """See QuestionSet."""
        question = self.at(place)
        return {"prompt": question.prompt, "solution": question.solution}

    def held_out(self, count: int) -> list[Question]:
        """Held-out problems, always the same ones, without those that are too long."""
        questions = [of_problem(problem) for problem in held_out_problems(self.name, count)]
        return [question for question in questions if self.limit is None or self.limit.fits(question.prompt)]


def question_columns(records: Table, prompt: str, answer: str) -> QuestionColumns:
    """The columns of questions and gold answers: those that are named, else those that a known public set
    has, else the likeliest. SetError when one is not there."""
    public = records.public
    gold = answer or public.gold or public.answer
    return guess(records.columns, prompt or public.prompt or None, gold or None)


def check_questions(records: Table, columns: QuestionColumns, allow_eval_data: bool) -> None:
    """SetError for the first row without a question or its answer, or that is a test problem."""
    for number, row in enumerate(records, 1):
        for role, column in (("question", columns.question), ("answer", columns.answer)):
            check_words(f"row {number}, column {column!r}", role, row[column])
        if not allow_eval_data:
            refuse_problem(records.name, number, row[columns.question])


class RowQuestions:
    """Rows of a file or of a hub set that are short enough, in a new order every epoch. SetError names row
    and column, or says that all rows are too long."""

    def __init__(
        self, records: Table, prompt: str, answer: str, seed: int, limit: LengthLimit, allow_eval_data: bool
    ) -> None:
        self.records, self.seed, self.max_length = records, seed, limit.max_length
        self.columns = question_columns(records, prompt, answer)
        check_questions(records, self.columns, allow_eval_data)
        question_column = self.columns.question
        self.fitting = [index for index, row in enumerate(records) if limit.fits(row[question_column])]
        if not self.fitting:
            raise limit.too_long_error(records.name, (row[question_column] for row in records))

    def at(self, place: int) -> Question:
        """The row of a place."""
        row = self.raw(place)
        return Question(row[self.columns.question], row[self.columns.answer])

    def raw(self, place: int) -> dict[str, str]:
        """See QuestionSet."""
        return self.records[self.fitting[item_at(place, len(self.fitting), self.seed)]]

    def notes(self) -> list[str]:
        """Sentences on columns that are not used and rows that are too long."""
        used, count = (self.columns.question, self.columns.answer), len(self.records)
        notes = table_notes(self.records, used)
        if too_long := count - len(self.fitting):
            notes.append(f"{self.records.name}: {too_long:,} of {count:,} rows are longer than "
                         f"{self.max_length} tokens and were left out")  # fmt: skip
        return notes

    def held_out(self, count: int) -> list[Question]:
        """None: all rows are trained on."""
        return []


def open_questions(
    names: Sequence[str],
    chat: Chat,
    settings: QuestionSettings,
    limit: LengthLimit,
    allow_eval_data: bool = False,
    notes: list[str] | None = None,
) -> list[QuestionSet]:
    """Bundled tasks, files and hub sets by name, without what is too long; SetError with a sentence.

    notes: a list to which sentences are added on what is left out or not used.
    """
    sets: list[QuestionSet] = []
    for name in names:
        if is_bundled(name):
            sets.append(TaskQuestions(name, chat, settings.seed, limit))
            continue
        records = open_records(name, settings.split, allow_eval_data, tuple(TASKS))
        columns = settings.prompt_column, settings.answer_column
        rows = RowQuestions(records, *columns, settings.seed, limit, allow_eval_data)
        sets.append(rows)
        if notes is not None:
            notes += rows.notes()
    return sets


def questions_at(sets: Sequence[QuestionSet], start: int, count: int) -> list[Question]:
    """The questions of the places from `start` on, the sets in turn."""
    return [sets[place % len(sets)].at(place // len(sets)) for place in range(start, start + count)]
