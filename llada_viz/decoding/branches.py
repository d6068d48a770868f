"""Branches of the runs on the page: growing one from any frame, and the tree that a run and its branches
make. Several browser tabs may change one tree at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llada_viz.decoding.attached import Using
from llada_viz.decoding.given_words import given_words
from llada_viz.decoding.recent import Recent
from llada_viz.decoding.run_models import fits
from llada_viz.decoding.runs import MOST_RUNS, Run, Runs
from llada_viz.decoding.served import CHECKER, tools_for
from llada_viz.decoding.setups import Setup, own_settings
from llada_viz.decoding.sharing import sharing_of
from llada_viz.host import on_zero_gpu
from llada_viz.render.question import question_of
from samplers.branch import BranchError, Change, Stem, branch
from samplers.events import Branched, Started
from samplers.registry import SAMPLERS, make

LONGEST_NAME = 60
GONE = "This run is no longer here: it was deleted in another tab, or newer runs took its place."


class ModelMissing(BranchError):
    """The model that made a run is not what the page decodes with. name: of it."""

    def __init__(self, name: str, used: str) -> None:
        self.name = name
        super().__init__(
            f"{name or 'Another model'} made this run, and {used} is in use: it can be watched, not gone on "
            "with."
        )


@dataclass(frozen=True)
class Node:
    """A run in its tree. seq: of the parent's frame that it begins behind, -1 for the root; right: the
    verdict, None while there is none."""

    run: str
    parent: str
    seq: int
    name: str
    sampler: str
    frames: int
    ended: bool
    right: bool | None


class Branches:
    """Grows branches in `runs`, and names them."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self._names: Recent[str, str] = Recent(MOST_RUNS)
        self._lock = threading.RLock()  # of the tree: one change at a time

    def grow(self, parent: Run, seq: int, using: Using, setup: Setup, changes: Sequence[Change] = ()) -> Run:
        """A run that goes on behind frame `seq` of another, with a set-up of its own. BranchError,
        SettingError, RequestError: a sentence says why it cannot."""
        self.check(parent, using)
        assert using.loaded is not None
        stem = Stem.of(parent.events, min(seq + 1, len(parent.events)))
        built = make(setup.sampler, setup.settings)
        tools, task = tools_for(using, built, setup.prompt, setup.scorer if built.needs.scorer else "")
        tools = replace(tools, sharing=sharing_of(using.loaded))
        grown = branch(
            stem, using.loaded, setup.sampler, setup.settings, changes, setup.seed, tools, task,
            prompt=setup.prompt,
        )  # fmt: skip
        with self._lock:
            if self.runs.get(parent.id) is not parent:
                raise BranchError(GONE)
            return self.runs.branch(parent, grown, using.pieces, using.name, setup)

    @staticmethod
    def check(parent: Run, using: Using) -> None:
        """BranchError: no branch can grow from this run with this model."""
        if on_zero_gpu():
            raise BranchError("Branches are not offered on ZeroGPU, whose GPU is lent to whole runs only.")
        if using.loaded is None:
            raise BranchError("No model is loaded that could go on: load one, or watch the recording.")
        if parent.layout.foreign:
            raise BranchError("Another engine made this run: our samplers cannot go on with it.")
        if parent.layout.rows != 1:
            raise BranchError(f"A branch has one answer; this run has {parent.layout.rows}.")
        if not fits(parent, using):
            raise ModelMissing(parent.model, using.name)

    def tree(self, run: Run) -> list[Node]:
        """The tree that a run is in: its root, then its branches, each behind its parent. A run whose parent
        is no longer kept is a root."""
        root = run
        while (above := self.runs.get(root.parent)) is not None:
            root = above
        children: dict[str, list[Run]] = {}
        for each in self.runs.all():
            children.setdefault(each.parent, []).append(each)

        def walk(one: Run) -> Iterator[Node]:
            yield self._node(one, one is root)
            for child in sorted(children.get(one.id, []), key=lambda child: child.number):
                yield from walk(child)

        with self._lock:
            return list(walk(root))

    def name(self, run: Run, name: str, before: str | None = None) -> None:
        """Call a run so. before: the name that the tab showed, None: any. BranchError: the name is empty or
        too long, or the run has another one by now."""
        name = " ".join(name.split())
        if not 0 < len(name) <= LONGEST_NAME:
            raise BranchError(f"A branch's name has 1 to {LONGEST_NAME} characters.")
        if self.runs.is_shared(run):
            raise BranchError("Everybody is shown this run: its branches have names, it has none.")
        with self._lock:
            now = self.name_of(run)
            if before is not None and now != before:
                raise BranchError(f"It was renamed in another tab meanwhile: it is called “{now}”.")
            self._names.put(run.id, name)

    def name_of(self, run: Run) -> str:
        """What a run is called in its tree."""
        return self._names.get(run.id) or (_sampler_of(run) if self.runs.get(run.parent) else "The run")

    def delete(self, run: Run) -> Run:
        """Forget a branch and all that grew from it; its parent. BranchError: it is no branch, or its parent
        is gone."""
        with self._lock:
            parent = self.runs.get(run.parent)
            if parent is None:
                raise BranchError("This is the run itself, not a branch: only branches are deleted here.")
            for below in reversed(self._below(run)):
                self.runs.forget(below)
            return parent

    def _below(self, run: Run) -> list[str]:
        ids = [run.id]
        for each in sorted(self.runs.all(), key=lambda each: each.number):
            if each.parent in ids:
                ids.append(each.id)
        return ids

    def _node(self, run: Run, is_root: bool) -> Node:
        verdict = next((f["verdict"] for f in reversed(run.frames[-2:]) if "verdict" in f), None)
        sampler = _sampler_of(run)
        return Node(
            run.id, "" if is_root else run.parent, -1 if is_root else run.branched - 1,
            self.name_of(run), sampler, len(run.frames), run.ended, verdict["right"] if verdict else None,
        )  # fmt: skip


def setup_of_run(run: Run) -> Setup:
    """What a run was made from; of a recorded one what its trace says. BranchError: the sampler is not
    ours."""
    if run.setup is not None:
        return run.setup
    settings = _settings_of(run)
    name = str(settings.get("sampler", ""))
    if name not in SAMPLERS:
        raise BranchError("The sampler of this trace is not known here: choose another one.")
    known = {d.name for d in SAMPLERS[name].settings}
    seeds, scorer = settings.get("seeds"), settings.get("scorer")
    seed = seeds[0] if isinstance(seeds, (list, tuple)) and seeds and type(seeds[0]) is int else 0
    judge = str(scorer.get("name", "")) if isinstance(scorer, Mapping) else ""
    own = own_settings(name, {k: v for k, v in settings.items() if k in known})
    given = next((given_words(e, run.pieces) for e in run.events if isinstance(e, Started)), "")
    return Setup(
        question_of(run.layout.prompt), name, own, seed % 2**63, given, CHECKER if judge == CHECKER else ""
    )


def _settings_of(run: Run) -> Mapping[str, Any]:
    """Those of the sampler that wrote last."""
    said = (e.settings for e in reversed(run.events) if isinstance(e, (Started, Branched)))
    return next(said, {})


def _sampler_of(run: Run) -> str:
    name = str(_settings_of(run).get("sampler", "")) or (run.setup.sampler if run.setup else "")
    return SAMPLERS[name].title if name in SAMPLERS else name
