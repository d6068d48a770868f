"""Does a prompt look like what the bundled model was trained on?

A simple check: is it worded like one of the five kinds of problem in tasks/, and are its numbers within
the ranges of training? It says nothing about whether the answer will be right.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tasks import MIDDLE, CountdownTask, ExpressionTask, LinearTask, WordTask, at_level
from tasks.recognise import kinds_of

KINDS = "4×4 and 6×6 sudoku, linear equations, sums and products, word problems and countdown"
UNKNOWN = (
    f"{{model}} has learned five kinds of small problems ({KINDS}) and a little everyday English. "
    "This prompt reads like none of the problems, so do not expect more than small talk."
)
TOO_LARGE = (
    "{model} has learned this kind of problem with smaller numbers only ({range}), "
    "so the answer will probably be wrong."
)


def hint(prompt: str, model: str) -> str:
    """A sentence when the prompt lies outside what the model has learned, else ''."""
    text = " ".join(prompt.split())
    kinds = kinds_of(text)
    if not text or any(not _beyond(task, text) for task in kinds):
        return ""
    if kinds:
        return TOO_LARGE.format(model=model, range=_beyond(kinds[0], text))
    return UNKNOWN.format(model=model)


def _beyond(task: str, text: str) -> str:
    """The range of training in words, when the numbers of a prompt lie outside it; else ''."""
    allowed, inside = _RANGES.get(task, (lambda: "", lambda _: True))
    return "" if inside(text) else allowed()


def _numbers(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", text)]


def _linear() -> LinearTask:
    task = at_level("linear", MIDDLE)
    assert isinstance(task, LinearTask)
    return task


def _expression() -> ExpressionTask:
    task = at_level("expression", MIDDLE)
    assert isinstance(task, ExpressionTask)
    return task


def _linear_inside(text: str) -> bool:
    s = _linear().settings
    most = s.a_max * max(abs(s.x_min), abs(s.x_max)) + s.b_max
    factors = [int(n) for n in re.findall(r"(\d+) ?\*? ?[a-z]\b", text)]
    return max(_numbers(text), default=0) <= most and max(factors, default=0) <= s.a_max


def _linear_range() -> str:
    s = _linear().settings
    return f"factors up to {s.a_max}, addends up to {s.b_max}"


_RANGES: dict[str, tuple[Callable[[], str], Callable[[str], bool]]] = {
    "linear": (_linear_range, _linear_inside),
    "expression": (
        lambda: f"2 to 4 operands up to {_expression().settings.high}",
        lambda text: 2 <= len(_numbers(text)) <= 4 and max(_numbers(text)) <= _expression().settings.high,
    ),
    "word": (
        lambda: f"values up to {WordTask().settings.highest}",
        lambda text: max(_numbers(text), default=0) <= WordTask().settings.highest,
    ),
    "countdown": (
        lambda: f"up to {CountdownTask().settings.highest}",
        lambda text: max(_numbers(text)) <= CountdownTask().settings.highest,
    ),
}
