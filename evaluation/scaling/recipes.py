"""What a method is made of: recipes, and ladders from little work to much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evaluation.runs.plan import Line
from samplers.registry import entry

EXACT, REWARD = "exact", "prm"
SCORERS = {EXACT: "checker", REWARD: "prm"}
"""How a scorer is called here, and in a request."""
FEWEST_BLOCKS = 4
"""Methods that judge blocks need several; an answer in fewer is decoded in so many."""
WHOLE = 0
"""As a recipe's `blocks`: the answer is one block."""
COUNTED_IN_BLOCKS = ("window", "backmasking_lookback")
"""Settings that may not be more than the blocks of the answer."""


@dataclass(frozen=True)
class Rung:
    """One amount of work. pace: tokens a step; draws: answers that are voted on, each with a seed of its
    own; settings: of the sampler."""

    pace: float = 1
    draws: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As in "2 tokens a step, num_samples 3"; draws are not named."""
        plural = "" if self.pace == 1 else "s"
        parts = (f"{key} {value}" for key, value in self.settings.items())
        return ", ".join([f"{self.pace:g} token{plural} a step", *parts])


@dataclass(frozen=True)
class Recipe:
    """A way to use a method. settings: what differs from the task's own; blocks: length of a block in
    blocks of the task's own, or WHOLE; ladder: from little work to much."""

    name: str
    ladder: tuple[Rung, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    blocks: int = 1


@dataclass(frozen=True)
class Method:
    """A curve of the plot: a sampler, its recipes, its scorer (EXACT, REWARD or none)."""

    name: str
    sampler: str
    recipes: tuple[Recipe, ...]
    scorer: str = ""

    @property
    def label(self) -> str:
        """As in "backmask, prm"."""
        return f"{self.name}, {self.scorer}" if self.scorer else self.name

    def line(self, recipe: int, rung: int, own: Mapping[str, Any]) -> Line:
        """What is decoded. own: the task's settings. All draws of an answer are runs of one line."""
        way = self.recipes[recipe]
        step = way.ladder[rung]
        block = block_length(own, way.blocks, FEWEST_BLOCKS if self.scorer else 1)
        blocks = int(own["gen_length"]) // block
        known = {setting.name for setting in entry(self.sampler).settings}
        settings = {key: value for key, value in own.items() if key in known}
        settings |= {"block_length": block, "steps": blocks * steps_of(block, step.pace)}
        for key, value in {**way.settings, **step.settings}.items():
            settings[key] = min(value, blocks) if key in COUNTED_IN_BLOCKS else value
        label = f"{self.label}; {way.name}; {step.name}"
        return Line(label, self.sampler, settings, SCORERS.get(self.scorer, ""))


def block_length(own: Mapping[str, Any], times: int, fewest: int) -> int:
    """Cells of a block: `times` the task's own block (WHOLE: the answer), with at least `fewest` blocks."""
    length = int(own["gen_length"])
    wanted = length if times == WHOLE else min(length, times * int(own["block_length"]))
    most = max(1, min(wanted, length // fewest))
    return max(size for size in range(1, most + 1) if length % size == 0)


def steps_of(cells: int, pace: float) -> int:
    """Steps for a block at so many tokens a step, at least one; a part of a step counts as one."""
    return max(1, int(-(-cells // pace)))


def rungs(setting: str, pace: float, *counts: int) -> tuple[Rung, ...]:
    """More and more of a sampler's setting, or of `draws`, at one pace."""
    if setting == "draws":
        return tuple(Rung(pace, draws=count) for count in counts)
    return tuple(Rung(pace, settings={setting: count}) for count in counts)
