"""Branches: runs whose first events are their parent's, for every sampler, with and without changes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from models.ups_head import load_ups_head
from samplers import SAMPLERS
from samplers.branch import Branch, BranchError, Change, Stem, branch
from samplers.events import (
    BlockScored,
    Branched,
    CandidatesForked,
    Edited,
    Event,
    Finished,
    Remasked,
    from_json,
    to_json,
)
from samplers.fold import Board
from samplers.registry import make
from samplers.requests import Tools, prepare, prepare_row, prepare_rows
from samplers.settings import SettingError
from samplers.streams import collect
from tests.samplers.tiny import MODELS, PROMPT, SIZES, TASK, loaded


def tools_for(name: str) -> Tools:
    needs = SAMPLERS[name].needs
    head = load_ups_head(str(MODELS / "tiny-llada-ups"), 256) if needs.head else None
    return Tools(ups_head=head, scorer="checker" if needs.scorer else "")


def sizes(name: str) -> dict[str, Any]:
    return SIZES | ({"window": 2} if name == "window_refine" else {})


@cache
def parent(name: str) -> tuple[Event, ...]:
    run = prepare(loaded(), name, sizes(name), tools_for(name), prompt=PROMPT, task=TASK, seed=3)
    return tuple(collect(run.stream())[0])


def go_on(
    events: tuple[Event, ...], count: int, name: str, *changes: Change, **more: Any
) -> tuple[list[Event], Branch]:
    """All events of a branch, and the branch behind its run."""
    grown = branch(
        Stem.of(events, count),
        loaded(),
        name,
        sizes(name) | more,
        changes,
        5,
        tools_for(name),
        TASK,
        prompt=PROMPT,
    )
    return [*grown.stem.events, *collect(grown.stream())[0]], grown


def places(events: tuple[Event, ...]) -> list[int]:
    """Numbers of first events from which a run can go on."""
    board, found = Board(), []
    for number, event in enumerate(events, 1):
        board.apply(event)
        if board.candidates is None and not board.trunk[0].waiting:
            found.append(number)
    return found


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_the_first_events_are_the_parent_s_and_the_whole_folds(name: str) -> None:
    events = parent(name)
    for count in places(events)[1 :: max(1, len(places(events)) // 4)]:
        whole, grown = go_on(events, count, name)
        shared = len(grown.stem.events)
        assert tuple(whole[:shared]) == events[:shared] and shared >= count - 1
        assert isinstance(whole[shared], Branched) and whole[shared].settings["sampler"] == name
        board = Board()
        for event in whole:
            before = board.nfe
            board.apply(event)
            assert board.nfe >= before
        assert isinstance(whole[-1], Finished) and board.tokens == grown.canvas.tokens.tolist()
        assert whole[-1].row_nfe == (board.nfe,)
        assert not board.masks_left()


def test_greedy_decoding_goes_on_as_its_parent_did() -> None:
    events = parent("low_confidence")
    for count in (1, 9, 17):  # at the beginning of a block
        whole, grown = go_on(events, count, "low_confidence")
        assert whole[: len(grown.stem.events)] + whole[len(grown.stem.events) + 1 :] == list(events)


@pytest.mark.parametrize("other", ["remedi", "backmask", "window_refine", "edit", "wino"])
def test_another_sampler_goes_on(other: str) -> None:
    whole, grown = go_on(parent("low_confidence"), 12, other)
    assert next(e for e in whole if isinstance(e, Branched)).settings["sampler"] == other
    assert grown.sampler.name == other and not bool(grown.canvas.masked.any())


def test_a_token_is_written_and_another_masked_by_hand() -> None:
    events = parent("low_confidence")
    stem = Stem.of(events, 20)
    first = stem.board.prompt_length
    written = stem.row.undecided.index(True)
    masked = next(i for i in range(first, first + 8) if not stem.row.undecided[i])
    token = int(stem.row.tokens[masked])
    whole, grown = go_on(events, 20, "low_confidence", Change(written, token), Change(masked, None))
    edited = next(e for e in whole if isinstance(e, Edited))
    remasked = next(e for e in whole if isinstance(e, Remasked))
    assert (edited.reason, edited.cells[0][1:]) == ("user", (written, token, 1.0))
    assert (remasked.reason, remasked.cells[0][:3]) == ("user", (0, masked, token))
    assert int(grown.canvas.tokens[0, written]) == token
    assert from_json(to_json(edited)) == edited
    # The block of the new mask is gone through again.
    assert any(any(c.position == masked for c in e.cells) for e in whole[22:] if hasattr(e, "cells"))


def test_a_finished_answer_can_be_checked_by_another_sampler() -> None:
    """Without a mask left, a sampler that scores goes through all blocks."""
    events = parent("low_confidence")
    whole, grown = go_on(events, len(events), "backmask", early_stop=False)
    assert not any(isinstance(e, Finished) for e in grown.stem.events)
    assert any(isinstance(e, BlockScored) for e in whole)


def test_costs_count_on() -> None:
    events = parent("backmask")
    count = places(events)[-3]
    calls = max(e.scorer_calls for e in events[:count] if isinstance(e, BlockScored))
    whole, grown = go_on(events, count, "backmask")
    later = [e for e in whole[len(grown.stem.events) :] if isinstance(e, BlockScored)]
    assert all(e.scorer_calls >= calls for e in later)


def test_where_no_run_can_go_on() -> None:
    events = parent("backmask")
    fork = next(i for i, e in enumerate(events, 1) if isinstance(e, CandidatesForked))
    with pytest.raises(BranchError, match=f"compared. The nearest place .* is behind event {fork - 1}"):
        Stem.of(events, fork)
    with pytest.raises(BranchError, match="behind the first event"):
        Stem.of(events, 0)
    sampler = make("low_confidence", SIZES)
    two = prepare_rows(loaded(), sampler, [prepare_row(loaded(), sampler, prompt=PROMPT)] * 2)
    with pytest.raises(BranchError, match="this run has 2"):
        Stem.of(collect(two.stream())[0], 5)


@pytest.mark.parametrize("change, sentence", [
    (Change(0, 5), "Position 0 is not in the answer"),
    (Change(10_000, 5), "is not in the answer"),
    (Change(40, -1), "Token -1 cannot be written"),
    (Change(40, 10**6), "Token 1000000 cannot be written"),
])  # fmt: skip
def test_changes_that_cannot_be_made(change: Change, sentence: str) -> None:
    with pytest.raises(BranchError, match=sentence):
        go_on(parent("low_confidence"), 12, "low_confidence", change)


def test_a_given_cell_stays() -> None:
    run = prepare(loaded(), "low_confidence", SIZES, prompt=PROMPT, constraints="0:4")
    events = tuple(collect(run.stream())[0])
    first = Stem.of(events, 1).board.prompt_length
    with pytest.raises(BranchError, match="Cell 0 was given from the start"):
        go_on(events, 3, "low_confidence", Change(first, None))
    _, grown = go_on(events, 3, "low_confidence")
    assert bool(grown.canvas.pinned[0, first])


def test_a_run_of_another_model_or_size_is_refused() -> None:
    events = parent("low_confidence")
    with pytest.raises(SettingError, match="gen_length"):
        go_on(events, 12, "low_confidence", gen_length=16, steps=16)
    other = replace(loaded(), mask_id=1)
    with pytest.raises(BranchError, match="made by another model than"):
        branch(Stem.of(events, 12), other, "low_confidence", SIZES)


def test_the_seed_of_a_branch_is_its_own() -> None:
    events = parent("low_confidence")
    ways = set()
    for seed in range(6):
        grown = branch(
            Stem.of(events, 5), loaded(), "low_confidence", SIZES | {"temperature": 8.0}, seed=seed
        )
        collect(grown.stream())
        ways.add(tuple(grown.canvas.tokens[0].tolist()))
    assert len(ways) > 1
