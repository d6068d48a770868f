"""Measures of hand-made runs, whose answers are obvious, and of recorded ones."""

from __future__ import annotations

from itertools import combinations
from math import exp, isclose, sqrt
from pathlib import Path
from random import Random
from typing import Any

import pytest

from samplers.events import (
    CandidateChosen,
    CandidatesForked,
    Cell,
    Deleted,
    Drafted,
    Edited,
    Event,
    EventError,
    Finished,
    Inserted,
    Predicted,
    Remasked,
    Renoised,
    Started,
    Unmasked,
    Verified,
)
from samplers.measuring.calibration import ece, reliability
from samplers.measuring.commit_order import global_ar, kendall_tau, local_ar
from samplers.measuring.measures import CellDrafts, Judge, Measures, Opinion, end_map, measure
from samplers.measuring.row_log import recorded
from samplers.recording.traces import read_trace

TRACES = Path(__file__).parents[1] / "vectors" / "traces"
MASK, END, PROMPT = 99, 0, 7


def start(cells: int, rows: int = 1, noise: bool = False) -> Started:
    """A prompt of one token and masked cells, or cells of noise (token 50)."""
    row = (PROMPT, *([50 if noise else MASK] * cells))
    open_cells = ((False, *([True] * cells)),) * rows if noise else ()
    return Started(
        nfe=0, forwards=0, tokens=(row,) * rows, attention_mask=((True,) * (cells + 1),) * rows,
        mask_id=None if noise else MASK, prompt_length=1, noise=open_cells, settings={},
    )  # fmt: skip


def cells(pairs: dict[int, int], row: int = 0, p: float = 0.5) -> tuple[Cell, ...]:
    """{place in the answer: token}."""
    return tuple(Cell(row, place + 1, token, p) for place, token in pairs.items())


def unmasked(forward: int, pairs: dict[int, int], row: int = 0, p: float = 0.5, **more: Any) -> Unmasked:
    step = more.pop("step", forward - 1)
    return Unmasked(nfe=forward, forwards=forward, step=step, cells=cells(pairs, row, p), **more)


def predicted(forward: int, pairs: dict[int, int], p: float = 0.5, **more: Any) -> Predicted:
    return Predicted(nfe=forward, forwards=forward, cells=cells(pairs, p=p), **more)


def finished(forward: int, *rows: list[int]) -> Finished:
    tokens = tuple((PROMPT, *row) for row in rows)
    return Finished(nfe=forward, forwards=forward, tokens=tokens, stop_reasons=("steps",) * len(rows))


def one_by_one(order: list[int]) -> list[Event]:
    """Token 10 + place in each cell, one a forward."""
    steps = [unmasked(n, {place: 10 + place}) for n, place in enumerate(order, 1)]
    return [start(len(order)), *steps, finished(len(order), [10 + i for i in range(len(order))])]


def letters(tokens: Any) -> str:
    return "".join(chr(ord("a") + token) for token in tokens)


def wants(text: str) -> Judge:
    """The answer is the whole text; it is right when it is `text`."""
    return Judge(letters, lambda found: Opinion(found or None, found == text))


# ---- order -----------------------------------------------------------------------------------


def test_left_to_right_and_right_to_left() -> None:
    forth, back = measure(one_by_one([0, 1, 2, 3, 4])), measure(one_by_one([4, 3, 2, 1, 0]))
    assert (forth.tau, back.tau) == (1, -1)
    assert forth.local_ar == {1: 1, 2: 1, 4: 1} and back.local_ar == {1: 0, 2: 0, 4: 0}
    assert forth.global_ar == {1: 1, 2: 1, 4: 1}
    assert back.global_ar == {1: 0.2, 2: 0.4, 4: 0.8}  # only the last ones find so few cells open
    assert (forth.tokens, forth.forwards, forth.tpf, forth.cells) == (5, 5, 1, 5)


def test_an_order_in_two_runs() -> None:
    """2 3 0 1: two of three commits go on with a run of one; none has two before it."""
    times = [2, 3, 0, 1]
    assert local_ar(times, 1) == 2 / 3 and local_ar(times, 2) == 0 and local_ar(times, 4) is None
    assert global_ar(times, 1) == 1 / 2 and global_ar(times, 2) == 1 / 2 and global_ar(times, 4) == 1
    assert kendall_tau(times) == (2 - 4) / 6


