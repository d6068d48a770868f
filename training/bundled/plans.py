"""Packed plans: rows of lines such as `Countdown: 30,100,93 -> 23`, each with the first step of its answer.

What is hard in countdown is which numbers to join first, and how. An answer asks that once and then goes on
for twenty cells that follow from it; in a row of plans every line asks it.
"""

from __future__ import annotations

import random

from tasks import TRAIN
from tasks.core import Task
from tasks.countdown import PHRASINGS

_SHORT = PHRASINGS[1]
"""The shortest of the wordings that prompts have."""


def draw_plan(rng: random.Random, countdown: Task) -> tuple[str, str]:
    """A problem in one line, and the first line of its worked solution."""
    problem = countdown.generate(rng, TRAIN)
    return _SHORT.format(**problem.fields), problem.solution.split("\n", 1)[0]
