"""metrics.jsonl: one line a logged step, append-only; after a resume each step stands there once."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.whole_file import write_whole


class Metrics:
    """The log of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, line: Mapping[str, Any]) -> None:
        """Append one line, whole. What is no number is null: JSON has no NaN."""
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
        """Drop lines of later steps, and lines that were cut."""
        if not self.path.exists():
            return
        before = self.path.read_text(encoding="utf-8", errors="replace")
        lines = "".join(line + "\n" for line in before.split("\n") if _step_of(line) <= step)
        if lines != before:
            write_whole(self.path, lines)


def _step_of(line: str) -> float:
    """A line's step; infinity for what is no line of a log."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, TypeError, KeyError):
        return math.inf


class Window:
    """Means over the steps since the last line; its sums are saved with a checkpoint, so that a resumed
    run logs what an uninterrupted one would have."""

    def __init__(self, sums: Mapping[str, float] | None = None) -> None:
        self.sums = dict(sums or {})

    def add(self, figures: Mapping[str, float]) -> None:
        """One step's figures; one that is missing counts in no mean but its own."""
        for name, value in figures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.sums[f"#{name}"] = self.sums.get(f"#{name}", 0.0) + 1

    def means(self) -> dict[str, float]:
        """The means, and a new window."""
        means = {n: v / self.sums[f"#{n}"] for n, v in self.sums.items() if not n.startswith("#")}
        self.sums = {}
        return {name: round(value, 6) for name, value in means.items()}