def test_cells_of_one_forward_are_ties_and_count_from_left_to_right() -> None:
    events = [
        start(4),
        unmasked(1, {0: 10, 1: 11}),
        unmasked(2, {3: 13, 2: 12}),
        finished(2, [10, 11, 12, 13]),
    ]
    found = measure(events)
    assert found.tau == 4 / sqrt(6 * 4) and found.local_ar[1] == found.global_ar[1] == 1 and found.tpf == 2
    together = measure([start(3), unmasked(1, {0: 1, 1: 2, 2: 3}), finished(1, [1, 2, 3])])
    assert together.tau is None and together.tpf == 3


def test_tau_against_all_pairs() -> None:
    random = Random(3)
    for _ in range(50):
        times = [random.randrange(6) for _ in range(random.randrange(2, 20))]
        pairs = list(combinations(times, 2))
        agree, differ = sum(a < b for a, b in pairs), sum(a > b for a, b in pairs)
        untied = agree + differ
        wanted = None if not untied else (agree - differ) / sqrt(len(pairs) * untied)
        tau = kendall_tau(times)
        assert tau is wanted is None or isclose(tau or 0, wanted or 0, abs_tol=1e-12)


def test_the_last_token_of_a_cell_counts() -> None:
    """Cell 0 was first, went back to a mask and came last; cell 1 was edited after cell 2 came."""
    events = [
        start(3), unmasked(1, {0: 10}), unmasked(2, {1: 21}),
        Remasked(nfe=2, forwards=2, cells=cells({0: 10}), reason="wino"),
        unmasked(3, {2: 12}), Edited(nfe=4, forwards=4, cells=cells({1: 11})),
        unmasked(5, {0: 10}), finished(5, [10, 11, 12]),
    ]  # fmt: skip
    assert measure(events).tau == -1


# ---- length, noise, forks, stops -------------------------------------------------------------


def test_tokens_end_at_the_first_end_and_the_fill_is_nobodys() -> None:
    events = [
        start(4), unmasked(1, {0: 10, 1: END}),
        unmasked(1, {2: END, 3: END}, p=0.0, step=-1), finished(1, [10, END, END, END]),
    ]  # fmt: skip
    found = measure(events, ends={END})
    assert (found.tokens, found.tpf, found.cells) == (1, 1, 2)
    assert measure(events).tokens == 4


def test_cells_move_and_keep_their_history() -> None:
    """c is written first, then b before it, a before that; x comes and goes."""
    mask = Cell(0, 1, MASK, 0.0)
    events = [
        start(1), unmasked(1, {0: 2}),
        Inserted(nfe=1, forwards=1, cells=(mask, mask)), unmasked(2, {1: 1}),
        Inserted(nfe=2, forwards=2, cells=(Cell(0, 4, 23, 0.9),)),
        unmasked(3, {0: 0}), Deleted(nfe=3, forwards=3, cells=(Cell(0, 4, 23, 0.9),)), finished(3, [0, 1, 2]),
    ]  # fmt: skip
    found = measure(events)
    assert (found.tau, found.cells, found.tokens) == (-1, 3, 3)
    decided = measure([*events[:5], unmasked(3, {0: 0}), finished(3, [0, 1, 2, 23])])
    assert decided.cells == 4 and decided.tau == (1 - 4) / sqrt(6 * 5)  # x came with b


def test_tokens_inserted_at_several_places_at_once_are_told_apart() -> None:
    """Named from right to left, and two of one place: each commit is that of its own cell."""
    fresh = (Cell(0, 2, 33, 0.3), Cell(0, 1, 31, 0.1), Cell(0, 1, 32, 0.2))
    events = [start(1), unmasked(1, {0: 5}, p=0.5), Inserted(nfe=2, forwards=2, cells=fresh)]
    found = measure([*events, finished(2, [31, 32, 5, 33])], known=lambda tokens: [t > 5 for t in tokens])
    assert found.commits == ((0.1, True), (0.2, True), (0.5, False), (0.3, True))


def test_noise_is_no_token_until_it_is_decided() -> None:
    events = [
        start(2, noise=True), predicted(1, {0: 3, 1: 4}), unmasked(1, {1: 4}),
        Renoised(nfe=1, forwards=1, cells=cells({0: 60})), predicted(2, {0: 5}),
        unmasked(2, {0: 5}), finished(2, [5, 4]),
    ]  # fmt: skip
    found = measure(events)
    assert found.tau == -1 and found.cell_drafts == (CellDrafts(0, 1, 2), CellDrafts(1, 0, None))
    stopped = measure(events[:4])
    assert (stopped.tokens, stopped.cells, stopped.finished) == (1, 1, False)


