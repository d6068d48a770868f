"""Runs that share forwards: each gets what it gets alone, in fair turns, and nobody waits for the dead."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from samplers import collect, make, new_canvas
from samplers.forwards.passes import Passes
from samplers.forwards.shared_forwards import Call, Forwards, Left, Limits, Place
from samplers.forwards.shared_network import shared
from samplers.network import ModelNetwork
from tests.networks import SMALL_MASK, TableNetwork, small_llada
from tests.samplers.test_laws import NAMES, runs, start, stream


class TablePasses(Passes):
    """Passes of a table network. before: called at each."""

    def __init__(self, table: TableNetwork, before: Callable[[Tensor], None] = lambda tokens: None) -> None:
        super().__init__(table)
        self.before, self.asked = before, list[int]()

    def states(self, tokens: Tensor, attention: Tensor, cells: Tensor, *cache: Any) -> Tensor:
        self.before(tokens)
        self.asked.append(len(tokens))
        return self.model.states(tokens, attention, cells)  # type: ignore[no-any-return]


class SharedTable(TableNetwork):
    """A table network whose passes are shared."""

    def __init__(self, table: TableNetwork, place: Place) -> None:
        self.own, self.place = table, place

    def states(self, tokens: Tensor, attention_mask: Tensor, cells: Tensor) -> Tensor:
        return self.place.states(tokens, attention_mask, cells)

    def shadow_states(self, tokens: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
        both: tuple[Tensor, Tensor] = self.place.turn(tokens, lambda: self.own.shadow_states(tokens, *rest))
        return both


def at_once(jobs: list[Callable[[], Any]]) -> list[Any]:
    """The results of all jobs, each in a thread of its own; an exception is a result."""
    results: list[Any] = [None] * len(jobs)

    def work(place: int) -> None:
        try:
            results[place] = jobs[place]()
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return results


def ask(place: Place, rows: int = 1, length: int = 4) -> Tensor:
    """A call of so many rows of masks."""
    cells = torch.ones(rows, length, dtype=torch.bool)
    return place.states(torch.full((rows, length), 20), cells, cells)


@settings(max_examples=25, deadline=None)
@given(
    mix=st.lists(st.tuples(st.sampled_from(NAMES), runs()), min_size=2, max_size=4),
    tokens=st.sampled_from([1, 40, 8192]),
    workers=st.sampled_from([1, 2]),
)
def test_a_run_among_others_is_the_run_alone(mix: Any, tokens: int, workers: int) -> None:
    """Exactly, with exact arithmetic, for any mix of samplers, settings, lengths and sizes of a pass."""
    forwards = Forwards(Limits(tokens=tokens, workers=workers))

    def job(name: str, run: dict[str, Any]) -> Callable[[], Any]:
        sampler, _, canvas = start(name, run)
        table = TableNetwork(seed=run["network"])
        place = forwards.place(TablePasses(table))
        denoise = sampler.denoiser(SharedTable(table, place))
        return lambda: collect(stream(sampler, denoise, canvas))[0]

    # One model a line: the runs of a mix differ in all but the network.
    same = [(name, run | {"network": mix[0][1]["network"]}) for name, run in mix]
    alone = [collect(stream(*start(name, run)))[0] for name, run in same]
    assert at_once([job(name, run) for name, run in same]) == alone


@pytest.mark.parametrize("cache", ["none", "prefix", "dual"])
@pytest.mark.parametrize("sampler", ["low_confidence", "wino"])
def test_a_model_with_and_without_a_cache(sampler: str, cache: str) -> None:
    """A random LLaDA in float64: prompts of one length, so that caches join, and one of another."""
    if sampler == "wino" and cache != "none":
        pytest.skip("WINO has no cache")
    model = small_llada().double()
    prompts = [[1, 2, 3], [4, 5, 6], [7, 8, 9], [3, 1, 4, 1, 5, 9]]
    built = make(sampler, {"gen_length": 12, "block_length": 4, "steps": 12} | (
        {} if sampler == "wino" else {"cache": cache}))  # fmt: skip
    forwards = Forwards(Limits(wait=0.05))
    forwards.pass_seconds = 1.0  # so that it waits for the others

    def events(prompt: list[int], network: ModelNetwork) -> list[Any]:
        canvas = new_canvas([prompt], 12, SMALL_MASK)
        return collect(built(built.denoiser(network), canvas))[0]

    alone = [events(prompt, ModelNetwork(model)) for prompt in prompts]
    networks = [shared(ModelNetwork(model), forwards) for _ in prompts]
    jobs = [lambda p=p, n=n: events(p, n) for p, n in zip(prompts, networks, strict=True)]  # type: ignore[misc]
    found = at_once(jobs)  # type: ignore[arg-type]
    for mine, theirs in zip(found, alone, strict=True):
        assert cells_of(mine) == cells_of(theirs)
    if sampler != "wino":
        assert forwards.rows > forwards.passes  # some went together


def cells_of(events: list[Any]) -> list[Any]:
    """Rows, positions and tokens of all cells that events name."""
    return [[cell[:3] for cell in getattr(event, "cells", ())] for event in events]


def test_an_error_is_the_run_s_own() -> None:
    def refuse(tokens: Tensor) -> None:
        if bool((tokens == 13).any()):
            raise ValueError("thirteen")

    forwards = Forwards(Limits(wait=0.05))
    passes = TablePasses(TableNetwork(), refuse)
    places = [forwards.place(passes) for _ in range(4)]
    cells = torch.ones(1, 3, dtype=torch.bool)
    jobs = [
        lambda p=p, i=i: p.states(torch.tensor([[1, 2, 13 if i == 2 else i]]), cells, cells)  # type: ignore[misc]
        for i, p in enumerate(places)
    ]
    found = at_once(jobs)  # type: ignore[arg-type]
    assert isinstance(found[2], ValueError) and all(isinstance(found[i], Tensor) for i in (0, 1, 3))


def test_who_leaves_is_let_go_at_once_and_holds_up_nobody() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def hold(tokens: Tensor) -> None:
        entered.set()
        assert go_on.wait(30)

    forwards = Forwards()
    passes = TablePasses(TableNetwork(), hold)
    first, second = forwards.place(passes), forwards.place(passes)
    found: list[Any] = []
    holding = threading.Thread(target=lambda: found.append(ask(first)), daemon=True)
    holding.start()
    assert entered.wait(30)
    waiting = threading.Thread(target=lambda: found.extend(at_once([lambda: ask(second)])), daemon=True)
    waiting.start()
    while not forwards._line:
        time.sleep(0.001)
    second.leave()
    waiting.join(30)
    assert isinstance(found[0], Left)  # while the pass of the first is still going on
    go_on.set()
    holding.join(30)
    assert isinstance(found[1], Tensor) and passes.asked == [1]
    with pytest.raises(Left):
        ask(second)


def test_a_worker_that_breaks_down_tells_everybody_and_the_next_call_has_a_new_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    forwards = Forwards()
    place = forwards.place(TablePasses(TableNetwork()))
    with monkeypatch.context() as broken:
        broken.setattr(forwards, "_take", lambda: 1 / 0)
        with pytest.raises(RuntimeError, match="broke down: ZeroDivisionError"):
            ask(place)
    assert "broke down" in caplog.text
    assert ask(place).shape == (4, 23)


def test_workers_end_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("samplers.forwards.shared_forwards.IDLE", 0.01)
    before = threading.active_count()
    forwards = Forwards(Limits(workers=2))
    place = forwards.place(TablePasses(TableNetwork()))
    at_once([lambda: ask(place)] * 3)
    deadline = time.monotonic() + 30
    while forwards._workers or threading.active_count() > before:  # workers of other tests may end meanwhile
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert ask(place).shape == (4, 23)


# ---- whose turn it is: calls in line, and no worker ------------------------------------------


def line_of(limits: Limits, **calls: tuple[int, int]) -> tuple[Forwards, dict[str, Call]]:
    """Forwards without workers, and in line a call of each owner: (rows, length)."""
    forwards, made = Forwards(limits), {}
    for owner, (rows, length) in calls.items():
        made[owner] = call_of(forwards, owner, rows, length)
    return forwards, made


def call_of(forwards: Forwards, owner: str, rows: int, length: int = 4) -> Call:
    cells = torch.ones(rows, length, dtype=torch.bool)
    call = Call(forwards.place(TablePasses(TableNetwork()), owner), cells.long(), cells, cells)
    forwards.enter(call)
    return call


def taken(forwards: Forwards) -> dict[str, int]:
    """owner -> rows, of the next pass."""
    rows: dict[str, int] = {}
    for call, begin, stop in forwards._take():
        rows[call.place.owner] = rows.get(call.place.owner, 0) + stop - begin
    return rows


NOBODY = {"workers": 0, "wait": 0.0}


def test_many_candidates_do_not_hold_up_who_has_one_row() -> None:
    forwards, _ = line_of(Limits(tokens=16, **NOBODY), many=(64, 4), one=(1, 4))  # type: ignore[arg-type]
    assert taken(forwards) == {"many": 3, "one": 1}
    call_of(forwards, "one", 1)
    assert taken(forwards) == {"one": 1, "many": 3}


def test_rows_are_shared_evenly_between_owners_whatever_runs_they_have() -> None:
    forwards, _ = line_of(Limits(tokens=24, **NOBODY))  # type: ignore[arg-type]
    for _ in range(5):
        call_of(forwards, "five runs", 8)
    call_of(forwards, "one run", 40)
    had = {"five runs": 0, "one run": 0}
    for _ in range(6):
        for owner, rows in taken(forwards).items():
            had[owner] += rows
    assert had == {"five runs": 18, "one run": 18}


def test_who_comes_later_begins_where_the_others_are() -> None:
    forwards, _ = line_of(Limits(tokens=8, **NOBODY), early=(40, 4))  # type: ignore[arg-type]
    for _ in range(10):
        assert taken(forwards) == {"early": 2}
    call_of(forwards, "late", 40)
    had = {"early": 0, "late": 0}
    for _ in range(6):
        for owner, rows in taken(forwards).items():
            had[owner] += rows
    assert abs(had["early"] - had["late"]) <= 2


def test_a_pass_is_not_filled_with_padding() -> None:
    forwards, _ = line_of(Limits(**NOBODY), short=(1, 10), long=(1, 100), near=(1, 12))  # type: ignore[arg-type]
    assert taken(forwards) == {"short": 1, "near": 1} and taken(forwards) == {"long": 1}


def test_a_row_longer_than_a_pass_goes_alone() -> None:
    forwards, _ = line_of(Limits(tokens=8, **NOBODY), long=(2, 100))  # type: ignore[arg-type]
    assert taken(forwards) == {"long": 1} and taken(forwards) == {"long": 1}


def test_accounts_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("samplers.forwards.shared_forwards.MOST_OWNERS", 10)
    forwards, _ = line_of(Limits(tokens=8, **NOBODY), long=(1000, 4))  # type: ignore[arg-type]
    for visitor in range(50):
        call_of(forwards, f"visitor {visitor}", 1)
        assert taken(forwards) == {"long": 1, f"visitor {visitor}": 1}
    assert len(forwards._given) <= 12


def test_accounts_of_those_who_wait_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("samplers.forwards.shared_forwards.MOST_OWNERS", 3)
    forwards, _ = line_of(Limits(tokens=4, **NOBODY), a=(1, 4), b=(1, 4), c=(1, 4), d=(1, 4))  # type: ignore[arg-type]
    assert taken(forwards) == {"a": 1}
    forwards.place(TablePasses(TableNetwork()))  # forgets the accounts that nobody needs
    assert [taken(forwards) for _ in range(3)] == [{"b": 1}, {"c": 1}, {"d": 1}]


def test_where_no_thread_can_be_had_the_call_is_refused_and_the_next_one_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forwards = Forwards()
    place = forwards.place(TablePasses(TableNetwork()))
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", lambda thread: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ask(place)
    assert ask(place).shape == (4, 23)


def test_what_a_failed_pass_held_is_free_before_its_calls_go_alone() -> None:
    held: list[weakref.ref[Tensor]] = []
    alive: list[bool] = []

    def fail(tokens: Tensor) -> None:
        if len(tokens) > 1:
            large = torch.zeros(1000)
            held.append(weakref.ref(large))
            raise torch.OutOfMemoryError("no memory")
        alive.extend(one() is not None for one in held)

    passes = TablePasses(TableNetwork(), fail)
    forwards, calls = line_of(Limits(**NOBODY), a=(1, 4), b=(1, 4))  # type: ignore[arg-type]
    for call in calls.values():
        call.place.passes = passes
    forwards._evaluate(forwards._take())
    assert passes.asked == [1, 1] and alive == [False, False]


def test_at_the_program_s_end_waiting_calls_are_dropped_and_the_pass_that_goes_on_is_the_last() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def hold(tokens: Tensor) -> None:
        entered.set()
        assert go_on.wait(30)

    forwards = Forwards()
    passes = TablePasses(TableNetwork(), hold)
    found: list[Any] = []
    jobs = [lambda: found.extend(at_once([lambda: ask(forwards.place(passes))])) for _ in range(2)]
    threads = [threading.Thread(target=job, daemon=True) for job in jobs]
    threads[0].start()
    assert entered.wait(30)
    threads[1].start()
    while not forwards._line:
        time.sleep(0.001)
    forwards.end()
    threads[1].join(30)
    assert isinstance(found[0], Left)
    go_on.set()
    threads[0].join(30)
    assert isinstance(found[1], Tensor) and passes.asked == [1]
    deadline = time.monotonic() + 30
    while forwards._workers and time.monotonic() < deadline:
        time.sleep(0.001)
    assert forwards._workers == 0
    with pytest.raises(Left):
        ask(forwards.place(passes))
