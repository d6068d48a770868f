"""`import llada_viz as lv`: its public names, how fast it is, and that it does what the command line does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import llada_viz as lv
from models.loading import LoadedModel
from samplers.events import EVENTS
from samplers.fold import fold
from samplers.registry import SAMPLERS
from samplers.requests import RequestError
from samplers.settings import SettingError

SHORT: dict[str, Any] = {"gen_length": 16, "block_length": 8, "steps": 16}
PROMPT = "What is 12 + 9 - 6?"


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    loaded: LoadedModel = lv.load("tiny-llada", device="cpu")
    return loaded


def test_public_names() -> None:
    for name in lv.__all__:
        assert getattr(lv, name) is not None
    events = {cls.__name__ for cls in EVENTS.values()}
    assert events <= set(lv.__all__)
    functions = {"load", "stream", "decode", "list_samplers", "open_trace", "read_trace", "write_trace"}
    assert set(lv.__all__) == events | functions | {
        "Cell",
        "Decoded",
        "Event",
        "Trace",
        "TraceReader",
        "__version__",
    }
    assert set(lv.__all__) <= set(dir(lv))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        lv.nothing  # noqa: B018


def test_the_import_is_fast_and_brings_nothing_heavy() -> None:
    code = (
        "import sys, time; began = time.perf_counter(); import llada_viz; took = time.perf_counter() - began;"
        "heavy = {'torch', 'transformers', 'gradio', 'numpy', 'pandas'} & set(sys.modules);"
        "assert not heavy, heavy; assert took < 1, took; llada_viz.__version__"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_stream_and_decode_are_one_run(model: LoadedModel) -> None:
    events = tuple(lv.stream(model, PROMPT, **SHORT))
    result = lv.decode(model, PROMPT, **SHORT)
    assert isinstance(events[0], lv.Started) and isinstance(events[-1], lv.Finished)
    assert [type(e) for e in events] == [type(e) for e in result.events]
    start = fold(events).prompt_length
    assert tuple(fold(events).tokens[0][start:]) == result.tokens and len(result.tokens) == 16
    assert result.nfe == events[-1].nfe and result.forwards > 0 and result.scorer_calls == 0
    assert "<|" not in result.text and result.text


def test_a_trace_is_saved_and_read(model: LoadedModel, tmp_path: Path) -> None:
    result = lv.decode(model, PROMPT, sampler="low_confidence", seed=3, **SHORT)
    result.save(tmp_path / "run.jsonl")
    again = lv.read_trace(tmp_path / "run.jsonl")
    assert again.events == result.events and again.settings["sampler"] == "low_confidence"


def test_tools_by_their_bundled_names(model: LoadedModel) -> None:
    result = lv.decode(model, PROMPT, sampler="remedi", ups_head="tiny-llada-ups", **SHORT)
    assert any(isinstance(event, lv.PolicyScored) for event in result.events)
    scored = lv.decode(model, PROMPT, sampler="best_of_n", prm="tiny-prm", temperature=1.0, **SHORT)
    assert scored.scorer_calls > 0


def test_guidance_and_cache_change_the_events(model: LoadedModel) -> None:
    plain = lv.decode(model, PROMPT, sampler="low_confidence", **SHORT)
    guided = lv.decode(model, PROMPT, sampler="low_confidence", cfg_scale=1.0, **SHORT)
    cached = lv.decode(model, PROMPT, sampler="low_confidence", cache="dual", **SHORT)
    assert guided.nfe == 2 * plain.nfe and guided.events != plain.events
    assert cached.events != plain.events


def test_bad_values_are_sentences(model: LoadedModel) -> None:
    with pytest.raises(SettingError, match="gen_length"):
        lv.stream(model, PROMPT, gen_length=-1)
    with pytest.raises(ValueError, match="nonsense"):
        lv.stream(model, PROMPT, nonsense=1)
    with pytest.raises(RequestError, match="no prompt given"):
        lv.stream(model)
    with pytest.raises(ValueError, match="allowed: what lv.load returns"):
        lv.stream("tiny-llada", PROMPT)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="dtype = 'int4' is not known; allowed: float32, bfloat16"):
        lv.load("tiny-llada", dtype="int4")


def test_list_samplers() -> None:
    found = lv.list_samplers()
    assert [entry["name"] for entry in found] == list(SAMPLERS)
    assert all(entry["settings"] for entry in found)
