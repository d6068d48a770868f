"""progress.json: what a run is doing at this moment, and how long it will still take.

The file is replaced at most twice a second, and whenever the run begins something else. It is there for
people and pages that watch a run; the run itself never reads it.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.engine.settings import TrainSettings

FILE = "progress.json"
STEP, EVALUATING, SAVING = "step", "evaluating", "saving"
EVERY = 0.5  # seconds between two writes
LATELY = 50  # the last steps, whose mean time is the pace


@dataclass(frozen=True)
class ProgressState:
    """The contents of progress.json. step: finished steps; doing: evaluating, saving, decoding a sample, …,
    "" for an ordinary step; done, count: how far that is, 0 of 0 where it is not counted; pace: seconds of
    a step without evaluations and checkpoints, None before the first; left: seconds to the end of the run,
    None while unknown."""

    step: int
    doing: str
    done: int
    count: int
    pace: float | None
    left: float | None

    @property
    def words(self) -> str:
        """What is being done, in words: "evaluating 40 of 256", "saving"; "" for an ordinary step."""
        return f"{self.doing} {self.done:,} of {self.count:,}" if self.count else self.doing


class Progress:
    """Measures how long each kind of work takes, and writes progress.json. path: None for a process that
    does not write it."""

    def __init__(self, path: Path | None, settings: TrainSettings) -> None:
        self.path, self.settings, self.step = path, settings, 0
        self._took: dict[str, deque[float]] = {n: deque(maxlen=LATELY) for n in (STEP, EVALUATING, SAVING)}
        self._now: tuple[str, int, int] = ("", 0, 0)
        self._began, self._written = time.monotonic(), float("-inf")

    @contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """Measure one step, evaluation or checkpoint; work that ends in an exception is not counted."""
        before = self._now
        if kind != STEP:
            self.tell(kind, 0, 0)
        began = time.monotonic()
        yield
        self._took[kind].append(time.monotonic() - began)
        if kind != STEP:
            self.tell(*before)

    def tell(self, doing: str, done: int, count: int) -> None:
        """Note what is done now, and write it when that is due."""
        if doing != self._now[0]:
            self._began, self._written = time.monotonic(), float("-inf")
        self._now = (doing, done, count)
        if self.path is None or time.monotonic() - self._written < EVERY:
            return
        self._written = time.monotonic()
        fresh = self.path.with_name(self.path.name + ".new")
        with suppress(OSError):  # a full disk does not end the run here, but when it saves a checkpoint
            fresh.write_text(json.dumps(asdict(self.state())) + "\n", encoding="utf-8")
            fresh.replace(self.path)

    def state(self) -> ProgressState:
        """What the file would hold now."""
        return ProgressState(self.step, *self._now, self._mean(STEP), self._left())

    def _left(self) -> float | None:
        """Seconds of the steps, evaluations and checkpoints to come, each taking as long as lately."""
        s, (doing, done, count) = self.settings, self._now
        pace = self._mean(STEP)
        if pace is None:
            return None
        elapsed = time.monotonic() - self._began
        duration = elapsed / done * count if done else None  # of what is being done
        evaluation = self._mean(EVALUATING) or (duration if doing == EVALUATING else None) or 0.0
        left = pace * (s.max_steps - self.step)
        left += evaluation * due(self.step, s.max_steps, s.eval_every)
        left += (self._mean(SAVING) or 0.0) * due(self.step, s.max_steps, s.save_every)
        return left + (duration - elapsed if doing == EVALUATING and duration else 0.0)

    def _mean(self, kind: str) -> float | None:
        took = self._took[kind]
        return sum(took) / len(took) if took else None


def due(step: int, last: int, every: int) -> int:
    """How many times something is still due after `step` that is done every `every` steps and at the last
    step; 0 for every = 0."""
    return last // every - step // every + (last % every > 0 and step < last) if every else 0


def read_progress(path: Path) -> ProgressState | None:
    """The contents of a run's progress.json; None where it cannot be read."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        state = ProgressState(**content)
        numbers = (state.step, state.done, state.count, state.pace or 0.0, state.left or 0.0)
        return state if isinstance(state.doing, str) and all(0 <= value < 1e12 for value in numbers) else None
    except (OSError, ValueError, TypeError, RecursionError):
        return None
