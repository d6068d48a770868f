"""metrics.jsonl, the log of a run: a line for every logged step, each step once even after a resume."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.whole_file import write_whole


class Metrics:
    """The metrics.jsonl of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, line: Mapping[str, Any]) -> None:
        """Append one line and flush it to the disk. Figures that are not finite become null: JSON has no
        NaN."""
        plain = {key: value if math.isfinite(value) else None for key, value in line.items()}
        with self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(plain) + "\n")
            log.flush()
            os.fsync(log.fileno())

    def has(self, step: int) -> bool:
        """Whether the step has its line."""
        if not self.path.exists():
            return False
        return any(_step_of(line) == step for line in self.path.read_text(errors="replace").split("\n"))

    def cut_after(self, step: int) -> None:
        """Remove the lines of later steps, and lines that were only half written."""
        if not self.path.exists():
            return
        before = self.path.read_text(encoding="utf-8", errors="replace")
        lines = "".join(line + "\n" for line in before.split("\n") if _step_of(line) <= step)
        if lines != before:
            write_whole(self.path, lines)


def _step_of(line: str) -> float:
    """The step of a line; infinity where the line cannot be read."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, TypeError, KeyError):
        return math.inf


class Window:
    """The means of figures over the steps since the last line. The sums are saved in checkpoints, so that a
    resumed run logs what an uninterrupted one would have. sums: of each figure by name, and under #name
    how many values it is the sum of."""

    def __init__(self, sums: Mapping[str, float] | None = None) -> None:
        self.sums = dict(sums or {})

    def add(self, figures: Mapping[str, float]) -> None:
        """Add one step's figures. A figure that a step does not have is left out of its own mean alone."""
        for name, value in figures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.sums[f"#{name}"] = self.sums.get(f"#{name}", 0.0) + 1

    def means(self) -> dict[str, float]:
        """The means of the window, which is then emptied."""
        means = {n: v / self.sums[f"#{n}"] for n, v in self.sums.items() if not n.startswith("#")}
        self.sums = {}
        return {name: round(value, 6) for name, value in means.items()}
