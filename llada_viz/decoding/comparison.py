"""Several runs on one prompt, kept in step: the run that has spent least decodes the next event."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from llada_viz.decoding.recent import Recent
from llada_viz.decoding.runs import NUMBERS, Run
from llada_viz.render.frames import Frame
from samplers.measuring.judges import ends_among
from samplers.measuring.measures_command import measured

MEASURES = ("NFE", "time")
MOST_COMPARISONS = 16


@dataclass(frozen=True)
class Asked:
    """What a comparison was asked for. line_up: the text of the samplers' form; sizes: name -> value, of all
    samplers; scorer: what judges unfinished answers."""

    prompt: str
    line_up: str
    sizes: dict[str, Any]
    seed: Any
    scorer: str


@dataclass
class Comparison:
    """Runs side by side. measure: what keeps them in step, sequences evaluated (NFE) or seconds of
    decoding (time); names: of the runs on the page, their samplers' titles where there are none; asked: None
    where a saved trace is among them; number: higher than that of every comparison before it. Every method
    may be called from any thread."""

    runs: list[Run]
    measure: str = "NFE"
    names: Sequence[str] = ()
    asked: Asked | None = None
    id: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    number: int = field(default_factory=lambda: next(NUMBERS))

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._sent = [0] * len(self.runs)

    @property
    def ended(self) -> bool:
        return all(run.ended for run in self.runs)

    def _turn(self, run: Run) -> tuple[float, int]:
        """Sort key: the smallest goes next. Runs that spent the same go by frames, so all begin first."""
        return self.spent(run), len(run.frames)

    def spent(self, run: Run) -> float:
        """What a run has used so far."""
        if self.measure == "time":
            return run.seconds
        return float(run.frames[-1]["nfe"]) if run.frames else 0.0

    def advance(self, seconds: float) -> list[list[Frame]]:
        """Decode for about `seconds`, always the run that has spent least.

        Returns the new frames of each run; all of them empty only when all runs have ended.
        """
        deadline = time.perf_counter() + seconds
        with self._lock:
            while unfinished := [run for run in self.runs if not run.ended]:
                advanced = min(unfinished, key=self._turn).advance(0)
                if advanced and time.perf_counter() >= deadline:
                    break
            new_frames = [run.frames[sent:] for run, sent in zip(self.runs, self._sent, strict=True)]
            self._sent = [len(run.frames) for run in self.runs]
            return new_frames

    def measures(self) -> list[dict[str, Any]]:
        """Of each run what it did: tokens a pass, order and so on; {} of one that goes on or has no event."""
        return [measures_of(run) if run.ended and run.events else {} for run in self.runs]

    def belongs_to(self, owner: str) -> None:
        """Say whose runs these are."""
        for run in self.runs:
            run.belongs_to(owner)

    def stop(self) -> None:
        """End all runs where they are."""
        for run in self.runs:
            run.stop()


def measures_of(run: Run) -> dict[str, Any]:
    """The numbers of a run that has ended, as far as two runs are compared by them."""
    trace = run.trace()
    data = measured(trace.events, trace.pieces, ends_among(trace.pieces))
    return {name: data[name] for name in ("tpf", "tau")}


def different_names(titles: Sequence[str]) -> list[str]:
    """Names that tell runs apart: those that occur more than once get a number."""
    return [
        f"{title} ({list(titles[: place + 1]).count(title)})" if list(titles).count(title) > 1 else title
        for place, title in enumerate(titles)
    ]


class Comparisons(Recent[str, Comparison]):
    """The last comparisons by id; one that is forgotten for want of room is stopped."""

    def __init__(self, most: int = MOST_COMPARISONS) -> None:
        super().__init__(most, Comparison.stop)

    def add(self, comparison: Comparison) -> Comparison:
        """Keep a comparison under its id."""
        return self.put(comparison.id, comparison)

    def run_of(self, comparison_id: object, lane: object) -> Run | None:
        """The run of a lane, None where there is none (any more). Both may come from a browser."""
        comparison = self.get(comparison_id)
        if comparison is None or type(lane) is not int or not 0 <= lane < len(comparison.runs):
            return None
        return comparison.runs[lane]

    def leave(self, owner: str) -> None:
        """A visitor is gone: stop what goes on of his."""
        for comparison in self.values():
            if owner and any(run.owner == owner and not run.ended for run in comparison.runs):
                comparison.stop()

    def busy(self) -> bool:
        """Whether one of them is being decoded."""
        return any(run.going_on for comparison in self.values() for run in comparison.runs)
