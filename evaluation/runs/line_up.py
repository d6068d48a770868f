"""Which samplers the table compares, and with which settings; all on the same questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evaluation.runs.plan import Line

FOUR_BLOCKS = {"sudoku": {"block_length": 12}}
"""Scored samplers need several blocks; a sudoku is otherwise decoded as one."""


@dataclass(frozen=True)
class Contender:
    """One line of the table: a sampler, the settings that differ from the task's own (by_task: on one task
    alone), its scorer. halved: half the steps, so two tokens a step, where plain decoding errs more."""

    label: str
    sampler: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    scorer: str = ""
    by_task: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    halved: bool = False

    def line(self, task: str, own: Mapping[str, Any]) -> Line:
        """The task's settings, then those of this line."""
        steps = own["steps"] // 2 if self.halved else own["steps"]
        settings = {**own, "steps": steps, **self.settings, **self.by_task.get(task, {})}
        return Line(self.label, self.sampler, settings, self.scorer)


# How many candidates a window gets, so that the method costs what best-of-2 costs (within 10 %): fitted on
# 100 other problems a task (`--seed 7 --n 100`), and where that missed, on the NFE of the table itself.
BACKMASK: dict[str, dict[str, Any]] = {
    "sudoku": {"num_demasking_candidates": 6},
    "linear": {"num_demasking_candidates": 6},
    "expression": {"num_demasking_candidates": 6},
    "word": {"num_demasking_candidates": 3},
    "countdown": {"num_demasking_candidates": 2, "max_refinements": 1, "backmasking_intensity": 0.4},
}
WINDOW_REFINE = {
    task: {"num_refinement_samples": copies}
    for task, copies in (("sudoku", 8), ("linear", 10), ("expression", 7), ("word", 3), ("countdown", 10))
}


def _scored(label: str, sampler: str, by_task: Mapping[str, Any] | None = None, **settings: Any) -> Contender:
    own = {task: {**FOUR_BLOCKS.get(task, {}), **more} for task, more in (by_task or FOUR_BLOCKS).items()}
    return Contender(label, sampler, {"temperature": 0.6, **settings}, "checker", own, halved=True)


LINE_UP: tuple[Contender, ...] = (
    Contender("low_confidence", "low_confidence"),
    Contender("random order", "low_confidence", {"confidence": "random"}),
    Contender("margin", "low_confidence", {"confidence": "margin"}),
    Contender("entropy", "low_confidence", {"confidence": "entropy"}),
    Contender("origin", "low_confidence", {"confidence": "origin"}),
    Contender("dual cache", "low_confidence", {"cache": "dual"}),
    Contender("threshold .9", "threshold"),
    Contender("threshold .9, dual cache", "threshold", {"cache": "dual"}),
    Contender("threshold .99, dual cache", "threshold", {"threshold": 0.99, "cache": "dual"}),
    Contender("factor 1", "threshold", {"factor": 1.0}),
    Contender("entropy_bounded .1", "entropy_bounded"),
    Contender("klass", "klass"),
    Contender("remedi, tps_prob", "remedi", {"policy": "tps_prob"}),
    Contender("remedi, random", "remedi", {"policy": "random"}),
    Contender("wino", "wino"),
    Contender("remdm, conf", "remdm", {"schedule": "conf", "temperature": 0.0}),
    Contender("remdm, loop", "remdm", {"schedule": "loop", "temperature": 0.0}),
    Contender("edit", "edit"),
    Contender("edit, t2m", "edit", {"mode": "t2m"}),
    Contender("half the steps", "low_confidence", halved=True),
    Contender(
        "half the steps, T .6", "low_confidence", {"temperature": 0.6}, by_task=FOUR_BLOCKS, halved=True
    ),
    _scored("best of 2", "best_of_n", num_samples=2),
    _scored("vanilla_prm 2", "vanilla_prm", num_candidates_per_block=2),
    _scored("backmask", "backmask", BACKMASK, num_candidates_per_block=1, backmasking_lookback=2),
    # A refinement keeps the pace of the answer: all scored lines decode two tokens a step.
    _scored("window_refine", "window_refine", WINDOW_REFINE, window=4, refine_steps=0),
)  # fmt: skip
PAIRS = (
    ("backmask", "best of 2"), ("window_refine", "best of 2"), ("vanilla_prm 2", "best of 2"),
    ("best of 2", "half the steps, T .6"), ("backmask", "low_confidence"),
    ("window_refine", "low_confidence"), ("best of 2", "low_confidence"),
    ("half the steps", "low_confidence"), ("threshold .9, dual cache", "low_confidence"),
    ("threshold .99, dual cache", "low_confidence"),
)  # fmt: skip


def chosen_lines(task: str, own: Mapping[str, Any], only: Sequence[str]) -> list[Line]:
    """The line-up on a task, or the named ones of it."""
    labels = [contender.label for contender in LINE_UP]
    for label in only:
        if label not in labels:
            raise ValueError(f"only = {label!r} is no line; allowed: {', '.join(labels)}")
    return [c.line(task, own) for c in LINE_UP if not only or c.label in only]
