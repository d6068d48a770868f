"""The laws of the engine, as properties of every registered sampler and of toys that do what none of these
does, on canvases with masks and canvases of noise. Laws 2 and 8 are checked in law_runs.follow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings

from samplers import SAMPLERS, collect, make, new_canvas
from samplers.canvas import Canvas
from samplers.committed import Committed
from samplers.events import Event, Finished, Predicted, Unmasked, from_json, to_json
from samplers.fold import Board
from samplers.recording.traces import read_trace
from samplers.settings import SettingError
from tests.networks import TableNetwork
from tests.samplers.law_runs import (
    CELL_FIELDS,
    EOS,
    MASK,
    Run,
    follow,
    of_row,
    runs,
    sampler_of,
    start,
    stream,
)
from tests.samplers.toys import TOYS, VOCABULARY

REGISTERED = sorted(SAMPLERS)
NAMES = [*REGISTERED, *TOYS]


@pytest.mark.parametrize("name", NAMES)
@given(run=runs())
@settings(max_examples=12, deadline=None)
def test_fold_pins_masks_and_counting(name: str, run: Run) -> None:
    """Laws 1, 2, 3, 5, 7 and 8."""
    sampler, denoise, canvas = start(name, run)
    events, final = collect(stream(sampler, denoise, canvas))
    board = list(follow(events))[-1]
    same_canvas(board, final)
    last = events[-1]
    assert isinstance(last, Finished)
    left = final.masked.any(-1).tolist()
    assert [reason == "left" for reason in last.stop_reasons] == left
    assert not any(left) or (name == "klass" and run["settings"]["leftovers"] == "keep")
    assert last.nfe == denoise.nfe == denoise.network.sequences  # type: ignore[attr-defined]
    assert last.forwards == denoise.forwards == denoise.network.calls  # type: ignore[attr-defined]
    assert sum(last.row_nfe) == denoise.nfe
    steps = [e.step for e in events if isinstance(e, Unmasked)]
    asked = steps[:-1] if -1 in steps else steps  # the fill after an early stop is the last one
    assert asked == sorted(set(asked)) and (not asked or 0 <= asked[0] <= asked[-1] < denoise.calls)
    cells = [c for e in events for field in CELL_FIELDS for c in getattr(e, field, ())]
    assert all(0 <= c.confidence <= 1 for c in cells)
    if final.mask_id is not None:
        assert all(c.token != MASK for e in events if isinstance(e, Unmasked) for c in e.cells)
    assert [from_json(json.loads(json.dumps(to_json(e)))) for e in events] == events
    known_to_1 = name not in TOYS and final.mask_id is not None and not run["settings"]["drafts"]
    if known_to_1 and not events[0].pinned:  # type: ignore[attr-defined]
        assert read_trace(as_schema_1(events)).events == tuple(events)


def same_canvas(board: Board, canvas: Canvas) -> None:
    """Law 1: what the events give is what the sampler has."""
    assert tuple(map(tuple, board.tokens)) == canvas.token_rows()
    assert tuple(tuple(row.undecided) for row in board.trunk) == canvas.cut(canvas.masked)
    assert tuple(tuple(row.pinned) for row in board.trunk) == canvas.cut(canvas.pinned)


def as_schema_1(events: Sequence[Event]) -> bytes:
    """The file in which the last version of schema 1 would have saved a run."""
    since = {"forwards", "noise", "pinned", "grid"}
    header = {"format": "llada-viz-trace", "schema": 1, "model": "", "pieces": {}, "events": len(events)}
    lines = [{k: v for k, v in to_json(e).items() if k not in since} for e in events]
    lines[0]["settings"] = lines[0]["settings"] | {"schema": 1}
    return "\n".join(map(json.dumps, [header, *lines])).encode()


@pytest.mark.parametrize("name", NAMES)
@given(run=runs())
@settings(max_examples=6, deadline=None)
def test_same_seed_same_events_and_batch_equals_rows(name: str, run: Run) -> None:
    """Law 4."""
    events, final = collect(stream(*start(name, run)))
    again, _ = collect(stream(*start(name, run)))
    assert events == again
    costs, reasons = events[-1].row_nfe, events[-1].stop_reasons  # type: ignore[attr-defined]
    for row in range(len(run["prompts"])):
        alone_events, alone = collect(stream(*start(name, run, [row])))
        assert alone.answer(0) == final.answer(row)
        assert of_row(alone_events, 0) == of_row(events, row)
        assert alone_events[-1].nfe == costs[row]
        assert alone_events[-1].stop_reasons[0] == reasons[row]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
@given(run=runs())
@settings(max_examples=3, deadline=None)
def test_closing_anywhere_leaves_nothing_behind(name: str, run: Run) -> None:
    """Law 6, and the second half of law 3: a stopped run folds to its partial canvas."""
    events, _ = collect(stream(*start(name, run)))
    stride = 1 + len(events) // 8 if name in TOYS else 1  # where a run is long, another part of it each time
    for stop in range(1 + run["network"] % stride, len(events), stride):
        sampler, denoise, canvas = start(name, run)
        run_again, board = stream(sampler, denoise, canvas), Board()
        for _ in range(stop):
            event = next(run_again)
            board.apply(event)
            assert torch.is_grad_enabled()
        run_again.close()
        assert torch.is_grad_enabled()
        assert not isinstance(event, Finished)
        same_canvas(board, canvas)


@pytest.mark.parametrize("name", NAMES)
@given(run=runs())
@settings(max_examples=6, deadline=None)
def test_what_is_committed_stays(name: str, run: Run) -> None:
    """Of tokens that a sampler calls final, none changes."""
    sampler, denoise, canvas = start(name, run)
    events, final = collect(stream(sampler, denoise, canvas))
    committed, answers = Committed(sampler), [final.answer(row) for row in range(final.rows)]
    for event in events:
        committed.apply(event)
        for row, answer in enumerate(answers):
            tokens = committed.tokens(row)
            assert tokens == answer[: len(tokens)], event
    assert [committed.tokens(row) for row in range(len(answers))] == answers


@pytest.mark.parametrize("name", TOYS)
@given(run=runs())
@settings(max_examples=5, deadline=None)
def test_drafts_change_nothing(name: str, run: Run) -> None:
    """Law 9; that of the registered samplers, and that the drafts are the network's, is in test_drafts.py."""
    plain, drafted = (
        collect(stream(*start(name, run | {"settings": run["settings"] | {"drafts": k}})))[0] for k in (0, 2)
    )
    assert [e for e in drafted[1:] if not isinstance(e, Predicted)] == plain[1:]
    forwards = {e.forwards for e in drafted if isinstance(e, Predicted)}
    every = {e.forwards for e in plain if isinstance(e, Unmasked) and e.step >= 0}
    assert forwards == every or (name == "accepter" and forwards <= every)  # it may ask for decided cells


