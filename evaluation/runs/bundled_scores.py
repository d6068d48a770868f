"""Held-out accuracy of the bundled model: one run for each set, plain decoding, the task's own settings."""

from __future__ import annotations

import csv
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from evaluation.runs.report import Report
from evaluation.runs.run_folder import RunError, RunFolder
from evaluation.sets.problem_sets import Problem, ProblemSet, bundled_name, bundled_set
from samplers.measuring.calibration import Judged, ece
from tasks import EASY, HELD_OUT, HELD_OUT_TEMPLATES_SPLIT, LEVELS, MIDDLE, at_level
from tasks.core import require

SETS = (
    *((task, HELD_OUT, level) for task, levels in LEVELS.items() for level in levels),
    ("word", HELD_OUT_TEMPLATES_SPLIT, EASY),
)
"""Task, split and level."""
SUDOKU_FILE = "sudoku4x4_test.csv"


@dataclass(frozen=True)
class HeldOutScore:
    """One line of the table; `low`, `high`: 95% Wilson interval; nfe: sequences evaluated, the mean
    of an answer; seconds: of all answers together; ece: expected calibration error of the confidence that
    `commits` tokens were committed with, None: of none it is known whether it is right."""

    set: str
    level: str
    correct: int
    total: int
    accuracy: float
    low: float
    high: float
    nfe: float
    seconds: float
    ece: float | None
    commits: int


def held_out_sets(
    n: int, seed: int, data: Path | None, level: str = "", only: Collection[str] = ()
) -> list[ProblemSet]:
    """n held-out problems of each task and level, and the public sudoku test set where `data` has it.

    level: only sets of this one; only: only sets of these names. ValueError: no such level or set.
    """
    require(level in ("", EASY, MIDDLE), "level", level, f"{EASY}, {MIDDLE}")
    chosen = {bundled_name(*one): one for one in SETS if level in ("", one[-1])}
    files = (SUDOKU_FILE,) if data is not None and level in ("", EASY) else ()
    for name in only:
        require(name in chosen or name in files, "set", name, "; ".join((*chosen, *files)))
    sets = [
        bundled_set(task, n, seed, split, of_level)
        for name, (task, split, of_level) in chosen.items()
        if not only or name in only
    ]
    if data is not None and files and (not only or SUDOKU_FILE in only):
        sets.append(_public_sudoku(data))
    return sets


def _public_sudoku(data: Path) -> ProblemSet:
    with (data / "reasoning" / SUDOKU_FILE).open(newline="") as file:
        puzzles = [row["Puzzle"] for row in csv.DictReader(file)]
    template = at_level("sudoku", EASY).template
    problems = [
        Problem(number, template.format(puzzle=puzzle), "", "sudoku", {"puzzle": puzzle})
        for number, puzzle in enumerate(puzzles, 1)
    ]
    return ProblemSet(SUDOKU_FILE, tuple(problems), level=EASY)


def score_of(folder: RunFolder, level: str) -> HeldOutScore:
    """The score of a finished run of one line; RunError when an answer is missing."""
    report = Report(folder)
    summary = report.summaries[0]
    if summary.graded < report.expected:
        raise RunError(f"{report.expected - summary.graded} of {report.expected} rows have no grade")
    commits = commits_of(folder)
    return HeldOutScore(
        report.manifest["data"]["name"], level, summary.correct, summary.graded,
        summary.correct / summary.graded, *summary.interval, summary.nfe,
        round(summary.seconds * summary.rows, 1), ece(commits), len(commits),
    )  # fmt: skip


def commits_of(folder: RunFolder) -> list[Judged]:
    """Of all answers of a run that kept them, the confidence of each token known to be right or wrong."""
    answers = [row["measures"] for row in folder.rows() if "error" not in row]
    return [(confidence, right) for answer in answers for confidence, right in answer["commits"]]


def default_data() -> Path | None:
    """The folder of public test sets that LLADA_VIZ_DATA names, or None."""
    folder = os.environ.get("LLADA_VIZ_DATA")
    return Path(folder) if folder else None
