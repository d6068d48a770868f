"""Turns events into frames: small dicts that say what changed in the one row that the page shows.

The page's script applies frames one after the other, during a run and when a run is replayed.

Every frame has:
  seq     its number, from 0 without gaps
  kind    the kind of event it was made from (KINDS), or "stop"
  step    steps of the denoiser so far
  nfe     sequences that the network evaluated so far
  masks   masked cells left
  filled  cells that became end-of-text after an early stop; the network was not asked about them, so
          their confidence is None
  calls   sequences that a reward model read so far
  t       seconds spent on decoding so far, None in a recorded run
  block   the block the sampler works on, -1: none
  ops     [[position, text, confidence, state], …] of the cells that changed
  say     [lead, sentence, tone]: what happened, in words; tone colours the lead

Some frames have, too:
  meta    sizes and names of the run (render.meta); in the first frame
  prm     [[block, score], …] from a reward model
  ups     {"at": first position, "p": [probability of being re-masked, …], "cut": a cell with more than
          this becomes a mask again}, or None: nothing to show any more
  win     [first block, end block] of the window that is decoded again, or None: no window any more
  reason  why cells were re-masked
  fork    number of candidates that are decoded, 0 once one of them was chosen
  tried   what a candidate was chosen from: {"blocks": [first, end], "won": index, -1 for none of them,
          "before": text that stood there, or None, "list": [[score, text], …]}
and the last frame of a run one of:
  verdict whether the answer is right (render.verdict)
  again   the answer was cut off: the number of cells to try instead, 0: there is no room for more

While candidates are decoded, the first of them is shown. The frame of the choice then writes the cells in
which the chosen one differs.

Positions count from 0 at the first cell of the answer. States: m masked, p pinned, c committed,
e edited, b back-masked, u re-masked by UPS, r re-masked otherwise, t text only (a later token
completed a character of this cell). The text of b, u and r is the token that was dropped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llada_viz.render.candidates import tried
from llada_viz.render.meta import Layout, layout_of
from llada_viz.render.say import sentence
from llada_viz.render.verdict import Golds, is_special, verdict_of
from models.text import cell_texts
from samplers.events import (
    BlockScored,
    CandidateChosen,
    CandidatesForked,
    Edited,
    Event,
    Finished,
    PolicyScored,
    Remasked,
    Started,
    Unmasked,
    WindowTriggered,
)
from samplers.fold import Board

Frame = dict[str, Any]
Op = list[Any]
"""[position, text, confidence, state] of a cell that changed."""
Pieces = Sequence[bytes] | Mapping[int, bytes]
"""The bytes of a token, by its id."""

KINDS: dict[type[Event], str] = {
    Started: "start",
    Unmasked: "unmask",
    Edited: "edit",
    Remasked: "remask",
    PolicyScored: "policy",
    CandidatesForked: "fork",
    BlockScored: "score",
    WindowTriggered: "window",
    CandidateChosen: "choose",
    Finished: "finish",
}
REMASK_STATES = {"backmask": "b", "ups": "u"}
MOST_CELLS = 4096  # of an answer, whatever the model
NO_GOLDS: Golds = MappingProxyType({})


def unit(value: float) -> float | None:
    """A confidence or score for the page: in [0, 1], four digits after the point; None: not finite."""
    return round(min(max(value, 0.0), 1.0), 4) if math.isfinite(value) else None


class FrameMaker:
    """Makes the frames of one row, event after event.

    pieces: the bytes of every token id; row: which row of the batch is shown; golds: right answers by
    prompt, for the verdict; most_cells: of an answer that the model could write instead. EventError: an
    event does not fit what came before.
    """

    def __init__(
        self, pieces: Pieces, row: int = 0, golds: Golds = NO_GOLDS, most_cells: int = MOST_CELLS
    ) -> None:
        self.pieces, self.row, self.golds, self.most_cells = pieces, row, golds, most_cells
        self.board = Board()
        self.layout = Layout()
        self.seq = self.calls = self.steps = self.filled = self.times_scored = 0
        self.texts: list[str] = []
        self.texts_before: list[str] = []  # before the newest event
        self.scored: dict[
            int, tuple[float | None, ...]
        ] = {}  # block -> scores of the candidates that are open
        self.window: tuple[int, int] | None = None  # blocks, end excluded
        self.tried: Frame | None = None  # the field `tried` of the frame in the making

    def frame(self, event: Event, t: float | None = None) -> Frame:
        """The next frame. t: seconds spent on decoding."""
        before, unasked = self._shown(), isinstance(event, Unmasked) and event.step < 0
        self.tried = tried(self, event) if isinstance(event, CandidateChosen) else None
        self.board.apply(event)
        if isinstance(event, Started):
            self.layout = layout_of(event, self.row, self.pieces)
        if isinstance(event, Unmasked):
            self.steps += not unasked
            self.filled += unasked * sum(cell.row == self.row for cell in event.cells)
        extra = self._extra(event)
        ops = self._ops(event, before)
        if isinstance(event, Unmasked) and unasked:
            ops = [[position, text, None, state] for position, text, _, state in ops]
        frame = self._frame(KINDS[type(event)], t) | {"block": event.block, "ops": ops, **extra}
        frame["say"] = sentence(event, frame, self)
        return frame

    def _frame(self, kind: str, t: float | None) -> Frame:
        """The fields that every frame has, under the next number."""
        self.seq += 1
        return {
            "seq": self.seq - 1, "kind": kind, "step": self.steps, "nfe": self.board.nfe,
            "masks": sum(self.board.rows[self.place].undecided) if self.board.trunk else 0,
            "filled": self.filled, "calls": self.calls, "t": None if t is None else round(t, 3),
            "block": -1, "ops": [],
        }  # fmt: skip

    def stopped(self, t: float | None = None) -> Frame:
        """The frame that ends a run stopped by its user."""
        return self._end("Stopped", "", "", t)

    def broken(self, error: Exception, t: float | None = None) -> Frame:
        """The frame that ends a run whose sampler raised."""
        return self._end("Broke off", f": {error}", "back", t)

    def _end(self, lead: str, why: str, tone: str, t: float | None) -> Frame:
        frame = self._frame("stop", t) | {"fork": 0, "win": None}
        masks = frame["masks"]
        left = f"{masks or 'no'} mask{'' if masks == 1 else 's'} left"
        steps = f" of {self.layout.steps}" if self.layout.steps else ""
        return frame | {"say": [lead, f"at step {self.steps}{steps}, {left}{why}.", tone]}

    def blocks_of(self, span: tuple[int, int]) -> range:
        """The blocks that absolute positions [start, stop) touch."""
        start, stop = (self._relative(p) for p in span)
        size = self.layout.block_length
        last = -(-self.layout.gen_length // size)
        return range(max(start // size, 0), min(-(-stop // size), last))

    def _relative(self, position: int) -> int:
        return position - self.board.prompt_length

    @property
    def place(self) -> int:
        """The row of the board that is shown: the first candidate of an open fork, else the trunk."""
        return self.row * self.board.k if self.board.candidates is not None else self.row

    def _shown(self) -> list[int]:
        return self.board.rows[self.place].tokens[self.board.prompt_length :] if self.board.trunk else []

    def _ops(self, event: Event, before: list[int]) -> list[Op]:
        """The shown cells that changed, and those whose text did: a later token completed a character."""
        texts, self.texts = self.texts, cell_texts(self.pieces, self._shown(), self.board.mask_id)
        self.texts_before = texts
        states = self._states(event, before)
        confidence = self._confidence(event)
        ops: list[Op] = []
        for position, state in sorted(states.items()):
            # A re-masked cell shows the token that was dropped.
            shown = texts if state in "bur" else self.texts
            ops.append([position, shown[position], confidence[position], state])
        for position, (old, new) in enumerate(zip(texts, self.texts, strict=False)):
            if old != new and position not in states:
                ops.append([position, new, None, "t"])
        return ops

    def _states(self, event: Event, before: list[int]) -> dict[int, str]:
        """position -> state, of the shown cells that the event changed."""
        now = self._shown()
        if isinstance(event, Started):
            return {i: "m" if token == event.mask_id else "p" for i, token in enumerate(now)}
        if isinstance(event, CandidateChosen):
            changed = (i for i, (old, new) in enumerate(zip(before, now, strict=True)) if old != new)
            return {i: "b" if now[i] == self.board.mask_id else "c" for i in changed}
        if not isinstance(event, (Unmasked, Edited, Remasked)):
            return {}
        state = "c" if isinstance(event, Unmasked) else "e"
        if isinstance(event, Remasked):
            state = REMASK_STATES.get(event.reason, "r")
        return {self._relative(cell.position): state for cell in event.cells if cell.row == self.place}

    def _confidence(self, event: Event) -> list[float | None]:
        """Of each shown cell. A cell that was just re-masked keeps the confidence of the token it lost."""
        values = self.board.rows[self.place].confidence[self.board.prompt_length :]
        if isinstance(event, Remasked):
            for cell in event.cells:
                if cell.row == self.place:
                    values[self._relative(cell.position)] = cell.confidence
        return [None if value is None else unit(value) or 0.0 for value in values]

    def _extra(self, event: Event) -> Frame:
        """The fields that only some kinds of frame have."""
        if isinstance(event, Started):
            return {"meta": self.layout.meta(), "fork": 0}
        if isinstance(event, CandidatesForked):
            self.scored = {}
            return {"fork": event.k}
        if isinstance(event, BlockScored):
            return self._block_scored(event)
        if isinstance(event, WindowTriggered) and event.row == self.row:
            return self._window(event)
        if isinstance(event, PolicyScored) and self.row < len(event.scores):
            p = [unit(1 - score) for score in event.scores[self.row]]
            cut = unit(1 - event.keep[self.row]) if self.row < len(event.keep) else None
            return {"ups": {"at": self._relative(event.span[0]), "p": p, "cut": cut}}
        if isinstance(event, Remasked):
            return {"reason": event.reason[:20]}
        if isinstance(event, CandidateChosen):
            return self._chosen(event)
        if isinstance(event, Finished):
            return {"win": None, "ups": None} | self._outcome(event)
        if isinstance(event, Unmasked) and self.window and not self._masks_in_window():
            self.window = None
            return {"win": None, "ups": None}
        return {}

    def _outcome(self, event: Finished) -> Frame:
        """The verdict; or, where the answer did not end within its cells, twice as many cells to try, or as
        many as there is room for."""
        verdict = verdict_of(self.layout.prompt, self.texts, self.golds)
        reason = event.stop_reasons[self.row] if self.row < len(event.stop_reasons) else ""
        ended = reason in ("eos", "left") or any(map(is_special, self.texts))
        if ended or (verdict is not None and verdict["right"]):
            return {} if verdict is None else {"verdict": verdict}
        room = min(2 * self.layout.gen_length, self.most_cells, MOST_CELLS)
        room -= room % self.layout.block_length  # whole blocks
        return {"again": room if room > self.layout.gen_length else 0}

    def _block_scored(self, event: BlockScored) -> Frame:
        self.calls = event.scorer_calls
        self.times_scored += 1
        blocks = self.blocks_of(event.span)
        if self.board.candidates is not None:
            k = self.board.k
            candidate_scores = event.scores[self.row * k : (self.row + 1) * k]
            self.scored |= dict.fromkeys(blocks, candidate_scores)
            return {}
        score = event.scores[self.row] if self.row < len(event.scores) else None
        return {} if score is None else {"prm": [[block, unit(score)] for block in blocks]}

    def _window(self, event: WindowTriggered) -> Frame:
        blocks = self.blocks_of(event.span)
        self.window = (blocks.start, blocks.stop)
        size = self.layout.block_length
        p = [unit(q) for q in event.remask_probabilities for _ in range(size)]
        extra: Frame = {"win": list(self.window), "ups": {"at": blocks.start * size, "p": p}}
        if len(event.scores) == len(blocks):
            extra["prm"] = [[b, unit(s)] for b, s in zip(blocks, event.scores, strict=True)]
        return extra

    def _chosen(self, event: CandidateChosen) -> Frame:
        winner = event.winners[self.row] if self.row < len(event.winners) else None
        extra: Frame = {"fork": 0, "win": None, "ups": None}
        if winner is not None:
            won = ((block, scores[winner]) for block, scores in self.scored.items() if winner < len(scores))
            extra["prm"] = [[block, unit(score)] for block, score in won if score is not None]
        self.window = None
        return extra | ({"tried": self.tried} if self.tried else {})

    def _masks_in_window(self) -> bool:
        assert self.window is not None
        start, stop = (block * self.layout.block_length for block in self.window)
        return self.board.mask_id in self._shown()[start:stop]
