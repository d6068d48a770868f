"""Runs to test the laws on, and what every run is checked for while its events are folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

from samplers import SAMPLERS, Denoiser, new_canvas
from samplers.algorithms.klass import STRATEGIES
from samplers.algorithms.remasking import CHOICES
from samplers.algorithms.remdm import SCHEDULES
from samplers.algorithms.remedi import POLICIES
from samplers.blocks import DEFERRALS
from samplers.canvas import Canvas
from samplers.drawing import ORDERINGS
from samplers.events import (
    CandidateChosen,
    CandidatesForked,
    Cell,
    Deleted,
    Drafted,
    Edited,
    Event,
    Inserted,
    Remasked,
    Started,
    Unmasked,
)
from samplers.fold import Board, BoardRow
from samplers.registry import Sampler
from samplers.settings import describe
from tests.networks import TableNetwork, TableScorer
from tests.samplers.toys import TOYS, VOCABULARY

MASK, EOS, EOT = 20, 21, 22
CELL_FIELDS = ("cells", "accepted", "rejected")
Run = dict[str, Any]


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Settings, prompts, seeds and given cells of one run, and whether its canvas has masks."""
    block = draw(st.sampled_from([1, 3, 4, 8]))
    blocks = draw(st.integers(1, 3))
    rows = draw(st.sampled_from([1, 3]))
    noise = draw(st.booleans())
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
        "begins_with": draw(st.integers(0, 1)),
        "changes": draw(st.integers(0, 4)),
        "copies": 2,
        "drafts": draw(st.sampled_from([0, 0, 0, 2])),
    }
    prompt = st.lists(st.integers(0, EOT), min_size=1, max_size=6)
    pins = st.dictionaries(st.integers(0, block * blocks - 1), st.integers(0, EOT), max_size=3)
    return {
        "settings": plain,
        "prompts": [draw(prompt) for _ in range(rows)],
        "seeds": [draw(st.integers(0, 99)) for _ in range(rows)],
        "given": [draw(pins) for _ in range(rows)],
        "network": draw(st.integers(0, 3)),
        "noise": noise,
    }


def sampler_of(name: str, plain: dict[str, Any]) -> Sampler:
    """A registered sampler or a toy, with those of the settings that it has."""
    cls: Any = TOYS[name] if name in TOYS else SAMPLERS[name].cls
    known = {d.name for d in describe(cls)}
    sampler: Sampler = cls(**{key: value for key, value in plain.items() if key in known})
    return sampler


def start(name: str, run: Run, rows: list[int] | None = None) -> tuple[Sampler, Denoiser, Canvas]:
    """A run's sampler, denoiser and canvas. A canvas of noise only where the sampler can fill one; it has no
    guidance."""
    chosen = range(len(run["prompts"])) if rows is None else rows
    sampler = sampler_of(name, run["settings"])
    noise = sampler.needs.noise or (run["noise"] and not sampler.needs.mask)
    if noise:
        sampler = sampler_of(name, run["settings"] | {"cfg_scale": 0.0})
    cells: int = getattr(sampler, "cells_at_start", sampler.gen_length)
    canvas = new_canvas(
        [run["prompts"][r] for r in chosen],
        cells,
        None if noise else MASK,
        seeds=[run["seeds"][r] for r in chosen],
        given=[{p: t for p, t in run["given"][r].items() if p < cells} for r in chosen],
        eos_id=EOS,
        eot_id=EOT,
        vocabulary=VOCABULARY,
    )
    return sampler, sampler.denoiser(TableNetwork(seed=run["network"])), canvas


def stream(sampler: Sampler, denoise: Denoiser, canvas: Canvas) -> Any:
    return sampler(denoise, canvas, TableScorer() if sampler.needs.scorer else None)


def of_row(events: Iterable[Event], row: int) -> list[tuple[Any, ...]]:
    """What was done to the cells of one row, candidates included: kind, and cells as seen from the end of the
    prompt."""
    done: list[tuple[Any, ...]] = []
    prompt, k = 0, 1
    for event in events:
        prompt = event.prompt_length if isinstance(event, Started) else prompt
        k = event.k if isinstance(event, CandidatesForked) else k
        first, stop = (row * k, (row + 1) * k) if event.forked else (row, row + 1)
        for field in CELL_FIELDS:
            cells: Sequence[Cell] = getattr(event, field, ())
            own = [(c.row - first, c.position - prompt, *c[2:]) for c in cells if first <= c.row < stop]
            if own:
                done.append((type(event).__name__, field, event.block, own))
    return done


def follow(events: Iterable[Event]) -> Iterator[Board]:
    """The board after each event. Laws 2 and 8 are checked on the way: a cell keeps its id as long as it
    lives, no id is used twice, and pinned cells keep their tokens and are never deleted."""
    board, used, pinned = Board(), list[set[int]](), list[dict[int, int]]()
    for event in events:
        before, trunk = [row.ids[:] for row in board.rows], [row.ids[:] for row in board.trunk]
        _check_kind(event, board)
        board.apply(event)
        now = [row.ids for row in board.rows]
        if isinstance(event, Started):
            used = [set(row.ids) for row in board.trunk]
            pinned = [_pinned(row) for row in board.trunk]
        elif isinstance(event, CandidatesForked):
            assert now == [trunk[i // event.k] for i in range(len(now))]
        elif isinstance(event, CandidateChosen):
            copies = len(before) // len(trunk)
            kept = enumerate(event.winners)
            assert now == [trunk[r] if w is None else before[r * copies + w] for r, w in kept]
        else:
            for number, ids in enumerate(now):
                _check_ids(event, number, before[number], ids, used[number // board.k])
        whole = isinstance(event, (Started, CandidatesForked, CandidateChosen))
        touched = {cell.row for field in CELL_FIELDS for cell in getattr(event, field, ())}
        for number in range(len(now)) if whole else touched:
            sample, row = number // board.k, board.rows[number]
            assert len(set(row.ids)) == len(row.ids)
            assert list(_pinned(row).items()) == list(pinned[sample].items())
            used[sample] |= set(row.ids)
        yield board


def _pinned(row: BoardRow) -> dict[int, int]:
    """Id -> token of the cells that never change, in their order."""
    return {i: t for i, t, is_pinned in zip(row.ids, row.tokens, row.pinned, strict=True) if is_pinned}


def _check_ids(event: Event, number: int, before: list[int], now: list[int], used: set[int]) -> None:
    """What an event makes of the ids of one addressed row, worked out from its cells alone."""
    at = [cell.position for cell in getattr(event, "cells", ()) if cell.row == number]
    if isinstance(event, Inserted):
        places = [*((p, 1, i) for p, i in enumerate(before)), *((p, 0, None) for p in at)]
        expected = [i for _, _, i in sorted(places, key=lambda place: place[:2])]
        assert [None if i not in before else i for i in now] == expected
        assert not used & (set(now) - set(before))
    elif isinstance(event, Deleted):
        assert now == [i for p, i in enumerate(before) if p not in at]
    else:
        assert now == before


def _check_kind(event: Event, board: Board) -> None:
    """Undecided cells are unmasked and drafted; decided ones are edited and re-masked; each once."""
    cells: Sequence[Cell] = getattr(event, "cells", ())
    if isinstance(event, (Unmasked, Drafted, Edited, Remasked)):
        is_open = [board.rows[cell.row].undecided[cell.position] for cell in cells]
        assert is_open == [isinstance(event, (Unmasked, Drafted))] * len(cells)
        assert len({cell[:2] for cell in cells}) == len(cells)
