"""Labels an answer's parts as right or wrong for a process reward model, without the right answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from samplers.checker import Checker
from samplers.scoring import Draft, Question


def part_labels(task: str, fields: Mapping[str, str], parts: Sequence[str], ended: bool = True) -> list[int]:
    """1 or 0 for each part: whether samplers.checker finds nothing wrong in it, with the parts before it and
    none behind. What is unfinished at its end is judged by what stands.

    parts: texts, none empty; ended: whether nothing follows the last one. ValueError when the problem
    itself cannot be read.
    """
    question = Question("", task, tuple(sorted(fields.items())))
    scores = Checker([question], lambda ids: "").judge([Draft(question, tuple(parts), ended)])[0]
    return [int(score == 1) for score in scores]