@pytest.mark.parametrize("name", NAMES)
def test_a_canvas_of_the_wrong_kind_is_refused_before_the_first_forward(name: str) -> None:
    """Samplers that put masks back need a mask, those that put noise back none; the others fill both."""
    plain = {"steps": 4, "gen_length": 4, "block_length": 4, "window": 1, "backmasking_lookback": 1}
    sampler = sampler_of(name, plain | {"mode": "t2m", "begins_with": 1})
    puts_masks_back = name in ("remdm", "remedi", "wino", "window_refine", "backmask", "edit")
    assert sampler.needs.mask == puts_masks_back and sampler.needs.noise == (name == "accepter")
    for mask_id in (MASK, None):
        canvas = new_canvas([[1, 2]], 4, mask_id, eos_id=EOS, vocabulary=VOCABULARY)
        network = TableNetwork()
        run = stream(sampler, sampler.denoiser(network), canvas)
        if (sampler.needs.mask, sampler.needs.noise)[mask_id is not None]:
            with pytest.raises(SettingError, match="^mask_id = ") as refused:
                next(run)
            assert f"Sampler {name} puts" in refused.value.advice and network.calls == 0
        else:
            assert isinstance(collect(run)[0][-1], Finished) and network.calls


def test_guidance_needs_a_mask() -> None:
    network, canvas = TableNetwork(), new_canvas([[1, 2]], 4, None, vocabulary=VOCABULARY)
    sampler = make("threshold", {"steps": 4, "gen_length": 4, "block_length": 4, "cfg_scale": 1.0})
    with pytest.raises(SettingError, match="cfg_scale = 1.0 is not valid; allowed: 0 without a mask"):
        next(stream(sampler, sampler.denoiser(network), canvas))
    assert network.calls == 0


FIRST_COMMITTED = {
    "low_confidence": 1, "threshold": 1, "entropy_bounded": 1, "klass": 1, "vanilla_prm": 4, "edit": 4,
    "wino": 4, "remdm": 4, "remedi": 4, "window_refine": 8, "backmask": 16, "best_of_n": 16,
}  # fmt: skip
"""Of an answer of 4 blocks of 4 cells, and windows of 2: how many tokens are committed together at first."""


@pytest.mark.parametrize("name", REGISTERED)
def test_text_is_committed_as_early_as_a_sampler_allows(name: str) -> None:
    plain = {"steps": 16, "gen_length": 16, "block_length": 4, "window": 2, "backmasking_lookback": 2}
    known = {d.name for d in SAMPLERS[name].settings}
    sampler = make(name, {k: v for k, v in plain.items() if k in known})
    canvas = new_canvas([[1, 2]], 16, MASK, eos_id=EOS)
    committed, first = Committed(sampler), 0
    for event in stream(sampler, sampler.denoiser(TableNetwork()), canvas):
        committed.apply(event)
        first = first or len(committed.tokens(0))
    assert first >= FIRST_COMMITTED[name] and (first < 16) == (FIRST_COMMITTED[name] < 16)


@pytest.mark.parametrize("name", REGISTERED)
def test_no_grad_inside(name: str) -> None:
    """The body of every step runs without grad, whoever advances the generator."""
    seen: list[bool] = []

    class Watching(TableNetwork):
        def states(self, *args: Any) -> torch.Tensor:
            seen.append(torch.is_grad_enabled())
            return super().states(*args)

    plain = {"steps": 4, "gen_length": 4, "block_length": 4, "window": 1, "backmasking_lookback": 1}
    known = {d.name for d in SAMPLERS[name].settings}
    sampler = make(name, {k: v for k, v in plain.items() if k in known})
    collect(stream(sampler, sampler.denoiser(Watching()), new_canvas([[1, 2]], 4, MASK, eos_id=EOS)))
    assert seen and not any(seen)
