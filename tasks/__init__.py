"""Five reasoning tasks: each generates problems and checks answers to them. Standard library only.

All but the word problems are checked from the problem alone, without a reference answer.
"""

from __future__ import annotations

import random

from tasks.core import (
    HELD_OUT,
    TRAIN,
    Problem,
    Task,
    Verdict,
    extract_boxed,
    is_excluded,
    require,
    split_of,
)
from tasks.countdown import CountdownSettings, CountdownTask
from tasks.expression import ExpressionSettings, ExpressionTask
from tasks.levels import EASY, LEVELS, MIDDLE, at_level
from tasks.linear import LinearSettings, LinearTask
from tasks.sudoku import SudokuSettings, SudokuTask
from tasks.word.task import HELD_OUT_TEMPLATES_SPLIT, WordSettings, WordTask
from tasks.word.templates import HELD_OUT_TEMPLATES

USUAL_LEVELS = {"sudoku": EASY, "linear": EASY, "expression": EASY, "word": EASY, "countdown": MIDDLE}
"""The level of each task in `TASKS`. Countdown is usually asked with three numbers."""
TASKS: dict[str, Task] = {name: at_level(name, level) for name, level in USUAL_LEVELS.items()}
MOST_REPEATS = 5000
"""Draws in a row that may repeat a held-out problem before the set is called exhausted."""


def generate(task: str, split: str, n: int, seed: int, level: str = "") -> list[Problem]:
    """Draw n problems, the same for the same arguments; outside train no problem comes twice.

    level: of LEVELS; "": the usual one. ValueError on an unknown task, level or split, and when the split has
    fewer than n problems.
    """
    require(task in TASKS, "task", task, ", ".join(TASKS))
    drawer = at_level(task, level) if level else TASKS[task]
    rng = random.Random(f"{task}|{split}|{seed}")
    drawn: list[Problem] = []
    drawn_keys: set[str] = set()
    repeats = 0
    while len(drawn) < n:
        problem = drawer.generate(rng, split)
        if split != TRAIN and problem.key in drawn_keys:
            repeats += 1
            require(repeats < MOST_REPEATS, "n", n, f"about {len(drawn_keys)} for {task} {split}")
            continue
        repeats = 0
        drawn_keys.add(problem.key)
        drawn.append(problem)
    return drawn


__all__ = [
    "EASY",
    "HELD_OUT",
    "HELD_OUT_TEMPLATES",
    "HELD_OUT_TEMPLATES_SPLIT",
    "LEVELS",
    "MIDDLE",
    "TASKS",
    "TRAIN",
    "USUAL_LEVELS",
    "CountdownSettings",
    "CountdownTask",
    "ExpressionSettings",
    "ExpressionTask",
    "LinearSettings",
    "LinearTask",
    "Problem",
    "SudokuSettings",
    "SudokuTask",
    "Task",
    "Verdict",
    "WordSettings",
    "WordTask",
    "at_level",
    "extract_boxed",
    "generate",
    "is_excluded",
    "split_of",
]
