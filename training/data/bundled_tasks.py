"""Bundled tasks by the names that `data` gives them: `word`, or at a level of tasks.LEVELS `word:middle`."""

from __future__ import annotations

from evaluation.sets.columns import SetError
from tasks import HELD_OUT, LEVELS, TASKS, USUAL_LEVELS, at_level, generate
from tasks.core import Problem, Task

MARK = ":"
BUNDLED: tuple[str, ...] = tuple(
    name
    for task, levels in LEVELS.items()
    for name in (task, *(f"{task}{MARK}{level}" for level in levels if level != USUAL_LEVELS[task]))
)
"""A name for every task at every level, the usual level by the task's name alone."""


def is_bundled(name: str) -> bool:
    """Whether a name is that of a bundled task, with a level or without; the level may be none of its."""
    return name.partition(MARK)[0] in TASKS


def task_and_level(name: str) -> tuple[str, str]:
    """`word:middle` as (word, middle), `word` as (word, ""), which is its usual level. SetError: no such
    task, or no such level of it."""
    task, mark, level = name.partition(MARK)
    if task not in TASKS:
        raise SetError(f"data = {name!r} is no bundled task; allowed: {', '.join(TASKS)}")
    if mark and level not in LEVELS[task]:
        allowed = ", ".join(f"{task}{MARK}{known}" for known in LEVELS[task])
        raise SetError(f"data = {name!r} has no level {level!r}; allowed: {task}, {allowed}")
    return task, level


def level_of(name: str) -> str:
    """The level behind a name; SetError as task_and_level."""
    task, level = task_and_level(name)
    return level or USUAL_LEVELS[task]


def bundled_task(name: str) -> Task:
    """The generator behind a name; SetError as task_and_level."""
    task, level = task_and_level(name)
    return at_level(task, level) if level else TASKS[task]


def held_out_problems(name: str, count: int) -> list[Problem]:
    """Held-out problems, always the same ones, which no training sees; SetError as task_and_level."""
    task, level = task_and_level(name)
    return generate(task, HELD_OUT, count, seed=1, level=level)
