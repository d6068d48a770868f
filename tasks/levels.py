"""How hard the problems of a task are: an easy and a middle level of each."""

from __future__ import annotations

from tasks.core import Task, require
from tasks.countdown import CountdownSettings, CountdownTask
from tasks.expression import ExpressionSettings, ExpressionTask
from tasks.linear import LinearSettings, LinearTask
from tasks.sudoku import SudokuSettings, SudokuTask
from tasks.word.task import WordSettings, WordTask

EASY = "easy"
MIDDLE = "middle"
_SUDOKU_6X6 = SudokuSettings(size=6, hidden_min=12, hidden_max=26, heavy_min=14, heavy_max=24)

LEVELS: dict[str, dict[str, Task]] = {
    "sudoku": {EASY: SudokuTask(), MIDDLE: SudokuTask(_SUDOKU_6X6)},
    "linear": {
        EASY: LinearTask(),
        MIDDLE: LinearTask(LinearSettings(a_max=16, b_max=99, x_min=-30, x_max=50)),
    },
    "expression": {
        EASY: ExpressionTask(),
        MIDDLE: ExpressionTask(ExpressionSettings(high=60, limit=600, two=0, three=0.3)),
    },
    "word": {
        EASY: WordTask(),
        MIDDLE: WordTask(WordSettings(composed=1.0, step_shares=(0, 0, 0.4, 0.4, 0.2))),
    },
    "countdown": {EASY: CountdownTask(CountdownSettings(two=1.0)), MIDDLE: CountdownTask()},
}
"""Task name -> level -> the task with the settings of the level. One of the levels is the task of
`tasks.TASKS`: the easy one, and of countdown, which is asked in public with three numbers, the middle one."""


def at_level(task: str, level: str) -> Task:
    """The task at a level. ValueError: no such task, or no such level of it."""
    require(task in LEVELS, "task", task, ", ".join(LEVELS))
    require(level in LEVELS[task], "level", level, ", ".join(LEVELS[task]))
    return LEVELS[task][level]
