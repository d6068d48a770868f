"""The metrics of a run that is still going on: each call reads only the lines that are new."""

from __future__ import annotations

import json
import math
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llada_viz.jobs.tailing import read_new

PACE = 20  # newest log lines over which the seconds of a step are averaged
Point = tuple[int, float]


@dataclass
class TrainingLog:
    """metrics.jsonl. lines: one dict of numbers for each logged step, in the order of the steps."""

    path: Path
    lines: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._offset, self._file, self._lock = 0, 0, threading.Lock()

    def read(self) -> list[dict[str, float]]:
        """All lines logged so far. A resumed run replaces the file by one without the steps that it does
        again; that is noticed (another inode), and the new file is read from its beginning."""
        with self._lock:
            self._read()
            return self.lines

    def _read(self) -> None:
        try:
            file = self.path.stat().st_ino
        except FileNotFoundError:
            return
        if file != self._file:
            self._offset, self._file, self.lines = 0, file, []
        while True:
            fresh, self._offset = read_new(self.path, self._offset)
            if not fresh:
                return
            self.lines += [line for text in fresh if (line := numbers(text))]

    @property
    def step(self) -> int:
        """The last step that was logged."""
        return int(self.lines[-1]["step"]) if self.lines else 0

    @property
    def pace(self) -> float | None:
        """Seconds of a step, averaged over the newest lines; None before the second line."""
        last = [line for line in self.lines[-PACE:] if "seconds" in line]
        if len(last) < 2 or last[-1]["step"] <= last[0]["step"]:
            return None
        return (last[-1]["seconds"] - last[0]["seconds"]) / (last[-1]["step"] - last[0]["step"])

    def curves(self) -> dict[str, list[Point]]:
        """name -> (step, value) points, in the order in which the names came."""
        curves: dict[str, list[Point]] = {}
        for line in self.lines:
            for name, value in line.items():
                if name not in ("step", "seconds"):
                    curves.setdefault(name, []).append((int(line["step"]), value))
        return curves


def numbers(text: str) -> dict[str, float]:
    """The finite numbers of a line of metrics; {} of any other text."""
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(data, dict) or type(data.get("step")) is not int:
        return {}
    return {str(k): v for k, v in data.items() if type(v) in (int, float) and math.isfinite(v)}
