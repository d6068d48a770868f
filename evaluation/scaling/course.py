"""A study from its first row to its results: calibrate, tune, choose, evaluate. Cut anywhere, it goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.scaling.choice import (
    MAIN_FACTORS,
    Choice,
    best_methods,
    choose,
    is_main,
    last_goals,
    save,
    saved,
    with_last,
)
from evaluation.scaling.estimate import Sizes
from evaluation.scaling.points import Key, evaluated, points_of
from evaluation.scaling.recipes import Method
from evaluation.scaling.results import TaskResult
from evaluation.scaling.study import BASE, FACTORS, Goal, TaskStudy, tuning_goals
from evaluation.scaling.workers import Chunk, Workers

SECONDS_BETWEEN = 10
"""Between two lines on how far a phase is."""


@dataclass(frozen=True)
class Course:
    """The studies of all tasks, their methods, and who decodes."""

    studies: Sequence[TaskStudy]
    methods: Sequence[Method]
    sizes: Sizes
    workers: Workers

    def run(self) -> list[TaskResult]:
        """Do what is left."""
        choices = self._choices()
        best = best_methods(choices, self.methods, self.sizes.best)
        counts = self._counts(best)
        self._decode(
            "evaluation",
            [
                chunk
                for study, choice in zip(self.studies, choices, strict=True)
                for chunk in study.missing(evaluated(choice, study, counts))
            ],
        )
        return [
            TaskResult(study.task, points_of(study, choice, counts), choice, len(study.tuning))
            for study, choice in zip(self.studies, choices, strict=True)
        ]

    def _choices(self) -> list[dict[str, Choice]]:
        """For each task, by the labels of the methods: taken from its folder, or tuned."""
        known = [saved(study, self.methods) for study in self.studies]
        left = [
            (study, [m for m in self.methods if m.label not in choices])
            for study, choices in zip(self.studies, known, strict=True)
        ]
        self._decode("base", [c for s, _ in left for c in s.missing([(BASE, s.tuning)])])
        goals = [(study, tuning_goals(methods)) for study, methods in left if methods]
        self._calibrate(goals)
        self._tune(goals)
        new = [{method.label: choose(study, method) for method in methods} for study, methods in left]
        self._calibrate(
            [
                (s, [g for c in own.values() for g in last_goals(c)])
                for (s, _), own in zip(left, new, strict=True)
            ]
        )
        for (study, methods), choices, own in zip(left, known, new, strict=True):
            choices |= {method.label: with_last(study, method, own[method.label]) for method in methods}
            if methods:
                save(study, choices)
        order = [method.label for method in self.methods]
        return [{label: choices[label] for label in order} for choices in known]

    def _calibrate(self, goals: Sequence[tuple[TaskStudy, Sequence[Goal]]]) -> None:
        """Measure until the rungs of all goals are found."""
        while chunks := [chunk for study, own in goals if own for chunk in study.probes(own)]:
            self._decode("calibration", chunks)

    def _tune(self, goals: Sequence[tuple[TaskStudy, Sequence[Goal]]]) -> None:
        """Decode all tuning problems with what is near, until that reaches the factors or nothing does."""
        while chunks := [
            chunk
            for study, own in goals
            for chunk in study.missing((c, study.tuning) for _, c in study.tuned(own))
        ]:
            self._decode("tuning", chunks)

    def _counts(self, best: Sequence[str]) -> dict[Key, int]:
        """Evaluated problems of each point."""
        counts: dict[Key, int] = {}
        for method in self.methods:
            for factor in FACTORS:
                main = is_main(method, best) and factor in MAIN_FACTORS
                counts[method.label, factor] = self.sizes.n if main else self.sizes.n_other
        return counts

    def _decode(self, phase: str, chunks: Sequence[Chunk]) -> None:
        """Decode them; rows go to their folders as they come."""
        studies: Mapping[str, Any] = {study.task: study for study in self.studies}
        began, told = time.monotonic(), float("-inf")
        for done, (chunk, rows) in enumerate(self.workers.decoded(chunks), 1):
            studies[chunk.task].folder.append(rows)
            studies[chunk.task].take(rows)
            now = time.monotonic()
            if now - told < SECONDS_BETWEEN and done < len(chunks):
                continue
            told, hours = now, (now - began) / done * (len(chunks) - done) / 3600
            print(f"{phase}: {done} of {len(chunks)} chunks, {hours:.2f} h left", file=sys.stderr, flush=True)
