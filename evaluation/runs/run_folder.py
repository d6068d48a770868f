"""The folder of a run: manifest.json, set.jsonl, results.jsonl and overrides.jsonl.

results.jsonl has one line for each finished row. Lines are appended under a lock and never rewritten, except
that a last line which was cut short (the machine went down) is dropped. A reader gets whole lines only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from evaluation.sets.problem_sets import Problem, ProblemSet
from models.whole_file import write_whole

ResultRow = dict[str, Any]
"""A line of results.jsonl: the answer of one line of the run to one problem, its grade and its cost."""
RowKey = tuple[str, int]
"""The label of a line, and the number of a problem."""


class RunError(ValueError):
    """A run folder that cannot be used; the message says why and what to do."""


class RunFolder:
    """Files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results = path / "results.jsonl"
        self.overrides = path / "overrides.jsonl"

    def open(self, manifest: Mapping[str, Any], problems: ProblemSet) -> None:
        """Begin a run, or go on with the same one, maybe with more lines or more rows at its end;
        RunError names what differs."""
        self.path.mkdir(parents=True, exist_ok=True)
        manifest_file = self.path / "manifest.json"
        with self._lock():
            merged, rows = dict(manifest), list(problems.problems)
            if manifest_file.exists():
                merged, rows = self._joined(self.manifest(), manifest), self._grown(rows)
            merged["data"] = {**merged["data"], "rows": len(rows)}
            write_whole(self.path / "set.jsonl", "".join(json.dumps(asdict(p)) + "\n" for p in rows))
            write_whole(manifest_file, json.dumps(merged, indent=1) + "\n")

    def alone(self) -> FileLock:
        """A lock for the process that does the run: two at once would do every row twice."""
        try:
            lock = FileLock(self.path / ".running", timeout=0)
            lock.acquire()
        except Timeout:
            raise RunError(f"out = {self.path.name!r} is being run by another process") from None
        return lock

    def _joined(self, before: dict[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
        """The old manifest with lines that are new; everything else must be the same."""
        for key, value in now["identity"].items():
            if before["identity"].get(key, "") != value:  # "": before there were adapters
                raise self._another_run(key)
        lines = {line["label"]: line for line in before["lines"]}
        for line in now["lines"]:
            if lines.setdefault(line["label"], line) != line:
                raise self._another_run(f"line {line['label']!r}")
        return {**before, "lines": list(lines.values())}

    def _grown(self, problems: list[Problem]) -> list[Problem]:
        """The longer of the old and the new rows, of which one must begin with the other."""
        earlier = self.problems()
        for old, new in zip(earlier, problems, strict=False):
            if old != new:
                raise self._another_run(f"row {new.number}")
        return max(earlier, problems, key=len)

    def _another_run(self, difference: str) -> RunError:
        return RunError(
            f"out = {self.path.name!r} holds another run: its {difference} differs; "
            "give the same arguments to go on with it, or another folder"
        )

    def manifest(self) -> dict[str, Any]:
        """manifest.json."""
        try:
            manifest = json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path} holds no run: manifest.json: {error}") from None
        return dict(manifest)

    def problems(self) -> list[Problem]:
        """set.jsonl."""
        return [Problem(**row) for row in whole_lines(self.path / "set.jsonl")]

    def rows(self) -> list[ResultRow]:
        """The finished rows, the first of each (line, row), in the order of the file."""
        first_rows: dict[RowKey, ResultRow] = {}
        for row in whole_lines(self.results):
            first_rows.setdefault((row["line"], row["row"]), row)
        return list(first_rows.values())

    def append(self, rows: Iterable[ResultRow]) -> None:
        """Add finished rows; other processes may be adding theirs."""
        text = "".join(json.dumps(row) + "\n" for row in rows)
        with self._lock():
            _append(self.results, text)

    def judged(self) -> list[ResultRow]:
        """The finished rows with the grades that a person has set; those carry `by_hand`."""
        by_hand: dict[RowKey, ResultRow] = {}
        for override in whole_lines(self.overrides):
            by_hand[override["line"], override["row"]] = override
        rows = []
        for row in self.rows():
            override = by_hand.get((row["line"], row["row"]))
            changed = {} if override is None else {"correct": override["correct"], "by_hand": True}
            rows.append({**row, **changed})
        return rows

    def override(self, line: str, row: int, correct: bool | None) -> None:
        """Set a grade by hand; the row in results.jsonl stays as it is."""
        with self._lock():
            _append(self.overrides, json.dumps({"line": line, "row": row, "correct": correct}) + "\n")

    def write(self, name: str, text: str) -> Path:
        """A file beside the results, replaced whole; returns its path."""
        write_whole(self.path / name, text)
        return self.path / name

    def _lock(self) -> FileLock:
        return FileLock(self.path / ".lock")


def whole_lines(path: Path) -> list[Any]:
    """The JSON values of all lines that end; a missing file has none."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    try:
        return [json.loads(line) for line in lines if line]
    except ValueError as error:
        raise RunError(f"{path.name} has a line that is not JSON ({error}); remove that line") from None


def _append(path: Path, text: str) -> None:
    """Add whole lines; a last line that was cut is dropped first."""
    with path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
