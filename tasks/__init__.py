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
from tasks.linear import LinearSettings, LinearTask
from tasks.sudoku import SudokuSettings, SudokuTask
from tasks.word import HELD_OUT_TEMPLATES_SPLIT, WordSettings, WordTask
from tasks.word_templates import HELD_OUT_TEMPLATES

TASKS: dict[str, Task] = {
    task.name: task for task in (SudokuTask(), LinearTask(), ExpressionTask(), WordTask(), CountdownTask())
}
MOST_REPEATS = 5000
"""Draws in a row that may repeat a held-out problem before the set is called exhausted."""


def generate(task: str, split: str, n: int, seed: int) -> list[Problem]:
    """Draw n problems, the same for the same arguments; outside train no problem comes twice.

    ValueError on an unknown task or split, and when the split has fewer than n problems.
    """
    require(task in TASKS, "task", task, ", ".join(TASKS))
    rng = random.Random(f"{task}|{split}|{seed}")
    drawn: list[Problem] = []
    drawn_keys: set[str] = set()
    repeats = 0
    while len(drawn) < n:
        problem = TASKS[task].generate(rng, split)
        if split != TRAIN and problem.key in drawn_keys:
            repeats += 1
            require(repeats < MOST_REPEATS, "n", n, f"about {len(drawn_keys)} for {task} {split}")
            continue
        repeats = 0
        drawn_keys.add(problem.key)
        drawn.append(problem)
    return drawn


__all__ = [
    "HELD_OUT",
    "HELD_OUT_TEMPLATES",
    "HELD_OUT_TEMPLATES_SPLIT",
    "TASKS",
    "TRAIN",
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
    "extract_boxed",
    "generate",
    "is_excluded",
    "split_of",
]
