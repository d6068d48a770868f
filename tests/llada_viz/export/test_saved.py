"""The name of a saved run says what is in it."""

from __future__ import annotations

from pathlib import Path

from llada_viz.decoding.runs import OPENED, recorded
from llada_viz.export.saved import name_of, saved
from samplers.recording.traces import Trace, read_trace
from tests.llada_viz.script import PIECES, every_event, started

TRACES = Path(__file__).parents[2] / "vectors" / "traces" / "v0.2"


def test_question_sampler_and_seed() -> None:
    run = recorded(read_trace(TRACES / "remedi.jsonl", OPENED))
    name = name_of(run)
    question, sampler, seed = name.split("_")
    assert question.startswith("what-is") and sampler.startswith("remedi") and seed == "seed-7"
    assert saved(run)["name"] == f"{name}.jsonl"


def test_only_letters_that_every_system_takes() -> None:
    pieces = [*PIECES[:4], "../é <b>\n".encode() * 40, b" b", *PIECES[6:]]
    run = recorded(Trace(tuple(every_event()), dict(enumerate(pieces)), "m"))
    assert set(name_of(run)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_") and len(name_of(run)) < 130


def test_a_run_of_which_nothing_is_known() -> None:
    pieces = {number: b"" for number in range(9)}
    run = recorded(Trace((started(sampler="", seeds=[]),), pieces, ""))
    assert name_of(run) == "llada-viz-trace"
