"""Several runs on one prompt, advanced in lock-step: the one that has spent least goes next."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field

from llada_viz.decoding.recent import Recent
from llada_viz.decoding.runs import Run
from llada_viz.render.frames import Frame

MEASURES = ("NFE", "time")
MOST = 16


@dataclass
class Comparison:
    """Runs side by side. measure: what keeps them in step, sequences evaluated (NFE) or seconds of
    decoding (time). Every method may be called from any thread."""

    runs: list[Run]
    measure: str = "NFE"
    id: str = field(default_factory=lambda: secrets.token_urlsafe(18))

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._sent = [0] * len(self.runs)

    @property
    def ended(self) -> bool:
        return all(run.ended for run in self.runs)

    def _turn(self, run: Run) -> tuple[float, int]:
        """Whose turn it is: first all first events, which cost nothing, then whoever has spent least."""
        return self.spent(run), len(run.frames)

    def spent(self, run: Run) -> float:
        """What a run has used so far."""
        if self.measure == "time":
            return run.seconds
        return float(run.frames[-1]["nfe"]) if run.frames else 0.0

    def advance(self, seconds: float) -> list[list[Frame]]:
        """Events of whichever run has spent least, until `seconds` have passed or all have ended.
        Returns the new frames of every run; all empty only when there is nothing more."""
        until = time.perf_counter() + seconds
        with self._lock:
            while going := [run for run in self.runs if not run.ended]:
                fresh = min(going, key=self._turn).advance(0)
                if fresh and time.perf_counter() >= until:
                    break
            found = [run.frames[sent:] for run, sent in zip(self.runs, self._sent, strict=True)]
            self._sent = [len(run.frames) for run in self.runs]
            return found

    def stop(self) -> None:
        """End all runs where they are."""
        for run in self.runs:
            run.stop()


class Comparisons(Recent[str, Comparison]):
    """The last comparisons, by id; the oldest is stopped when there are too many."""

    def __init__(self, most: int = MOST) -> None:
        super().__init__(most, Comparison.stop)

    def add(self, comparison: Comparison) -> Comparison:
        """Keep it."""
        return self.put(comparison.id, comparison)
