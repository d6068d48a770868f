"""What the page asks for when a branch is to grow: checked, for it comes from a browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from llada_viz.decoding.branches import setup_of_run
from llada_viz.decoding.runs import Run
from llada_viz.decoding.served import Served, answer_settings, scorers
from llada_viz.decoding.setups import Setup, own_settings
from samplers.blocks import BlockSettings
from samplers.branch import BranchError, Change
from samplers.fold import Board
from samplers.registry import SAMPLERS, entry, make
from samplers.requests import RequestError
from samplers.settings import describe

MOST_CHANGES = 256
UNREADABLE = "This branch cannot be read: open the page anew and try again."


@dataclass(frozen=True)
class CellChange:
    """A token that is put into a cell by hand; None: a mask. cell: its id, counted as the page does."""

    cell: int
    token: int | None


@dataclass(frozen=True)
class BranchRequest:
    """A branch behind frame `seq` of a run. sampler: "" for the one that wrote last."""

    run: str
    seq: int
    sampler: str
    seed: int
    temperature: float
    changes: tuple[CellChange, ...] = ()

    @classmethod
    def read(cls, data: Any) -> BranchRequest:
        """RequestError: it is something else."""
        if not isinstance(data, Mapping):
            raise RequestError(UNREADABLE)
        seed, temperature = data.get("seed"), data.get("temperature")
        if not _is_whole(seed) or not 0 <= seed < 2**53:
            raise RequestError("seed", "Seed must be a whole number from 0 to 9,007,199,254,740,991.")
        if isinstance(temperature, bool) or not isinstance(temperature, (int, float)):
            raise RequestError("temperature", "Temperature must be a number, such as 0 or 0.7.")
        run, seq, sampler, changes = (data.get(name) for name in ("run", "seq", "sampler", "changes"))
        if not isinstance(run, str) or not _is_whole(seq) or seq < 0 or not isinstance(sampler, str):
            raise RequestError(UNREADABLE)
        if sampler and sampler not in SAMPLERS:
            raise RequestError(f"sampler = {sampler[:40]!r} is not known", "This sampler is not known here.")
        if not isinstance(changes, list) or len(changes) > MOST_CHANGES:
            raise RequestError("changes", f"A branch may change {MOST_CHANGES} cells by hand.")
        return cls(run, int(seq), sampler, int(seed), float(temperature), tuple(map(_change, changes)))

    def setup(self, parent: Run, served: Served, scorer: str = "") -> Setup:
        """The set-up of the branch. Another sampler takes over the sizes and what all samplers share; its own
        settings are its defaults. scorer: of the page's form, for a sampler that needs one and whose parent
        had none. BranchError: the parent's sampler is not known here."""
        base = setup_of_run(parent)
        before = make(base.sampler, base.settings)
        if not self.sampler or self.sampler == base.sampler:
            settings: dict[str, Any] = {**base.settings, "temperature": self.temperature}
            return _with(base, base.sampler, settings, self.seed, base.scorer)
        allowed = {setting.name: setting.choices for setting in entry(self.sampler).settings}
        shared = {d.name: getattr(before, d.name) for d in describe(BlockSettings) if d.name in allowed}
        shared = {k: v for k, v in shared.items() if not allowed[k] or v in allowed[k]}
        settings = answer_settings(served, self.sampler, {}, {**shared, "temperature": self.temperature})
        known = [value for _, value in scorers(served)]
        judge = next((each for each in (base.scorer, scorer) if each in known), "")
        own = own_settings(self.sampler, settings)
        return _with(base, self.sampler, own, self.seed, judge if entry(self.sampler).needs.scorer else "")

    def placed(self, parent: Run) -> list[Change]:
        """The changes, where their cells stand at that frame. BranchError: one is not on the board then."""
        if not self.changes:
            return []
        board = Board()
        for event in parent.events[: self.seq + 1]:
            board.apply(event)
        ids, placed = board.rows[0].ids if board.rows else [], []
        for change in self.changes:
            if (cell := change.cell + board.prompt_length) not in ids:
                raise BranchError("A cell that you changed is not on the board at this frame.")
            placed.append(Change(ids.index(cell), change.token))
        return placed


def _with(base: Setup, sampler: str, settings: Mapping[str, Any], seed: int, scorer: str) -> Setup:
    return Setup(base.prompt, sampler, settings, seed, "", scorer or "", (), base.sources)


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _change(data: Any) -> CellChange:
    if not isinstance(data, Mapping):
        raise RequestError(UNREADABLE)
    cell, token = data.get("cell"), data.get("token")
    if not _is_whole(cell) or not (token is None or _is_whole(token)):
        raise RequestError(UNREADABLE)
    return CellChange(int(cell), token)
