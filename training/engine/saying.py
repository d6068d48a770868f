"""A line on the terminal and in the log, once however many processes there are."""

from __future__ import annotations

import os


def first_process() -> bool:
    """Whether this is the one process that writes and speaks, before accelerate is there to say so."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str) -> None:
    """A line, from one process."""
    if first_process():
        print(text, flush=True)
