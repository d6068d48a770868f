"""benchmarks/events.py: its bars can fail, it measures what it says, and its trace is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks import events as benchmark
from benchmarks.events import Figure, added, random_trace
from models.loading import LoadedModel, load
from samplers.events import Event, Predicted, Unmasked
from samplers.fold import fold
from samplers.recording.traces import pack_trace, read_trace
from samplers.requests import Prepared, prepare
from tests.networks import VECTORS


def test_a_bar_is_kept_or_not() -> None:
    assert str(Figure("x", 2.0, "%", 3)).startswith("PASS") and str(Figure("x", 3.1, "%", 3)).startswith(
        "FAIL"
    )
    assert Figure("x", 9.0, "events/s", 8, most=False).passed
    assert not Figure("x", 7.0, "events/s", 8, most=False).passed
    assert Figure("x", 1e9, "%").passed and "PASS" not in str(Figure("x", 1.0, "%"))


def test_a_fail_is_the_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for value, code in ((1.0, 0), (2.0, 1)):
        monkeypatch.setattr(benchmark, "figures", lambda *_, v=value: iter([Figure("x", v, "%", 1.5)]))
        monkeypatch.setattr("sys.argv", ["events"])
        assert benchmark.main() == code
    assert capsys.readouterr().out.splitlines()[1].startswith("FAIL")


def test_what_drafts_add_is_their_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that only events move: 100 ticks a step and 7 more for its drafts."""
    ticks, plain = [0], benchmark.steps

    def ticking(stream: Iterator[Event]) -> Iterator[None]:
        def counted() -> Iterator[Event]:
            for event in stream:
                ticks[0] += 7 * isinstance(event, Predicted) + 100 * isinstance(event, Unmasked)
                yield event

        return plain(counted())

    monkeypatch.setattr(benchmark, "steps", ticking)
    monkeypatch.setattr(benchmark, "prepare", without_text)
    loaded = load(str(VECTORS / "tiny_llada"), device="cpu")
    settings = {"steps": 4, "gen_length": 4, "block_length": 2}
    assert added(loaded, settings, 1, 2, lambda: float(ticks[0])) == pytest.approx(0.07)


def without_text(loaded: LoadedModel, settings: dict[str, Any], prompt: str) -> Prepared:
    """`prepare` for a model without a tokenizer: ids for the prompt."""
    return prepare(loaded, settings=settings, prompt_ids=[3, 14])


def test_the_trace_is_a_run_with_a_draft_a_mask() -> None:
    trace = read_trace(pack_trace(random_trace(16, 32)))
    masks = [len(event.cells) for event in trace.events if isinstance(event, Predicted)]
    assert masks[:4] == [16, 16, 15, 15] and masks[-1] == 1 and len(masks) == 32
    assert fold(trace.events).finished and fold(trace.events).masks_left() == 0
