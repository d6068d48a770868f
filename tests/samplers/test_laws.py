"""The laws of the engine, as properties of every registered sampler."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from samplers import SAMPLERS, Denoiser, collect, fold, make, new_canvas
from samplers.algorithms.klass import STRATEGIES
from samplers.algorithms.remasking import CHOICES
from samplers.algorithms.remdm import SCHEDULES
from samplers.algorithms.remedi import POLICIES
from samplers.blocks import DEFERRALS
from samplers.canvas import Canvas
from samplers.committed import Committed
from samplers.drawing import ORDERINGS
from samplers.events import Event, Finished, Unmasked, from_json, to_json
from samplers.fold import Board
from samplers.registry import Sampler
from samplers.traces import read_trace
from tests.networks import TableNetwork, TableScorer

MASK, EOS, EOT = 20, 21, 22
NAMES = sorted(SAMPLERS)


@st.composite
def runs(draw: st.DrawFn) -> dict[str, Any]:
    """Settings, prompts, seeds and given cells of one run."""
    block = draw(st.sampled_from([1, 3, 4, 8]))
    blocks = draw(st.integers(1, 3))
    rows = draw(st.sampled_from([1, 3]))
    plain = {
        "block_length": block,
        "gen_length": block * blocks,
        "steps": blocks * draw(st.integers(1, block + 2)),
        "temperature": draw(st.sampled_from([0.0, 0.7])),
        "cfg_scale": draw(st.sampled_from([0.0, 0.8])),
        "early_stop": draw(st.booleans()),
        "eos_gating": draw(st.booleans()),
        "confidence_eos_eot_inf": draw(st.booleans()),
        "confidence": draw(st.sampled_from(ORDERINGS)),
        "policy": draw(st.sampled_from(POLICIES)),
        "schedule": draw(st.sampled_from(SCHEDULES)),
        "mode": draw(st.sampled_from(["edit", "t2m"])),
        "choice": draw(st.sampled_from(CHOICES)),
        "factor": draw(st.sampled_from([0.0, 1.0])),
        "free_last_rank": draw(st.booleans()),
        "edit_threshold": draw(st.sampled_from([0.5, 0.0])),
        "top_p": draw(st.sampled_from([1.0, 0.6])),
        "top_k": draw(st.sampled_from([0, 3])),
        "alg_temp": draw(st.sampled_from([0.0, 0.5])),
        "eos_deferral": draw(st.sampled_from(DEFERRALS)),
        "kl_threshold": draw(st.sampled_from([0.01, 20.0])),
        "confidence_threshold": draw(st.sampled_from([0.9, 0.1])),
        "kl_history_length": draw(st.integers(1, 3)),
        "unmask_strategy": draw(st.sampled_from(STRATEGIES)),
        "leftovers": draw(st.sampled_from(["fill", "keep"])),
        "revoke_cap": draw(st.sampled_from(["last_step", "this_step"])),
        "refine_steps": draw(st.sampled_from([128, 2, 0])),
        "window": draw(st.integers(1, blocks)),
        "backmasking_lookback": draw(st.integers(1, blocks)),
        "num_candidates_per_block": 2,
        "num_demasking_candidates": draw(st.integers(1, 3)),
        "num_refinement_samples": 2,
        "num_samples": draw(st.integers(1, 3)),
    }
    prompt = st.lists(st.integers(0, EOT), min_size=1, max_size=6)
    pins = st.dictionaries(st.integers(0, block * blocks - 1), st.integers(0, 19), max_size=3)
    return {
        "settings": plain,
        "prompts": [draw(prompt) for _ in range(rows)],
        "seeds": [draw(st.integers(0, 99)) for _ in range(rows)],
        "given": [draw(pins) for _ in range(rows)],
        "network": draw(st.integers(0, 3)),
    }


def start(name: str, run: dict[str, Any], rows: list[int] | None = None) -> tuple[Sampler, Denoiser, Canvas]:
    chosen = range(len(run["prompts"])) if rows is None else rows
    canvas = new_canvas(
        [run["prompts"][r] for r in chosen],
        run["settings"]["gen_length"],
        MASK,
        seeds=[run["seeds"][r] for r in chosen],
        given=[run["given"][r] for r in chosen],
        eos_id=EOS,
        eot_id=EOT,
    )
    known = {d.name for d in SAMPLERS[name].settings}
    sampler = make(name, {k: v for k, v in run["settings"].items() if k in known})
    return sampler, sampler.denoiser(TableNetwork(seed=run["network"])), canvas


def stream(sampler: Sampler, denoise: Denoiser, canvas: Canvas) -> Any:
    return sampler(denoise, canvas, TableScorer() if sampler.needs.scorer else None)


@pytest.mark.parametrize("name", NAMES)
@given(run=runs())
@settings(max_examples=20, deadline=None)
def test_fold_pins_masks_and_counting(name: str, run: dict[str, Any]) -> None:
    """Laws 1, 2, 3, 5 and 7."""
    sampler, denoise, canvas = start(name, run)
    pinned, first = canvas.pinned.clone(), canvas.tokens.clone()
    events, final = collect(stream(sampler, denoise, canvas))
    board = fold(events)
    assert board.tokens == final.tokens.tolist()
    assert torch.equal(final.tokens[pinned], first[pinned])
    assert isinstance(events[-1], Finished)
    left = final.masked.any(-1).tolist()
    assert [reason == "left" for reason in events[-1].stop_reasons] == left
    assert not any(left) or (name == "klass" and run["settings"]["leftovers"] == "keep")
    assert events[-1].nfe == denoise.nfe == denoise.network.sequences  # type: ignore[attr-defined]
    assert events[-1].forwards == denoise.forwards == denoise.network.calls  # type: ignore[attr-defined]
    assert sum(events[-1].row_nfe) == denoise.nfe
    assert all(0 <= c.confidence <= 1 for e in events for c in getattr(e, "cells", ()))
    assert all(c.token != MASK for e in events if isinstance(e, Unmasked) for c in e.cells)
    assert [from_json(json.loads(json.dumps(to_json(e)))) for e in events] == events
    assert read_trace(as_schema_1(events)).events == tuple(events)


def as_schema_1(events: Sequence[Event]) -> bytes:
    """The file in which the last version of schema 1 would have saved a run."""
    since = {"forwards", "noise", "pinned", "grid"}
    header = {"format": "llada-viz-trace", "schema": 1, "model": "", "pieces": {}, "events": len(events)}
    lines = [{k: v for k, v in to_json(e).items() if k not in since} for e in events]
    lines[0]["settings"] = lines[0]["settings"] | {"schema": 1}
    return "\n".join(map(json.dumps, [header, *lines])).encode()


@pytest.mark.parametrize("name", NAMES)
@given(run=runs())
@settings(max_examples=10, deadline=None)
def test_same_seed_same_events_and_batch_equals_rows(name: str, run: dict[str, Any]) -> None:
    """Law 4."""
    events, final = collect(stream(*start(name, run)))
    again, _ = collect(stream(*start(name, run)))
    assert events == again
    length = run["settings"]["gen_length"]
    costs = events[-1].row_nfe  # type: ignore[attr-defined]
    for row in range(len(run["prompts"])):
        alone_events, alone = collect(stream(*start(name, run, [row])))
        assert alone.tokens[0, -length:].tolist() == final.tokens[row, -length:].tolist()
        assert alone_events[-1].nfe == costs[row]


@pytest.mark.parametrize("name", NAMES)
@given(run=runs())
@settings(max_examples=3, deadline=None)
def test_closing_anywhere_leaves_nothing_behind(name: str, run: dict[str, Any]) -> None:
    """Law 6, and the second half of law 3: a stopped run folds to its partial canvas."""
    events, _ = collect(stream(*start(name, run)))
    for stop in range(1, len(events)):
        sampler, denoise, canvas = start(name, run)
        run_again, board = stream(sampler, denoise, canvas), Board()
        for _ in range(stop):
            event = next(run_again)
            board.apply(event)
            assert torch.is_grad_enabled()
        run_again.close()
        assert torch.is_grad_enabled()
        assert not isinstance(event, Finished)
        assert board.tokens == canvas.tokens.tolist()


@pytest.mark.parametrize("name", NAMES)
@given(run=runs())
@settings(max_examples=10, deadline=None)
def test_what_is_committed_stays(name: str, run: dict[str, Any]) -> None:
    """Law 8: of tokens that a sampler calls final, none changes."""
    sampler, denoise, canvas = start(name, run)
    events, final = collect(stream(sampler, denoise, canvas))
    committed, answers = Committed(sampler), final.tokens[:, canvas.prompt_length :].tolist()
    for event in events:
        committed.apply(event)
        for row, answer in enumerate(answers):
            tokens = committed.tokens(row)
            assert tokens == answer[: len(tokens)], event
    assert [committed.tokens(row) for row in range(len(answers))] == answers


FIRST_COMMITTED = {
    "low_confidence": 1, "threshold": 1, "entropy_bounded": 1, "klass": 1, "vanilla_prm": 4, "edit": 4,
    "wino": 4, "remdm": 4, "remedi": 4, "window_refine": 8, "backmask": 16, "best_of_n": 16,
}  # fmt: skip
"""Of an answer of 4 blocks of 4 cells, and windows of 2: how many tokens are committed together at first."""


@pytest.mark.parametrize("name", NAMES)
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


@pytest.mark.parametrize("name", NAMES)
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
