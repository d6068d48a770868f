"""Turns events into frames: small dicts that say what changed in the one row that the page shows.

The page's script applies frames one after the other, during a run and when a run is replayed.

Every frame has:
  seq     its number, from 0 without gaps
  kind    the kind of event it was made from (KINDS), or "stop"
  step    steps of the denoiser so far
  nfe     sequences that the network evaluated so far
  masks   undecided cells left, masks or noise
  filled  cells that became end-of-text after an early stop; the network was not asked about them, so
          their confidence is None
  calls   sequences that a reward model read so far
  t       seconds spent on decoding so far, None in a recorded run
  block   the block the sampler works on, -1: none
  ops     [[id, text, confidence, state], …] of the cells that changed
  say     [lead, sentence, tone]: what happened, in words; tone colours the lead

Some frames have, too:
  meta    sizes and names of the run (render.meta); in the first frame
  ins     [[id or None, [ids of new cells]], …]: where cells came in, before the one of that id, or at the end
  del     [id, …]: cells that are gone. Both come before the frame's ops, which write the new cells
  drafts  [[id, [[text, probability], …]], …]: what the network would write in undecided cells, likeliest
          first, where it differs from what was sent before; []: no draft. A cell's draft ends when an op
          other than t writes it
  prm     [[block, score], …] from a reward model
  ups     {"at": first position, "p": [probability of being re-masked, …], "cut": a cell with more than
          this becomes a mask again}, or None: nothing to show any more
  win     [first block, end block] of the window that is decoded again, or None: no window any more
  reason  why cells were re-masked, or that they were edited by hand
  fork    number of candidates that are decoded, 0 once one of them was chosen
  tried   what a candidate was chosen from: {"blocks": [first, end], "won": index, -1 for none of them,
          "before": text that stood there, or None, "list": [[score, text], …]}
and the last frame of a run one of:
  verdict whether the answer is right (render.verdict)
  again   the answer was cut off: the number of cells to try instead, 0: there is no room for more

While candidates are decoded, the first of them is shown. The frame of the choice then writes the cells in
which the chosen one differs.

Cells have ids (render.ops), which stay with them when others come or go; at first a cell's id is its
position, from 0 at the first cell of the answer. States: m masked, n noise (an undecided cell without a
mask), p pinned, s there from the start, c committed, e edited, d drafted (waits for its check), v verified,
b back-masked, u re-masked by UPS, r re-masked otherwise, x a rejected draft, a mask again, z re-noised,
y a rejected draft that is noise again, t text only (a later token completed a character of this cell; a
confidence is new, None: as it was). The text of b, u, r and x is the token that was dropped, that of z and y
the noise.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from llada_viz.render.candidates import tried
from llada_viz.render.meta import Layout, layout_of
from llada_viz.render.ops import Op, Pieces, Seen, ops_of, seen_now, unit
from llada_viz.render.order import change
from llada_viz.render.say import sentence
from llada_viz.render.say_cells import undecided
from llada_viz.render.verdict import Golds, is_special, verdict_of
from models.text import cell_texts
from samplers.events import (
    BlockScored,
    Branched,
    CandidateChosen,
    CandidatesForked,
    Deleted,
    Drafted,
    Edited,
    Event,
    Finished,
    Inserted,
    PolicyScored,
    Predicted,
    Remasked,
    Renoised,
    Started,
    Unmasked,
    Verified,
    WindowTriggered,
)
from samplers.fold import Board, BoardRow, Draft

Frame = dict[str, Any]

KINDS: dict[type[Event], str] = {
    Started: "start",
    Branched: "branch",
    Unmasked: "unmask",
    Edited: "edit",
    Remasked: "remask",
    Renoised: "renoise",
    Inserted: "insert",
    Deleted: "delete",
    Predicted: "predict",
    Drafted: "draft",
    Verified: "verify",
    PolicyScored: "policy",
    CandidatesForked: "fork",
    BlockScored: "score",
    WindowTriggered: "window",
    CandidateChosen: "choose",
    Finished: "finish",
}
MOST_CELLS = 4096  # of an answer, whatever the model
MOST_DRAFTS = 5  # of one cell
NO_GOLDS: Golds = MappingProxyType({})


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
        self.seen = self.before = Seen()  # the row after, and before, the newest event
        self.drafts: dict[int, list[list[Any]]] = {}  # by id, as the page has them
        self.scored: dict[
            int, tuple[float | None, ...]
        ] = {}  # block -> scores of the candidates that are open
        self.window: tuple[int, int] | None = None  # blocks, end excluded
        self.tried: Frame | None = None  # the field `tried` of the frame in the making

    def frame(self, event: Event, t: float | None = None) -> Frame:
        """The next frame. t: seconds spent on decoding."""
        unasked = isinstance(event, Unmasked) and event.step < 0
        self.tried = tried(self, event) if isinstance(event, CandidateChosen) else None
        self.board.apply(event)
        self.before = Seen() if isinstance(event, Started) else self.seen
        self.seen = seen_now(self.board, self._row, self.pieces, self.before)
        if isinstance(event, Started):
            self.layout = layout_of(event, self.row, self.pieces)
        if isinstance(event, Unmasked):
            self.steps += not unasked
            self.filled += unasked * sum(cell.row == self.row for cell in event.cells)
        extra = self._extra(event)
        ops = ops_of(event, self.before, self.seen, self.board, self.place)
        extra = self._order(event) | self._drafts(event, ops) | extra
        if unasked or self.layout.unsure:
            ops = [[cell, text, None, state] for cell, text, _, state in ops]
        frame = self._frame(KINDS[type(event)], t) | {"block": event.block, "ops": ops, **extra}
        frame["say"] = sentence(event, frame, self)
        return frame

    def _frame(self, kind: str, t: float | None) -> Frame:
        """The fields that every frame has, under the next number."""
        self.seq += 1
        return {
            "seq": self.seq - 1, "kind": kind, "step": self.steps, "nfe": self.board.nfe,
            "masks": sum(self.seen.undecided),
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
        left = f"{undecided(frame['masks'], self.layout.noise)} left"
        steps = f" of {self.layout.steps}" if self.layout.steps else ""
        return frame | {"say": [lead, f"at step {self.steps}{steps}, {left}{why}.", tone]}

    def blocks_of(self, span: tuple[int, int]) -> range:
        """The blocks that absolute positions [start, stop) touch."""
        start, stop = (self._relative(p) for p in span)
        first, stop = self.layout.block_of(max(start, 0)), min(stop, len(self.seen.ids))
        return range(first, self.layout.block_of(stop - 1) + 1 if stop > 0 else first)

    def _relative(self, position: int) -> int:
        return position - self.board.prompt_length

    @property
    def place(self) -> int:
        """The row of the board that is shown: the first candidate of an open fork, else the trunk."""
        return self.row * self.board.k if self.board.candidates is not None else self.row

    @property
    def _row(self) -> BoardRow:
        return self.board.rows[self.place]

    def where(self) -> dict[int, int]:
        """id -> position of the cells that stand now."""
        return {cell: position for position, cell in enumerate(self.seen.ids)}

    def _order(self, event: Event) -> Frame:
        """The fields ins and del."""
        if isinstance(event, Started) or self.seen.ids == self.before.ids:
            return {}
        gone, came = change(self.before.ids, self.seen.ids)
        for cell in gone:
            self.drafts.pop(cell, None)
        fields: Frame = {"del": gone, "ins": [list(each) for each in came]}
        return {name: value for name, value in fields.items() if value}

    def _drafts(self, event: Event, ops: list[Op]) -> Frame:
        """The field drafts; what is written has none any more."""
        for cell, _, _, state in ops:
            if state != "t":
                self.drafts.pop(cell, None)
        if not isinstance(event, (Predicted, CandidateChosen)):
            return {}
        start, now = self.board.prompt_length, self._row.drafts
        fresh = {cell - start: self._likeliest(tokens) for cell, tokens in now.items()}
        changed = {cell: drafts for cell, drafts in fresh.items() if self.drafts.get(cell) != drafts}
        changed |= {cell: [] for cell in self.drafts.keys() - fresh.keys()}
        self.drafts = fresh
        return {"drafts": [[cell, drafts] for cell, drafts in changed.items()]} if changed else {}

    def _likeliest(self, drafts: Draft) -> list[list[Any]]:
        """A cell's drafts for the page: [text, probability to two digits, None: not known]."""
        unsure, shown = self.layout.unsure, drafts[:MOST_DRAFTS]
        return [[self._text(t), None if unsure else round(unit(sure) or 0.0, 2)] for t, sure in shown]

    def _text(self, token: int) -> str:
        """A token by itself."""
        return cell_texts(self.pieces, [token], None)[0]

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
        if isinstance(event, Remasked) or (isinstance(event, Edited) and event.reason):
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
        """The verdict; or, where an answer of ours did not end within its cells, twice as many cells to try,
        or as many as there is room for."""
        verdict = verdict_of(self.layout.prompt, self.seen.texts, self.golds)
        reason = event.stop_reasons[self.row] if self.row < len(event.stop_reasons) else ""
        ended = reason in ("eos", "left") or any(map(is_special, self.seen.texts))
        if ended or self.layout.foreign or (verdict is not None and verdict["right"]):
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
        at, end = self.layout.start_of(blocks.start), self.layout.start_of(blocks.stop)
        numbers = (self.layout.block_of(position) - blocks.start for position in range(at, end))
        chances = event.remask_probabilities
        p = [unit(chances[number]) for number in numbers if number < len(chances)]
        extra: Frame = {"win": list(self.window), "ups": {"at": at, "p": p}}
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
        start, stop = map(self.layout.start_of, self.window)
        return any(self.seen.undecided[start:stop])
