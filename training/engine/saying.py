"""Output for people: a line that only the first process prints, and times in units that suit them."""

from __future__ import annotations

import os


def first_process() -> bool:
    """Whether this is the process that prints and writes files; works before accelerate is set up, too."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str) -> None:
    """Print a line, in the first process only."""
    if first_process():
        print(text, flush=True)


def duration(seconds: float) -> str:
    """Seconds in the unit that a person would use: 45 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
