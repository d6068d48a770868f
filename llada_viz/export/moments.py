"""A run at one moment, folded from its frames: what a drawn picture shows. The page's script folds the same
frames (assets/canvas/timeline.mjs)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llada_viz.render.frames import Frame
from llada_viz.render.meta import Layout
from llada_viz.render.verdict import is_special

MASKS, NOISE, BACK = "mburx", "nzy", "brx"
SPECIAL = {"<|endoftext|>": "eos", "<|eot_id|>": "eot"}


@dataclass(frozen=True)
class Shown:
    """A cell. text: as it is drawn; state: a letter of frames.py; confidence: None where nobody knows; at:
    the number of the frame that wrote it."""

    text: str = ""
    state: str = "m"
    confidence: float | None = None
    at: int = -1

    @property
    def is_open(self) -> bool:
        """Whether it is undecided."""
        return self.state in MASKS or self.state in NOISE


@dataclass(frozen=True)
class Moment:
    """The answer after a frame. cells: by position; ids: theirs; scores: of blocks; broken: positions
    [first, end) of the first wrong line."""

    frame: Frame
    ids: Sequence[int]
    cells: Sequence[Shown]
    scores: Mapping[int, float]
    broken: tuple[int, int] = (0, 0)


UNWRITTEN = Shown()


def drawn_text(text: str) -> str:
    """A token as it stands in a picture: what could not be seen becomes a word or a sign."""
    if is_special(text):
        return SPECIAL.get(text, text[2:-2])
    bare = text.strip(" ")
    if not bare:
        return "·" if not text else "_"
    return bare.replace("\r", "").replace("\n", "¶").replace("\t", "»")


class Fold:
    """The frames of a run, folded up to any of them; going on is quick, going back begins anew."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.frames = frames
        self._begin()

    def _begin(self) -> None:
        self.done = 0  # frames that are folded
        self._ids: list[int] = []
        self._cells: dict[int, Shown] = {}
        self._scores: dict[int, float] = {}

    def at(self, number: int) -> Moment:
        """The moment after frame `number`."""
        if number < self.done - 1:
            self._begin()
        while self.done <= number:
            self._apply(self.frames[self.done])
        frame = self.frames[number]
        broken = (frame.get("verdict") or {}).get("cells") or (0, 0)
        cells = [self._cells.get(i, UNWRITTEN) for i in self._ids]
        return Moment(frame, self._ids, cells, dict(self._scores), tuple(broken))

    def _apply(self, frame: Frame) -> None:
        if "meta" in frame:
            self._ids, self._cells, self._scores = list(range(frame["meta"]["gen_length"])), {}, {}
        self._ids = _order(self._ids, frame)
        for cell, text, confidence, state in frame["ops"]:
            old = self._cells.get(cell, UNWRITTEN)
            self._cells[cell] = _written(old, text, confidence, state, self.done)
        self._scores.update({block: score for block, score in frame.get("prm", ()) if score is not None})
        self.done += 1


def _order(ids: list[int], frame: Mapping[str, Any]) -> list[int]:
    if "ins" not in frame and "del" not in frame:
        return ids
    gone = set(frame.get("del", ()))
    came: dict[int | None, list[int]] = {before: new for before, new in frame.get("ins", ())}
    kept: list[int] = []
    for one in ids:
        kept += came.get(one, [])
        if one not in gone:
            kept.append(one)
    return kept + came.get(None, [])


def _written(old: Shown, text: str, confidence: float | None, state: str, number: int) -> Shown:
    if state == "t":
        return replace(
            old, text=drawn_text(text), confidence=old.confidence if confidence is None else confidence
        )
    shown = "" if state in MASKS else drawn_text(text)
    return Shown(shown, state, None if state in MASKS + NOISE else confidence, number)


def rows(moment: Moment, layout: Layout) -> list[range]:
    """The positions of each block."""
    count = len(moment.cells)
    blocks = layout.block_of(count - 1) + 1 if count else 0
    return [range(layout.start_of(b), min(layout.start_of(b + 1), count)) for b in range(blocks)]
