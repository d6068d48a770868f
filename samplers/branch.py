"""Branches: a run that goes on from the canvas of an earlier one, the same sampler's or another's.

The events of a branch are the first ones of its parent, `Branched`, what was changed by hand, and those of
the sampler that goes on. They fold as any run does. Costs count on from the parent's. Random streams begin
anew, from the branch's own seed: how far the parent's had come is not recorded.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from models.loading import LoadedModel
from samplers.blocks import BlockSettings
from samplers.canvas import Canvas
from samplers.denoiser import GuidedDenoiser
from samplers.events import BlockScored, Branched, Cell, Edited, Event, Finished, Remasked, Started
from samplers.fold import Board, BoardRow
from samplers.forwards.shared_forwards import Place
from samplers.registry import entry, make
from samplers.requests import (
    NO_TOOLS,
    Tools,
    check_tools,
    network_of,
    question_of,
    scorer_of,
)
from samplers.run import Now, Standing
from samplers.scoring import Scorer


class BranchError(ValueError):
    """No run can go on from there, or not so; the message is a sentence."""


class StillCompared(BranchError):
    """Candidates or drafts are open there. allowed: the events behind which a run could go on instead."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        super().__init__(
            "Here candidates or drafts are still compared. The nearest place before it from which a run "
            f"can go on is behind event {allowed}."
        )


@dataclass(frozen=True)
class Change:
    """A change by hand. position: in the canvas, prompt included; token: what is written; None: a mask."""

    position: int
    token: int | None


@dataclass(frozen=True)
class Stem:
    """The part of a parent that a branch begins with: its events, and the board after them."""

    events: tuple[Event, ...]
    board: Board

    @classmethod
    def of(cls, events: Sequence[Event], count: int) -> Stem:
        """The first `count` events of a run, without its end. BranchError: a run of several rows, or there a
        fork is open or drafted cells wait; the message names the nearest place before."""
        board, allowed = Board(), 0
        kept = [event for event in events[:count] if not isinstance(event, Finished)]
        for number, event in enumerate(kept, 1):
            board.apply(event)
            if board.candidates is None and not any(row.waiting for row in board.trunk):
                allowed = number
        if not kept:
            raise BranchError(f"A branch begins behind the first event of a run, not behind {count} events.")
        if len(board.trunk) != 1:
            raise BranchError(f"A branch has one answer; this run has {len(board.trunk)}.")
        if allowed < len(kept):
            raise StillCompared(allowed)
        return cls(tuple(kept), board)

    @property
    def row(self) -> BoardRow:
        """The one row."""
        return self.board.trunk[0]

    def canvas(self, loaded: LoadedModel, seed: int) -> Canvas:
        """The canvas as it stands. BranchError: it is of another model than `loaded`."""
        board, row = self.board, self.row
        if board.mask_id != loaded.mask_id or max(row.tokens) >= loaded.model.config.embedding_size:
            raise BranchError(f"This run was made by another model than {loaded.name}.")
        attention = torch.arange(len(row.tokens)) >= row.begin
        noise = None if board.mask_id is not None else torch.tensor([row.undecided])
        return Canvas(
            torch.tensor([row.tokens]),
            attention[None],
            torch.tensor([row.pinned]),
            board.prompt_length,
            board.mask_id,
            (torch.Generator().manual_seed(seed),),
            (0,),
            loaded.eos_id,
            loaded.eot_id,
            noise,
            board.grid,
        )

    def standing(self, block: int) -> Standing:
        """What the canvas holds, for a sampler that goes on with a block."""
        known = [1.0 if sure is None else sure for sure in self.row.confidence]
        return Standing(torch.tensor([known]), block)


