"""Held-out accuracy of the bundled model: one run for each set, plain decoding, the task's own settings."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evaluation.runs.report import Report
from evaluation.runs.run_folder import RunError, RunFolder
from evaluation.sets.problem_sets import Problem, ProblemSet, bundled_set
from tasks import HELD_OUT, HELD_OUT_TEMPLATES_SPLIT, TASKS

SPLITS = (*((name, HELD_OUT) for name in TASKS), ("word", HELD_OUT_TEMPLATES_SPLIT))
SUDOKU_FILE = "sudoku4x4_test.csv"


@dataclass(frozen=True)
class HeldOutScore:
    """One line of the table; `low`, `high`: 95 % Wilson interval; nfe: sequences evaluated, the mean
    of an answer; seconds: of all answers together."""

    set: str
    correct: int
    total: int
    accuracy: float
    low: float
    high: float
    nfe: float
    seconds: float


def held_out_sets(n: int, seed: int, data: Path | None) -> Iterator[ProblemSet]:
    """n held-out problems a task, and the public sudoku test set where `data` has it."""
    for task, split in SPLITS:
        yield bundled_set(task, n, seed, split)
    if data is not None:
        with (data / "reasoning" / SUDOKU_FILE).open(newline="") as file:
            puzzles = [row["Puzzle"] for row in csv.DictReader(file)]
        template = TASKS["sudoku"].template
        problems = [
            Problem(number, template.format(puzzle=puzzle), "", "sudoku", {"puzzle": puzzle})
            for number, puzzle in enumerate(puzzles, 1)
        ]
        yield ProblemSet(SUDOKU_FILE, tuple(problems))


def score_of(folder: RunFolder) -> HeldOutScore:
    """The score of a finished run of one line; RunError when an answer is missing."""
    report = Report(folder)
    summary = report.summaries[0]
    if summary.graded < report.expected:
        raise RunError(f"{report.expected - summary.graded} of {report.expected} rows have no grade")
    return HeldOutScore(
        report.manifest["data"]["name"], summary.correct, summary.graded,
        summary.correct / summary.graded, *summary.interval, summary.nfe,
        round(summary.seconds * summary.rows, 1),
    )  # fmt: skip


def default_data() -> Path | None:
    """The folder of public test sets that LLADA_VIZ_DATA names, or None."""
    folder = os.environ.get("LLADA_VIZ_DATA")
    return Path(folder) if folder else None