def test_of_a_fork_the_winner_is_measured() -> None:
    losing = (*cells({0: 20}, 0), *cells({1: 11}, 1))
    events = [
        start(2), CandidatesForked(nfe=0, k=2, rows=2),
        Unmasked(nfe=2, forwards=1, step=0, cells=losing, forked=True),
        Unmasked(nfe=4, forwards=2, step=1, cells=(*cells({1: 21}, 0), *cells({0: 10}, 1)), forked=True),
        CandidateChosen(nfe=4, forwards=2, winners=(1,)), finished(2, [10, 11]),
    ]  # fmt: skip
    assert measure(events).tau == -1
    kept = [*events[:4], CandidateChosen(nfe=4, forwards=2, winners=(None,)), unmasked(3, {0: 1})]
    assert measure(kept).cells == 1


def test_a_cheap_draft_that_stands_was_written_when_it_was_drafted() -> None:
    drafted = Drafted(nfe=1, forwards=1, cells=cells({1: 11, 2: 99 - 1}))
    verified = Verified(nfe=2, forwards=2, accepted=cells({1: 11}), rejected=cells({2: 98}))
    events = [
        start(3),
        drafted,
        verified,
        unmasked(3, {0: 10}),
        unmasked(4, {2: 12}),
        finished(4, [10, 11, 12]),
    ]
    assert measure(events).tau == (2 - 1) / 3


def test_a_stopped_run_has_what_there_was() -> None:
    found = measure(one_by_one([0, 1, 2])[:3], judge=wants("klm"))
    assert (found.finished, found.tokens, found.forwards, found.cells, found.tau) == (False, 2, 2, 2, 1)
    assert found.finally_right is None and found.ever_right is None and found.flips is None
    begun = measure([start(3)])
    assert (begun.tokens, begun.tpf, begun.tau, begun.local_ar[1]) == (0, None, None, None)
    for events, row in (([], 0), ([start(2)], 1)):
        with pytest.raises(EventError, match="allowed"):
            measure(events, row)


def test_a_row_of_a_batch_needs_its_own_forwards() -> None:
    events = [start(2, rows=2), unmasked(1, {0: 1}), unmasked(2, {1: 2, 0: 1}, row=1)]
    assert measure(events).tpf is None
    assert measure(events, 1, forwards=1).tpf == 2


# ---- drafts ----------------------------------------------------------------------------------


def with_drafts() -> list[Event]:
    """Would have been "ab", right, then "ac", then "bc", which it was."""
    return [
        start(2), predicted(1, {0: 0, 1: 1}), unmasked(1, {}),
        predicted(2, {0: 0, 1: 2}), unmasked(2, {1: 2}),
        predicted(3, {0: 1}), unmasked(3, {0: 1}), finished(3, [1, 2]),
    ]  # fmt: skip


def test_right_once_and_overwritten() -> None:
    found = measure(with_drafts(), judge=wants("ab"))
    assert (found.ever_right, found.finally_right, found.drafts) == (True, False, 3)
    assert (found.first_right, found.last_right, found.right_drafts) == (1, 1, 1 / 3)
    assert (found.flips, found.last_flip, found.drafted) == (1, 3, 2)
    assert found.cell_drafts == (CellDrafts(0, 1, 3), CellDrafts(1, 1, 2))
    right = measure(with_drafts(), judge=wants("bc"))
    assert (right.ever_right, right.finally_right, right.vote_right) == (True, True, True)


def test_the_vote_weighs_late_drafts_more() -> None:
    """Three early drafts of one answer against one late one: exp(5/4) + exp(10/4) + exp(15/4) < exp(5)."""
    assert exp(5 / 4) + exp(10 / 4) + exp(15 / 4) < exp(5)
    events = [start(1), *(predicted(n, {0: 0}) for n in (1, 2, 3)), predicted(4, {0: 1})]
    assert measure(events, judge=wants("b")).vote_right is True
    assert measure(events, judge=wants("a")).vote_right is False


def test_who_cannot_know_says_nothing_and_empty_answers_do_not_vote() -> None:
    nobody = Judge(letters, lambda text: Opinion(text, None))
    found = measure(with_drafts(), judge=nobody)
    assert found.ever_right is found.finally_right is found.vote_right is found.right_drafts is None
    silent = Judge(letters, lambda text: Opinion(None, False))
    assert measure(with_drafts(), judge=silent).vote_right is False


def test_a_draft_is_full_when_every_cell_before_the_end_has_one() -> None:
    half = [start(3), predicted(1, {0: 3}), predicted(2, {1: END})]
    found = measure(half, ends={END}, judge=wants("d"))
    assert found.drafts == 1 and found.ever_right is True and found.first_right == 2


