"""Runs of one row written by hand: a token is a character, 0 is the mask, 1 ends the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from samplers.events import Cell, Event, Finished, Started, Unmasked

MASK, END = 0, 1
PROMPT = 2  # cells of the prompt
PIECES = [bytes([i]) for i in range(128)]
FIELDS = {"expression": "1 + 2 + 3"}
RIGHT = "1 + 2 = 3\n3 + 3 = 6\n\\boxed{6}"
WRONG = "1 + 2 = 4\n4 + 3 = 7\n\\boxed{7}"
CELLS = len(RIGHT) + 1  # with the end of the text
FIRST_LINE = (PROMPT, PROMPT + 10)
PLACES = [i + PROMPT for i, (a, b) in enumerate(zip(RIGHT, WRONG, strict=True)) if a != b]
"""Where the two differ: the result of line 1, twice in line 2, in the box."""


def started() -> Started:
    """An answer of masks behind a prompt."""
    tokens = (65,) * PROMPT + (MASK,) * CELLS
    known: dict[str, Any] = {"attention_mask": ((True,) * len(tokens),), "mask_id": MASK, "settings": {}}
    return Started(nfe=0, tokens=(tokens,), prompt_length=PROMPT, **known)


def cells(
    text: str, places: Sequence[int] | None = None, confidence: float = 0.5, row: int = 0
) -> tuple[Cell, ...]:
    """The cells of an answer, with the end of the text; places: positions, else all."""
    ids = [*text.encode(), END]
    chosen = range(PROMPT, PROMPT + CELLS) if places is None else places
    return tuple(Cell(row, p, ids[p - PROMPT], confidence) for p in chosen)


def written(text: str, places: Sequence[int] | None = None, **more: Any) -> Unmasked:
    """One forward that writes an answer, or some of its cells."""
    row = int(more.pop("row", 0))
    return Unmasked(nfe=1, step=0, cells=cells(text, places, row=row), **more)


def finished(text: str = RIGHT) -> Finished:
    """The end of a run."""
    return Finished(nfe=2, tokens=((65, 65, *text.encode(), END),), stop_reasons=("steps",))


def run(*between: Event) -> list[Event]:
    """A whole run that ends right."""
    return [started(), *between, finished()]
