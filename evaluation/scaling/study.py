"""One task of a study: its problems, its rows so far, and what is still to be decoded for a phase.

Everything is read off the rows, so a study that was cut goes on from its folder. The first problems are for
tuning alone; the others, of the same draw and therefore different ones, are evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evaluation.runs.plan import Line
from evaluation.runs.run_folder import ResultRow, RunFolder
from evaluation.scaling.methods import PLAIN
from evaluation.scaling.reach import Found, reached, search
from evaluation.scaling.recipes import Method
from evaluation.scaling.votes import voted
from evaluation.scaling.workers import Chunk, chunk_size, draw_label
from evaluation.sets.problem_sets import Problem

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""NFE of a method over that of plain decoding, one token a step."""
TUNED, LAST = FACTORS[:-1], FACTORS[-1]
"""The last factor costs as much as all others: there the recipe goes on that was chosen at the one before."""
CALIBRATION = 6
"""Tuning problems by whose NFE a rung is found."""


@dataclass(frozen=True)
class Candidate:
    """A method, one of its recipes, and a rung of its ladder."""

    method: Method
    recipe: int
    rung: int

    @property
    def draws(self) -> int:
        """Answers that are voted on."""
        return self.method.recipes[self.recipe].ladder[self.rung].draws


@dataclass(frozen=True)
class Goal:
    """A recipe of a method, and the factor for which a rung is searched."""

    method: Method
    recipe: int
    factor: float


def tuning_goals(methods: Sequence[Method]) -> list[Goal]:
    """Every recipe at every factor that is tuned."""
    return [Goal(m, recipe, f) for m in methods for recipe in range(len(m.recipes)) for f in TUNED]


@dataclass(frozen=True)
class Score:
    """What a candidate did on some problems: mean NFE of a problem, right answers, problems with a grade."""

    nfe: float
    correct: int
    graded: int

    @property
    def accuracy(self) -> float:
        """0 where nothing has a grade."""
        return self.correct / self.graded if self.graded else 0.0


BASE = Candidate(PLAIN, 0, len(PLAIN.recipes[0].ladder) - 1)
"""One token a step, by which NFE is measured."""