def test_an_edit_of_a_whole_answer_is_a_draft_too() -> None:
    events = [*with_drafts()[:-1], Edited(nfe=4, forwards=4, cells=cells({0: 2})), finished(4, [2, 2])]
    found = measure(events, judge=wants("cc"))
    assert (found.drafts, found.first_right, found.last_right) == (4, 4, 4)


def test_losing_candidates_were_never_right() -> None:
    fork: list[Event] = [
        start(1), CandidatesForked(nfe=0, k=2, rows=2),
        Predicted(nfe=2, forwards=1, cells=(*cells({0: 0}, 0), *cells({0: 1}, 1)), forked=True),
        Unmasked(nfe=2, forwards=1, step=0, cells=(*cells({0: 0}, 0), *cells({0: 1}, 1)), forked=True),
    ]  # fmt: skip
    won = CandidateChosen(nfe=2, forwards=1, winners=(1,))
    assert measure([*fork, won, finished(1, [1])], judge=wants("a")).ever_right is False
    assert measure([*fork, won, finished(1, [1])], judge=wants("b")).ever_right is True


def test_top_k_flips_by_the_likeliest_and_end_pressure_by_all() -> None:
    def draft(forward: int, *guesses: tuple[int, float]) -> Predicted:
        found = tuple(Cell(0, 1, token, p) for token, p in guesses)
        return Predicted(nfe=forward, forwards=forward, cells=found)

    events = [
        start(1),
        draft(1, (3, 0.7), (END, 0.2)),
        draft(2, (3, 0.8), (4, 0.1)),
        draft(3, (END, 0.6), (3, 0.3)),
    ]
    found = measure(events, ends={END})
    assert found.cell_drafts == (CellDrafts(0, 1, 3),)
    assert isclose(found.end_pressure or 0, (0.2 + 0 + 0.6) / 3)
    points = end_map(recorded(events).logs[0].guesses, {END})
    assert points == [(1, 0, 0.2), (2, 0, 0.0), (3, 0, 0.6)]
    assert measure(events).end_pressure is None


# ---- calibration -----------------------------------------------------------------------------


def test_calibration_of_tokens_that_are_known() -> None:
    events = [
        start(3),
        unmasked(1, {0: 10}, p=0.9),
        unmasked(2, {1: 11, 2: 12}, p=0.4),
        finished(2, [10, 11, 12]),
    ]
    found = measure(events, known=lambda tokens: [True, None, tokens[2] != 12])
    assert found.commits == ((0.9, True), (0.4, False)) and isclose(found.ece or 0, 0.25)


def test_ece_over_bins_of_equal_count() -> None:
    sure = [(0.8, i < 8) for i in range(10)]
    assert isclose(ece(sure) or 0, 0, abs_tol=1e-12)  # 8 of 10 at 0.8, in whichever order they come
    assert isclose(ece(sure[::-1]) or 0, 0, abs_tol=1e-12)
    assert isclose(ece([(0.9, False)] * 30) or 0, 0.9)
    assert [part.count for part in reliability([(i / 25, True) for i in range(25)])] == [2, 3] * 5
    assert ece([]) is None


# ---- recorded runs ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", sorted(TRACES.glob("v0.*/*.jsonl")), ids=lambda p: f"{p.parent.name}-{p.stem}"
)
def test_recorded_runs_of_schema_1(path: Path) -> None:
    """They have no drafts; their order and their price are known."""
    trace = read_trace(path)
    found = measure(trace.events, ends={END})
    assert found.finished and found.forwards == trace.events[-1].forwards
    assert found.tpf == found.tokens / found.forwards and 0 < found.cells
    assert found.tau is None or -1 <= found.tau <= 1
    assert found.flips is found.ever_right is None and 0 < (found.global_ar[1] or 0) <= 1
    if path.stem == "low_confidence":
        assert found.tokens <= found.forwards
        assert (found.tau or 0) > 0.5  # blocks from left to right


def test_any_prefix_of_a_run_can_be_measured() -> None:
    events = read_trace(TRACES / "v0.2" / "vanilla_prm.jsonl").events
    seen: list[Measures] = [measure(events[:n], ends={END}) for n in range(1, len(events) + 1)]
    assert seen[0].cells == 0 and [found.finished for found in seen] == [False] * (len(events) - 1) + [True]
    assert sorted(found.forwards or 0 for found in seen) == [found.forwards or 0 for found in seen]
