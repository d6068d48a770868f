"""Branches on the page: they grow from live and recorded runs, stand in a tree, are named and deleted."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from llada_viz.decoding.branches import Branches, setup_of_run
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.preparing import prepare_here
from llada_viz.decoding.runs import Run, Runs
from llada_viz.decoding.setups import setup_of
from samplers.branch import BranchError, Change
from samplers.events import Branched
from samplers.recording.traces import pack_trace, read_trace
from samplers.settings import SettingError

SAVED = Path(__file__).parents[2] / "vectors" / "traces" / "v0.2"
SIZES = {"gen_length": 32, "block_length": 8, "steps": 32, "early_stop": True}
PROMPT = "What is 3 + 4 * 2?"


@cache
def bundled() -> Bundled:
    return Bundled()


@pytest.fixture
def branches() -> Branches:
    return Branches(Runs())


def started(branches: Branches, sampler: str = "low_confidence", **more: int) -> Run:
    setup = setup_of(bundled(), sampler, SIZES | more, PROMPT, scorer="checker")
    ready = prepare_here(bundled(), sampler, SIZES | more, PROMPT, 0, "", "checker")
    return branches.runs.start(ready, bundled().pieces, bundled().name, setup=setup)


def to_the_end(run: Run) -> Run:
    while run.advance(1.0):
        pass
    return run


def test_a_branch_has_its_parent_s_frames_and_goes_on(branches: Branches) -> None:
    parent = to_the_end(started(branches))
    grown = branches.grow(parent, 9, bundled(), setup_of_run(parent))
    assert grown.events == parent.events[:10] and len(grown.frames) == 10 and not grown.ended
    assert [f["ops"] for f in grown.frames] == [f["ops"] for f in parent.frames[:10]]
    to_the_end(grown)
    assert isinstance(grown.events[10], Branched) and grown.frames[10]["kind"] == "branch"
    assert grown.frames[10]["say"] == ["Branched.", "LLaDA · surest first goes on from here.", ""]
    assert grown.frames[-1]["kind"] == "finish"
    assert [f["seq"] for f in grown.frames] == list(range(len(grown.frames)))
    assert read_trace(pack_trace(grown.trace())).events == tuple(grown.events)


def test_a_change_by_hand_is_said(branches: Branches) -> None:
    parent = to_the_end(started(branches))
    first = parent.maker.board.prompt_length
    token = parent.maker.board.tokens[0][first + 2]
    setup = replace(setup_of_run(parent), seed=4)
    changes = [Change(first, token), Change(first + 1, None)]
    grown = to_the_end(branches.grow(parent, 20, bundled(), setup, changes))
    says = [frame["say"][0] for frame in grown.frames]
    assert "Written by you." in says and "Re-masked by you." in says
    assert grown.setup is not None and grown.setup.seed == 4


def test_the_tree(branches: Branches) -> None:
    root = to_the_end(started(branches))
    one = branches.grow(root, 5, bundled(), setup_of_run(root))
    other = replace(setup_of_run(root), sampler="remdm")
    two = to_the_end(branches.grow(root, 3, bundled(), other))
    twig = branches.grow(two, 6, bundled(), setup_of_run(two))
    branches.name(twig, "  a   twig ")
    tree = branches.tree(twig)
    assert [(n.run, n.parent, n.seq) for n in tree] == [
        (root.id, "", -1), (one.id, root.id, 5), (two.id, root.id, 3), (twig.id, two.id, 6),
    ]  # fmt: skip
    assert [n.name for n in tree] == ["The run", tree[1].sampler, tree[2].sampler, "a twig"]
    assert "ReMDM" in tree[2].sampler and tree[2].sampler == tree[3].sampler
    assert tree[0].right is True and tree[1].right is None and not tree[1].ended
    assert branches.tree(root) == tree and branches.tree(one) == tree


def test_deleting_takes_what_grew_from_it(branches: Branches) -> None:
    root = to_the_end(started(branches))
    one = branches.grow(root, 5, bundled(), setup_of_run(root))
    twig = branches.grow(one, 4, bundled(), setup_of_run(one))
    assert branches.delete(one) is root
    assert branches.runs.get(one.id) is None and branches.runs.get(twig.id) is None and twig.ended
    assert [n.run for n in branches.tree(root)] == [root.id]
    with pytest.raises(BranchError, match="not a branch"):
        branches.delete(root)


def test_a_recorded_run_is_gone_on_with(branches: Branches) -> None:
    made = to_the_end(started(branches))
    run = branches.runs.open(read_trace(pack_trace(made.trace())))
    setup = setup_of_run(run)
    assert setup == replace(setup_of_run(made), sources=setup.sources)
    grown = to_the_end(branches.grow(run, 6, bundled(), setup))
    assert grown.frames[-1]["kind"] == "finish" and grown.events[:7] == run.events[:7]


def test_where_nothing_can_grow(branches: Branches, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = to_the_end(started(branches))
    setup = setup_of_run(root)
    with pytest.raises(SettingError):
        branches.grow(root, 5, bundled(), replace(setup, settings={"steps": 0}))
    with pytest.raises(BranchError, match="No model is loaded"):
        branches.grow(root, 5, Bundled(tmp_path), setup)
    with pytest.raises(BranchError, match="1 to 60 characters"):
        branches.name(root, " ")
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    with pytest.raises(BranchError, match="ZeroGPU"):
        branches.grow(root, 5, bundled(), setup)


def test_a_scored_run_s_branch_counts_its_calls_on(branches: Branches) -> None:
    root = to_the_end(started(branches, "backmask", backmasking_lookback=2))
    ends = [i for i, frame in enumerate(root.frames) if frame["kind"] == "choose"]
    grown = to_the_end(branches.grow(root, ends[0], bundled(), setup_of_run(root)))
    calls = [frame["calls"] for frame in grown.frames]
    assert calls == sorted(calls) and calls[-1] > calls[ends[0]] > 0
