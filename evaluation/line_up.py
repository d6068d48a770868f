"""Which samplers the table compares, and how each is set: all on the same questions and steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BLOCKS_OF_FOUR = {"sudoku": {"block_length": 12, "steps": 48}}
"""Scored samplers need several blocks; a sudoku is otherwise decoded as one."""


@dataclass(frozen=True)
class Contender:
    """One line of the table: a sampler, what differs from the task's own settings, its scorer."""

    label: str
    sampler: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    scorer: str = ""
    by_task: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def settings_for(self, task: str, own: Mapping[str, Any]) -> dict[str, Any]:
        """The task's settings, then those of this line."""
        return {**own, **self.settings, **self.by_task.get(task, {})}


def _scored(label: str, sampler: str, **settings: Any) -> Contender:
    return Contender(label, sampler, {"temperature": 0.6, **settings}, "checker", BLOCKS_OF_FOUR)


LINE_UP: tuple[Contender, ...] = (
    Contender("low_confidence", "low_confidence"),
    Contender("low_confidence, random order", "low_confidence", {"confidence": "random"}),
    Contender("low_confidence, margin", "low_confidence", {"confidence": "margin"}),
    Contender("low_confidence, entropy", "low_confidence", {"confidence": "entropy"}),
    Contender("low_confidence, origin", "low_confidence", {"confidence": "origin"}),
    Contender("low_confidence, dual cache", "low_confidence", {"cache": "dual"}),
    Contender("threshold .9", "threshold"),
    Contender("threshold .9, dual cache", "threshold", {"cache": "dual"}),
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
    _scored("best_of_n 3", "best_of_n", num_samples=3),
    _scored("best_of_n 5", "best_of_n", num_samples=5),
    _scored("vanilla_prm 3", "vanilla_prm", num_candidates_per_block=3),
    _scored("backmask 2 + 3", "backmask", num_candidates_per_block=2, num_demasking_candidates=3),
    _scored("window_refine 4", "window_refine", window=4, num_refinement_samples=4),
)
PAIRS = (
    ("backmask 2 + 3", "best_of_n 3"), ("window_refine 4", "best_of_n 3"), ("vanilla_prm 3", "best_of_n 3"),
    ("best_of_n 3", "low_confidence"), ("threshold .9, dual cache", "low_confidence"),
)  # fmt: skip
