"""metrics.jsonl: one line a logged step, append-only; after a resume each step stands there once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Metrics:
    """The log of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, line: Mapping[str, Any]) -> None:
        """Append one line, whole."""
        with self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
            log.flush()
            os.fsync(log.fileno())

    def cut_after(self, step: int) -> None:
        """Drop lines of later steps, and a last line that was cut."""
        if not self.path.exists():
            return
        kept = []
        for line in self.path.read_text(encoding="utf-8").split("\n"):
            try:
                if line and json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
            except ValueError:
                continue
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.write_text("".join(kept), encoding="utf-8")
        fresh.replace(self.path)


class Window:
    """Means over the steps since the last line; saved with a checkpoint, so that a resumed run logs
    what an uninterrupted one would have."""

    def __init__(self, sums: Mapping[str, float] | None = None, steps: int = 0) -> None:
        self.sums, self.steps = dict(sums or {}), steps

    def add(self, figures: Mapping[str, float]) -> None:
        """One step's figures; one that is missing counts in no mean but its own."""
        self.steps += 1
        for name, value in figures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.sums[f"#{name}"] = self.sums.get(f"#{name}", 0.0) + 1

    def means(self) -> dict[str, float]:
        """The means, and a new window."""
        found = {n: v / self.sums[f"#{n}"] for n, v in self.sums.items() if not n.startswith("#")}
        self.sums, self.steps = {}, 0
        return {name: round(value, 6) for name, value in found.items()}
