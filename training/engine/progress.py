"""progress.json: what a run is doing at this moment, and for how long it still will.

The file is replaced at most twice a second, and at every change of what is done. Whoever watches a run
reads it; nothing about the run depends on it.
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
LATELY = 50  # steps whose mean is the pace


@dataclass(frozen=True)
class ProgressState:
    """step: finished ones; doing: evaluating, saving, decoding a sample, …, "" between them; done, count:
    how far that is, 0 of 0 where it is not counted; pace: seconds of a step without evaluations and
    checkpoints, None before the first; left: seconds to the end of the run, None as long as unknown."""

    step: int
    doing: str
    done: int
    count: int
    pace: float | None
    left: float | None

    @property
    def words(self) -> str:
        """ "evaluating 40 of 256", "saving"; "" between."""
        return f"{self.doing} {self.done:,} of {self.count:,}" if self.count else self.doing


class Progress:
    """Keeps what each kind of work took, and tells the file. path: None for a process that does not
    write."""

    def __init__(self, path: Path | None, settings: TrainSettings) -> None:
        self.path, self.settings, self.step = path, settings, 0
        self._took: dict[str, deque[float]] = {n: deque(maxlen=LATELY) for n in (STEP, EVALUATING, SAVING)}
        self._now: tuple[str, int, int] = ("", 0, 0)
        self._began, self._written = time.monotonic(), float("-inf")

    @contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """The time of one step, evaluation or checkpoint; work that was broken off does not count."""
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
        with suppress(OSError):  # a full disk ends the run where something is lost by it: at a checkpoint
            fresh.write_text(json.dumps(asdict(self.state())) + "\n", encoding="utf-8")
            fresh.replace(self.path)

    def state(self) -> ProgressState:
        """What the file would say."""
        return ProgressState(self.step, *self._now, self._mean(STEP), self._left())

    def _left(self) -> float | None:
        """Steps, evaluations and checkpoints that are to come, each at what they took lately."""
        s, (doing, done, count) = self.settings, self._now
        pace = self._mean(STEP)
        if pace is None:
            return None
        elapsed = time.monotonic() - self._began
        whole = elapsed / done * count if done else None  # of what is being done
        evaluation = self._mean(EVALUATING) or (whole if doing == EVALUATING else None) or 0.0
        left = pace * (s.max_steps - self.step)
        left += evaluation * due(self.step, s.max_steps, s.eval_every)
        left += (self._mean(SAVING) or 0.0) * due(self.step, s.max_steps, s.save_every)
        return left + (whole - elapsed if doing == EVALUATING and whole else 0.0)

    def _mean(self, kind: str) -> float | None:
        took = self._took[kind]
        return sum(took) / len(took) if took else None


def due(step: int, last: int, every: int) -> int:
    """How often something comes after `step` that comes every so many steps, and at the last one."""
    return last // every - step // every + (last % every > 0 and step < last) if every else 0


def read_progress(path: Path) -> ProgressState | None:
    """What a run's file says; None where there is none that can be read."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        state = ProgressState(**content)
        numbers = (state.step, state.done, state.count, state.pace or 0.0, state.left or 0.0)
        return state if isinstance(state.doing, str) and all(0 <= value < 1e12 for value in numbers) else None
    except (OSError, ValueError, TypeError, RecursionError):
        return None
