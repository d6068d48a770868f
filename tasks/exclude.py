"""Writes the hashes of published test problems to a file, so that those are never generated."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tasks.core import EXCLUDED_FILE, excluded_digest, require


def countdown_key(numbers: list[int], target: int) -> str:
    """The key of a countdown problem: sorted numbers, then the target."""
    return ",".join(str(n) for n in sorted(numbers)) + f"={target}"


def published_keys(folder: Path) -> dict[str, list[str]]:
    """Keys of the test problems in sudoku4x4_test.csv and countdown3_test.jsonl of a folder."""
    with (folder / "sudoku4x4_test.csv").open(newline="") as lines:
        sudoku = [row["Puzzle"] for row in csv.DictReader(lines)]
    for puzzle in sudoku:
        require(len(puzzle) == 16 and puzzle.isdigit(), "Puzzle", puzzle, "16 digits")
    countdown = []
    for line in (folder / "countdown3_test.jsonl").read_text().splitlines():
        if line.strip():
            row = json.loads(line)
            numbers = [int(n) for n in str(row["input"]).split(",")]
            countdown.append(countdown_key(numbers, int(row["output"])))
    return {"sudoku": sudoku, "countdown": countdown}


def write_excluded(folder: Path, path: Path = EXCLUDED_FILE) -> int:
    """Write the hashes of a folder's test problems and return how many there are."""
    keys = published_keys(folder)
    digests = {task: sorted({excluded_digest(task, key) for key in keys[task]}) for task in keys}
    path.write_text(json.dumps(digests, indent=1) + "\n")
    return sum(map(len, digests.values()))
