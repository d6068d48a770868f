"""How long a run will take on this machine, measured before it begins.

The objective is built as for the run. Then its preparations, two steps, an evaluation and the samples
are run for real, each for AT_MOST seconds; of work that was broken off, the rest is assumed to go on at
the same speed. Nothing of it is kept.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from training.engine.loop import Engine
from training.engine.placement import accelerator_for, forget_accelerator
from training.engine.progress import due
from training.engine.recipe import Recipe, Stopped
from training.engine.saying import duration
from training.engine.settings import RunArguments, TrainSettings
from training.registry import objective

AT_MOST = 12.0
"""Seconds after which one kind of work is broken off."""


@dataclass(frozen=True)
class Estimate:
    """Seconds that each kind of work takes.

    start: loading the model and the data; prepare: what is made once before the first step; step: one
    step, where rollouts are shared by the steps that learn from them (None: the preparations were broken
    off, so no step was measured); evaluation, checkpoint: one of each; at_least: whether there is more
    work that was not measured.
    """

    start: float
    prepare: float
    step: float | None = None
    evaluation: float = 0.0
    checkpoint: float = 0.0
    at_least: bool = False

    def total(self, settings: TrainSettings) -> float:
        """Seconds of a whole run with these settings; where no step was measured, of its preparations."""
        s = settings
        evaluations = due(0, s.max_steps, s.eval_every) * self.evaluation
        checkpoints = due(0, s.max_steps, s.save_every) * self.checkpoint
        steps = s.max_steps * self.step + evaluations + checkpoints if self.step is not None else 0.0
        return self.start + self.prepare + steps

    def words(self, settings: TrainSettings) -> str:
        """The estimate as a sentence: "About 2 min on this machine: 0.41 s a step, measured."."""
        parts = [] if self.step is None else [f"{self.step:.2g} s a step"]
        parts += [f"{duration(self.prepare)} before the first step"] if self.prepare > 5 else []
        evaluations = due(0, settings.max_steps, settings.eval_every) * self.evaluation
        parts += [f"{duration(evaluations)} of it for evaluations"] if evaluations > 5 else []
        about = "At least" if self.at_least else "About"
        whole = f"{about} {duration(self.total(settings))} on this machine"
        return f"{whole}: {', '.join(parts)}, measured." if parts else f"{whole}, measured."

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Estimate:
        """From `as_json`; ValueError for anything else."""
        names = {f.name for f in fields(cls)}
        if set(values) != names or not all(v is None or v >= 0 for v in values.values()):
            raise ValueError(f"estimate = {values!r} is not valid; allowed: {', '.join(sorted(names))}")
        return cls(**values)


class Probe:
    """Stands in for a recipe's `progress` callback: raises Stopped once the work took `at_most` seconds.
    cut_short: whether some work was broken off that does not say how much of it was left."""

    def __init__(self, at_most: float) -> None:
        self.at_most, self.cut_short = at_most, False
        self.began, self.done, self.count = time.monotonic(), 0, 0

    def __call__(self, doing: str, done: int, count: int, together: bool = True) -> None:
        self.done, self.count = done, count
        if time.monotonic() - self.began > self.at_most and (done or not count):
            raise Stopped

    def seconds(self, work: Callable[[], object]) -> tuple[float, bool]:
        """Seconds that the whole work takes, and whether it was finished. Where it was broken off they are
        extrapolated, or, if it was not counted, those that it took so far."""
        self.began, self.done, self.count = time.monotonic(), 0, 0
        try:
            work()
        except Stopped:
            took = time.monotonic() - self.began
            self.cut_short |= not self.done
            return (took * self.count / self.done if self.done else took), False
        return time.monotonic() - self.began, True


def estimate(
    name: str, arguments: RunArguments, settings: TrainSettings, at_most: float = AT_MOST
) -> Estimate:
    """Measure the named objective. Errors are those of a run that cannot begin."""
    began = time.monotonic()
    recipe = objective(name).build(arguments, replace(settings, report_to="none"))
    try:
        with tempfile.TemporaryDirectory() as out:
            engine = Engine(recipe, Path(out), accelerator_for(recipe, arguments.device))
            return _measured(engine, recipe, time.monotonic() - began, at_most)
    finally:
        forget_accelerator()


def _measured(engine: Engine, recipe: Recipe, start: float, at_most: float) -> Estimate:
    probe = Probe(at_most)
    recipe.progress = probe  # type: ignore[method-assign]
    prepare, finished = probe.seconds(recipe.prepare)
    if not finished:
        return Estimate(start, prepare, at_least=True)
    engine.module.train()
    inner = int(getattr(recipe.settings, "inner", 1))  # steps that learn from the same rollouts
    first, finished = probe.seconds(engine.one_step)
    if not finished:
        return Estimate(start, prepare, first / inner, at_least=True)
    second, _ = probe.seconds(engine.one_step)
    step = second + max(0.0, first - second) / inner if inner > 1 else second
    evaluation = checkpoint = 0.0
    with engine.as_saved():
        if recipe.settings.eval_every:
            evaluation, _ = probe.seconds(recipe.evaluate)
        if recipe.settings.samples:
            checkpoint, _ = probe.seconds(lambda: recipe.sample(engine.out / "samples"))
    return Estimate(start, prepare, step, evaluation, checkpoint, probe.cut_short)