class TaskStudy:
    """A task. own: its decode settings; tuning, evaluated: its problems."""

    def __init__(
        self,
        task: str,
        own: Mapping[str, Any],
        folder: RunFolder,
        tuning: Sequence[Problem],
        evaluated: Sequence[Problem],
    ) -> None:
        self.task, self.own, self.folder = task, own, folder
        self.tuning, self.evaluated = tuple(tuning), tuple(evaluated)
        self._rows: dict[tuple[str, int], ResultRow] = {}
        self._lines: dict[tuple[str, int, int], Line] = {}
        self.take(folder.rows())

    def take(self, rows: Iterable[ResultRow]) -> None:
        """Know finished rows."""
        for row in rows:
            self._rows.setdefault((row["line"], row["row"]), row)

    def line(self, candidate: Candidate) -> Line:
        """What a candidate decodes with."""
        key = candidate.method.label, candidate.recipe, candidate.rung
        if key not in self._lines:
            self._lines[key] = candidate.method.line(candidate.recipe, candidate.rung, self.own)
        return self._lines[key]

    @property
    def spent(self) -> int:
        """Sequences evaluated for all rows so far."""
        return sum(row.get("nfe", 0) for row in self._rows.values())

    def rows_of(self, candidate: Candidate, problems: Sequence[Problem]) -> dict[int, ResultRow]:
        """By number, the problems that the candidate has answered, with all its draws."""
        label = self.line(candidate).label
        labels = [draw_label(label, draw) for draw in range(1, candidate.draws + 1)]
        found = {}
        for problem in problems:
            draws = [self._rows[key] for name in labels if (key := (name, problem.number)) in self._rows]
            if len(draws) == len(labels):
                found[problem.number] = voted(draws)
        return found

    def score(self, candidate: Candidate, problems: Sequence[Problem]) -> Score | None:
        """None: not all problems are answered yet."""
        rows = self.rows_of(candidate, problems)
        if len(rows) < len(problems):
            return None
        answered = [row for row in rows.values() if "error" not in row]
        grades = [row["correct"] for row in answered if row["correct"] is not None]
        nfe = sum(row["nfe"] for row in answered) / len(answered) if answered else float("inf")
        return Score(nfe, sum(map(bool, grades)), len(grades))

    def missing(self, work: Iterable[tuple[Candidate, Sequence[Problem]]]) -> list[Chunk]:
        """What is not decoded yet, in chunks; problems of all lines in turn."""
        lines: dict[str, Line] = {}
        wanted: dict[tuple[str, int], dict[int, Problem]] = {}
        for candidate, problems in work:
            line = self.line(candidate)
            lines.setdefault(line.label, line)
            for draw in range(1, candidate.draws + 1):
                name = draw_label(line.label, draw)
                new = {p.number: p for p in problems if (name, p.number) not in self._rows}
                wanted.setdefault((line.label, draw), {}).update(new)
        chunks = []
        for (label, draw), left in wanted.items():
            ordered, size = [left[number] for number in sorted(left)], chunk_size(lines[label])
            chunks += [
                Chunk(self.task, lines[label], draw, tuple(ordered[first : first + size]))
                for first in range(0, len(ordered), size)
            ]
        return sorted(chunks, key=lambda chunk: chunk.problems[0].number)

    def base(self, problems: Sequence[Problem]) -> float:
        """Mean NFE of one token a step; they must be decoded."""
        score = self.score(BASE, problems)
        assert score is not None
        return score.nfe

    def measured(self, method: Method, recipe: int) -> dict[int, float]:
        """Rung -> mean NFE on the problems of the calibration, of the rungs that were measured."""
        found = {}
        for rung in range(len(method.recipes[recipe].ladder)):
            score = self.score(Candidate(method, recipe, rung), self.calibration)
            if score is not None:
                found[rung] = score.nfe
        return found

    @property
    def calibration(self) -> Sequence[Problem]:
        """The first tuning problems."""
        return self.tuning[:CALIBRATION]

    def _found(self, goals: Iterable[Goal]) -> Iterator[tuple[Goal, Found]]:
        """Where the search for each goal's rung stands."""
        base = self.base(self.calibration)
        measured: dict[tuple[str, int], dict[int, float]] = {}
        for goal in goals:
            key = goal.method.label, goal.recipe
            if key not in measured:
                measured[key] = self.measured(goal.method, goal.recipe)
            ladder = goal.method.recipes[goal.recipe].ladder
            yield goal, search(len(ladder), measured[key], goal.factor * base)

    def probes(self, goals: Iterable[Goal]) -> list[Chunk]:
        """What the searches want to measure next; nothing once all rungs are found."""
        return self.missing(
            (Candidate(goal.method, goal.recipe, found.probe), self.calibration)
            for goal, found in self._found(goals)
            if found.probe is not None
        )

    def tuned(self, goals: Iterable[Goal]) -> list[tuple[Goal, Candidate]]:
        """What is near, and where all tuning problems tell that it is not near after all, the rungs below or
        above it, until one is. The last ones may not be decoded yet."""
        return [(goal, tried) for goal, found in self.near(goals) for tried in self._walk(goal, found)]

    def _walk(self, goal: Goal, candidate: Candidate) -> list[Candidate]:
        ladder, wanted = goal.method.recipes[goal.recipe].ladder, goal.factor * self.base(self.tuning)
        walked, direction = [candidate], 0
        while (score := self.score(walked[-1], self.tuning)) and not reached(score.nfe, wanted):
            step = 1 if score.nfe < wanted else -1
            rung = walked[-1].rung + step
            if step == -direction or not 0 <= rung < len(ladder):
                break
            walked.append(replace(candidate, rung=rung))
            direction = step
        return walked

    def near(self, goals: Iterable[Goal]) -> list[tuple[Goal, Candidate]]:
        """The rungs that were found, where they reach their factors on the problems of the calibration."""
        base, near = self.base(self.calibration), []
        for goal, found in self._found(goals):
            if found.use is not None:
                candidate = Candidate(goal.method, goal.recipe, found.use)
                score = self.score(candidate, self.calibration)
                if score is not None and reached(score.nfe, goal.factor * base):
                    near.append((goal, candidate))
        return near
