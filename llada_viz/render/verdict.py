"""Whether a finished answer is right, the true answer, and the first line that is wrong.

Only the kinds of problem in tasks/ have an exact checker. Of any other prompt nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from samplers.measuring.judges import NEEDS_GOLD, question_in, turns_of
from samplers.measuring.judges import is_special as is_special
from tasks import TASKS
from tasks.checks.step_check import Step, check_steps
from tasks.checks.truth import true_answer

Verdict = dict[str, Any]
Golds = Mapping[str, str]
"""Prompt (with single spaces) -> right answer, of problems that cannot be solved from the prompt alone."""


def text_of(texts: Sequence[str]) -> str:
    """The text of some cells, up to the first special token."""
    end = next((i for i, text in enumerate(texts) if is_special(text)), len(texts))
    return "".join(texts[:end])


def verdict_of(prompt: str, texts: Sequence[str], golds: Golds) -> Verdict | None:
    """What can be said of an answer; None: the prompt asks no kind of problem of tasks/.

    prompt: as the model reads it, with the marks of its chat template; texts: of every cell of the answer.
    Returns {"right": True, False, or None when nobody can know, "text": a sentence, "cells": [first, end]
    of the first line that is wrong, or None}.
    """
    question = question_in(prompt)
    if question is None:
        return None
    name, fields = question
    answer = text_of(texts)
    gold = next((golds[part] for part in reversed(turns_of(prompt)) if part in golds), None)
    try:
        broken = next((step for step in check_steps(TASKS[name], fields, answer) if not step.right), None)
        right = None
        if gold is not None or name not in NEEDS_GOLD:
            right = TASKS[name].check(fields, answer, answer=gold).correct
        truth = true_answer(name, fields) or gold
    except ValueError:  # a problem that only looks like one of ours
        return None
    line = answer[: broken.start].count("\n") + 1 if broken else None
    cells = _cells_of(broken, texts) if broken else None
    return {"right": right, "text": _sentence(right, truth, line, many=name == "countdown"), "cells": cells}


def _sentence(right: bool | None, truth: str | None, line: int | None, many: bool) -> str:
    if right:
        return f"Right, though line {line} does not hold." if line else "Right."
    if right is None:
        return (
            f"Line {line} does not hold." if line else "Every line holds; the true answer is not known here."
        )
    what = f"{'one way is' if many else 'the answer is'} {truth}" if truth else ""
    where = f"line {line} is where it breaks" if line else ""
    return f"Wrong: {'; '.join(filter(None, (what, where)))}." if what or where else "Wrong."


def _cells_of(step: Step, texts: Sequence[str]) -> list[int]:
    """[first, end) of the cells that hold a line of the answer. step: start and stop in characters."""
    first = end = at = 0
    for position, text in enumerate(texts):
        if at <= step.start:
            first = position
        at += len(text)
        end = position + 1
        if at >= step.stop:
            break
    return [first, end]
