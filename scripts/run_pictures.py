"""A whole run as one still picture, for every sampler: `python -m scripts.run_pictures`, in a checkout.

Reads the recorded runs in tests/vectors/traces and writes assets/explain/pictures/NAME.svg. A column is a
cell of the answer, a row a moment at which something changed, from top to bottom. Of several candidates one
is drawn: the one that was kept, or the first where none was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samplers.events import CandidateChosen, CandidatesForked, Event, Started
from samplers.fold import Board, BoardRow
from samplers.recording.traces import read_trace

ROOT = Path(__file__).parents[1]
TRACES = ROOT / "tests" / "vectors" / "traces" / "v0.2"
FOLDER = ROOT / "assets" / "explain" / "pictures"
CLEARER = {
    "backmask": "backmask_window",
    "window_refine": "window_refine_refined",
    "edit": "edit_corrects",
    "wino": "wino_takes_back",
}
"""Sampler -> the recorded run in which it does what it is made for, where that is not the one of its name."""
WIDE, HIGH, GAP = 14, 7, 1  # of a cell, in pixels
STANDS, NEW, BACK, OTHER = "#7f8a9a", "#E69F00", "#D55E00", "#CC79A7"
"""A token that stands; one just written; a mask that came back; a token that replaced another."""
MASK = -1
Moment = tuple[int, ...]
"""The answer at one moment: a token for each cell, or MASK."""


@dataclass(frozen=True)
class Mark:
    """A coloured box: over the columns of one cell, from one row up to another."""

    colour: str
    column: int
    first: int
    end: int

    @property
    def path(self) -> str:
        """Its outline as a part of an SVG path."""
        wide, high = WIDE - GAP, (self.end - self.first) * HIGH - GAP
        return f"M{self.column * WIDE} {self.first * HIGH}h{wide}v{high}h-{wide}z"


def moments(events: Sequence[Event]) -> list[Moment]:
    """The answer of the first row, at first and whenever it has changed."""
    board, winner = Board(), 0
    seen: list[Moment] = []
    for number, event in enumerate(events):
        if isinstance(event, CandidatesForked):
            chosen = next(e for e in events[number:] if isinstance(e, CandidateChosen))
            winner = chosen.winners[0] or 0
        board.apply(event)
        row = board.trunk[0] if board.candidates is None else board.candidates[winner]
        now = _answer(row, board.prompt_length)
        if not seen or now != seen[-1]:
            seen.append(now)
    return seen


def _answer(row: BoardRow, prompt: int) -> Moment:
    cells = zip(row.tokens[prompt:], row.undecided[prompt:], strict=True)
    return tuple(MASK if is_open else token for token, is_open in cells)


def marks(seen: Sequence[Moment]) -> Iterator[Mark]:
    """The boxes of a run, one for as long as a cell stays as it is."""
    for column in range(len(seen[0])):
        stands: Mark | None = None
        for row in range(1, len(seen)):
            before, now = seen[row - 1][column], seen[row][column]
            if before != now:
                if stands:
                    yield stands
                colour = BACK if now == MASK else NEW if before == MASK else OTHER
                yield Mark(colour, column, row, row + 1)
                stands = None
            elif now != MASK:
                stands = replace(stands, end=row + 1) if stands else Mark(STANDS, column, row, row + 1)
        if stands:
            yield stands


def picture(events: Sequence[Event], title: str) -> str:
    """A run as SVG. Its colours can be told apart on a light and on a dark page."""
    seen = moments(events)
    wide, high = len(seen[0]) * WIDE - GAP, len(seen) * HIGH - GAP
    boxes: dict[str, list[str]] = {STANDS: [], NEW: [], BACK: [], OTHER: []}
    for mark in marks(seen):
        boxes[mark.colour].append(mark.path)
    started = events[0]
    assert isinstance(started, Started)
    block = started.settings["block_length"] * WIDE
    edges = "".join(f"M{x} 0v{high}" for x in range(block, wide, block))
    drawn = "\n".join(
        f'<path fill="{colour}" d="{"".join(parts)}"/>' for colour, parts in boxes.items() if parts
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        f'role="img">\n<title>{title}</title>\n'
        f'<rect width="{wide}" height="{high}" fill="{STANDS}" fill-opacity=".16"/>\n{drawn}\n'
        f'<path stroke="{STANDS}" stroke-dasharray="2 2" d="{edges}" transform="translate(-.5)"/>\n</svg>\n'
    )


def pictures() -> Iterator[tuple[str, str]]:
    """(sampler, its picture) of every sampler."""
    from samplers import SAMPLERS

    for name, entry in SAMPLERS.items():
        trace = read_trace(TRACES / f"{CLEARER.get(name, name)}.jsonl")
        yield name, picture(trace.events, f"A run of {entry.title}, cell by cell and step by step")


if __name__ == "__main__":
    for name, drawn in pictures():
        (FOLDER / f"{name}.svg").write_text(drawn, encoding="utf-8")
        print(f"{name}.svg: {len(drawn):,} bytes")
