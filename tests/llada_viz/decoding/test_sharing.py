"""Which runs share forwards, and that sharing keeps nothing alive."""

from __future__ import annotations

import gc
import time
import weakref
from dataclasses import replace

import pytest

from llada_viz.decoding import sharing
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.chats import Chats
from llada_viz.decoding.runs import Runs
from models.reordered import ReorderedBlock
from samplers.requests import Tools, prepare


def test_runs_of_one_model_share_one_line() -> None:
    loaded = Bundled().loaded
    assert loaded is not None
    mine, again = sharing.sharing_of(loaded), sharing.sharing_of(replace(loaded, name="other"))
    assert mine is not None and again is not None and mine.forwards is again.forwards
    assert isinstance(mine.model.blocks[0], ReorderedBlock) and mine.model is again.model
    ready = prepare(loaded, tools=Tools(sharing=mine), prompt="What is 3 + 4?")
    assert ready.place is not None and ready.place.forwards is mine.forwards
    assert prepare(loaded, prompt="What is 3 + 4?").place is None


@pytest.mark.parametrize(("variable", "value"), [("LLADA_VIZ_SHARED", "0"), ("SPACES_ZERO_GPU", "true")])
def test_off_where_it_is_switched_off_and_on_zero_gpu(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = Bundled().loaded
    assert loaded is not None and sharing.sharing_of(loaded) is not None
    monkeypatch.setenv(variable, value)
    assert sharing.sharing_of(loaded) is None


def test_a_model_that_is_let_go_is_gone() -> None:
    bundled = Bundled()
    assert bundled.loaded is not None
    shared = sharing.sharing_of(bundled.loaded)
    assert shared is not None
    gone, reordered = weakref.ref(bundled.loaded.model), weakref.ref(shared.model)
    del bundled, shared
    gc.collect()
    assert gone() is None and reordered() is None


def test_a_run_that_has_ended_and_its_conversation_keep_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("samplers.forwards.shared_forwards.IDLE", 0.05)
    bundled, runs, chats = Bundled(), Runs(), Chats()
    loaded = bundled.loaded
    assert loaded is not None
    shared, sizes = sharing.sharing_of(loaded), {"gen_length": 8, "block_length": 8, "steps": 8}
    assert shared is not None
    for end in (lambda run: list(iter(lambda: run.advance(0.0), [])), lambda run: run.stop()):
        asked = chats.ask("", loaded, "What is 3 + 4?", 8)
        ready = prepare(loaded, "low_confidence", sizes, Tools(sharing=shared), prompt="What is 3 + 4?")
        run = runs.start(ready, bundled.pieces, loaded.name)
        chats.begin(asked, run)
        run.advance(0.0)
        end(run)
    gone, reordered = weakref.ref(loaded.model), weakref.ref(shared.model)
    del bundled, loaded, shared, ready, asked
    deadline = time.monotonic() + 30
    while (gone() is not None or reordered() is not None) and time.monotonic() < deadline:
        gc.collect()  # a worker that waits still holds its last pass
        time.sleep(0.01)
    assert gone() is None and reordered() is None and len(runs._runs.values()) == 2