@dataclass(frozen=True)
class Branch:
    """A branch that is ready to run. `stem`: what it shares with its parent."""

    stem: Stem
    sampler: BlockSettings
    denoise: GuidedDenoiser
    canvas: Canvas
    changes: tuple[Change, ...]
    score: Scorer | None = None

    @property
    def place(self) -> Place | None:
        """See Prepared."""
        place: Place | None = getattr(self.denoise.network, "place", None)
        return place

    def stream(self) -> Generator[Event, None, Canvas]:
        """The events behind the stem's."""
        changed = _changed(self.stem, self.canvas, self.changes, self._now())
        standing = self.stem.standing(self._first_block())
        for change in self.changes:
            standing.confidence[0, change.position] = 1.0
        events = self.sampler(self.denoise, self.canvas, self.score, standing)
        started = next(events)
        assert isinstance(started, Started)
        yield Branched(**self._now(), settings=started.settings)
        yield from changed
        return (yield from events)

    def _now(self) -> Now:
        board = self.stem.board
        return Now(nfe=board.nfe, forwards=board.forwards, block=-1, forked=False)

    def _first_block(self) -> int:
        """The first block with an undecided cell; where none is left the first one of all, for samplers that
        check what stands."""
        undecided = self.canvas.masked.any(0)
        spans = self.sampler.spans(self.canvas, self.sampler.blocks_on(self.canvas))
        return next((i for i, (start, stop) in enumerate(spans) if bool(undecided[start:stop].any())), 0)


def branch(
    stem: Stem,
    loaded: LoadedModel,
    sampler: str,
    settings: Mapping[str, Any],
    changes: Sequence[Change] = (),
    seed: int = 0,
    tools: Tools = NO_TOOLS,
    task: Mapping[str, Any] | None = None,
    **prompts: Any,
) -> Branch:
    """Make a branch. prompts, task: as in a request; only a scorer reads them. BranchError, SettingError or
    RequestError where it cannot run."""
    built = make(entry(sampler).name, dict(settings))
    if not isinstance(built, BlockSettings):
        raise BranchError(f"Sampler {sampler} cannot go on from a canvas that is partly written.")
    check_tools(built, tools)
    canvas = stem.canvas(loaded, seed)
    for change in changes:
        _check(change, stem, loaded)
    denoise = built.denoiser(network_of(loaded, tools))
    denoise.count_on(stem.board.nfe, stem.board.forwards, stem.board.steps)
    ids = stem.row.tokens[stem.row.begin : stem.board.prompt_length]
    score = scorer_of(loaded, tools, [question_of(loaded, ids, prompts, task)])
    if score is not None:
        score.calls = max((e.scorer_calls for e in stem.events if isinstance(e, BlockScored)), default=0)
    return Branch(stem, built, denoise, canvas, tuple(changes), score)


def _check(change: Change, stem: Stem, loaded: LoadedModel) -> None:
    first, end = stem.board.prompt_length, len(stem.row.tokens)
    if not first <= change.position < end:
        raise BranchError(f"Position {change.position} is not in the answer: it has {first} to {end - 1}.")
    if stem.row.pinned[change.position]:
        raise BranchError(f"Cell {change.position - first} was given from the start and stays as it is.")
    if change.token is None and stem.board.mask_id is None:
        raise BranchError("This model knows no mask to put there.")
    most = loaded.model.config.embedding_size
    if change.token is not None and (change.token == loaded.mask_id or not 0 <= change.token < most):
        raise BranchError(f"Token {change.token} cannot be written; allowed: 0 to {most - 1}, not the mask.")


def _changed(stem: Stem, canvas: Canvas, changes: Sequence[Change], now: Now) -> list[Event]:
    """Make the changes on the canvas; the events of them."""
    events: list[Event] = []
    for change in changes:
        place = torch.zeros_like(canvas.pinned)
        place[0, change.position] = True
        sure, old = stem.row.confidence[change.position], int(canvas.tokens[0, change.position])
        if change.token is not None:
            canvas.write(place, torch.tensor([change.token]))
            cell = Cell(0, change.position, change.token, 1.0)
            events.append(Edited(**now, cells=(cell,), reason="user"))
        elif bool(canvas.masked[0, change.position]):
            continue
        else:
            assert canvas.mask_id is not None
            canvas.write(place, torch.tensor([canvas.mask_id]))
            cell = Cell(0, change.position, old, 1.0 if sure is None else sure)
            events.append(Remasked(**now, cells=(cell,), reason="user"))
    return events
