"""Traces: whole ones come back unchanged, damaged and foreign ones are refused in a sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from samplers import GuidedDenoiser, collect, fold, interleave, make, new_canvas
from samplers.events import (
    CandidateChosen,
    CandidatesForked,
    Cell,
    Event,
    EventError,
    Remasked,
    Started,
    Unmasked,
)
from samplers.recording.traces import Trace, TraceError, dump_trace, read_trace, write_trace
from tests.networks import TableNetwork


@pytest.fixture
def trace() -> Trace:
    sampler = make("llada", {"steps": 8, "gen_length": 8, "block_length": 4})
    events, _ = collect(sampler(GuidedDenoiser(TableNetwork()), new_canvas([[1, 2]], 8, 20, eos_id=21)))
    return Trace(tuple(events), {i: bytes([97 + i]) for i in range(20)}, "table")


def test_round_trip(trace: Trace, tmp_path: Path) -> None:
    write_trace(tmp_path / "t", trace)
    again = read_trace(tmp_path / "t")
    assert again == trace
    assert fold(again.events).finished


def damaged(text: str) -> dict[str, bytes]:
    lines = text.splitlines()
    header, event = json.loads(lines[0]), json.loads(lines[2])
    event["cells"][0][1] = 99
    extra = json.loads(lines[2]) | {"surprise": 1}
    finished = json.loads(lines[-1])
    finished["tokens"][0][-1] += 1

    def file(*parts: str) -> bytes:
        return "\n".join(parts).encode()

    return {
        "empty": b"", "binary": b"\x00\xff\xfe", "other JSON": b'{"a": 1}', "list": b"[1, 2]",
        "cut between lines": file(*lines[:5]), "cut in a line": text[:-30].encode(),
        "out of the canvas": file(*lines[:2], json.dumps(event), *lines[3:]),
        "unknown field": file(*lines[:2], json.dumps(extra), *lines[3:]),
        "wrong end": file(*lines[:-1], json.dumps(finished)),
        "no Started": file(json.dumps(header | {"events": len(lines) - 2}), *lines[2:]),
        "other schema": file(json.dumps(header | {"schema": 99}), *lines[1:]),
        "bad pieces": file(json.dumps(header | {"pieces": {"x": "zz"}}), *lines[1:]),
        "deep": file(lines[0], "[" * 100_000),
    }  # fmt: skip


def test_damaged_files_are_refused(trace: Trace) -> None:
    for name, content in damaged(dump_trace(trace)).items():
        with pytest.raises(TraceError) as error:
            read_trace(content)
        assert len(str(error.value)) < 300, name


def test_a_stopped_run_is_a_whole_trace(trace: Trace) -> None:
    partial = Trace(trace.events[:4], trace.pieces, "table")
    assert read_trace(dump_trace(partial).encode()) == partial


START = Started(
    nfe=0, tokens=((1, 20, 20),), attention_mask=((True,) * 3,), mask_id=20, prompt_length=1, settings={}
)


def test_forks_fold_to_the_winner_and_remasking_to_masks() -> None:
    events: list[Event] = [
        START,
        Unmasked(nfe=1, step=0, cells=(Cell(0, 1, 7, 0.5),)),
        CandidatesForked(nfe=1, k=2, rows=2),
        Unmasked(nfe=3, forked=True, step=1, cells=(Cell(0, 2, 8, 0.5), Cell(1, 2, 9, 0.5))),
    ]
    assert fold(events).tokens == [[1, 7, 20]]
    won = fold([*events, CandidateChosen(nfe=3, winners=(1,))])
    assert (won.tokens, won.confidence) == ([[1, 7, 9]], [[None, 0.5, 0.5]])
    assert fold([*events, CandidateChosen(nfe=3, winners=(None,))]).tokens == [[1, 7, 20]]
    back = Remasked(nfe=3, cells=(Cell(0, 1, 7, 0.5),), reason="user")
    assert fold([*events[:2], back]).tokens == [[1, 20, 20]]


def test_events_that_do_not_fit_are_errors() -> None:
    for bad in (
        [CandidateChosen(nfe=0, winners=(0,))],
        [START, CandidateChosen(nfe=0, winners=(0,))],
        [START, Unmasked(nfe=1, step=0, cells=(Cell(0, 0, 7, 0.5),))],
        [START, CandidatesForked(nfe=0, k=2, rows=2), CandidateChosen(nfe=0, winners=(2,))],
    ):
        with pytest.raises(EventError):
            fold(bad)


def test_interleave_advances_who_spent_least() -> None:
    slow = [START, Unmasked(nfe=5, step=0, cells=()), Unmasked(nfe=10, step=1, cells=())]
    fast = [START, *(Unmasked(nfe=i, step=i, cells=()) for i in range(1, 7))]
    order = [(i, e.nfe) for i, e in interleave([slow, fast])]
    assert sorted(order) == sorted([(0, e.nfe) for e in slow] + [(1, e.nfe) for e in fast])
    assert order.index((1, 5)) < order.index((0, 10)) < order.index((1, 6))


@pytest.mark.parametrize(("k", "rows"), [(0, 0), (-1, -1), (65, 65), (2_000_000, 2_000_000), (2, 1), (2, 3)])
def test_a_fork_that_no_sampler_makes_is_refused(trace: Trace, k: int, rows: int) -> None:
    fork = CandidatesForked(nfe=0, k=k, rows=rows)
    with pytest.raises(TraceError, match="a fork of 1 rows"):
        read_trace(dump_trace(replace(trace, events=(trace.events[0], fork))).encode())
