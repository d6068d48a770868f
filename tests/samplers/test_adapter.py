"""`python -m samplers run | batch --adapter`: other tokens, and a trace that says whose they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from samplers.__main__ import main
from samplers.recording.traces import read_trace
from tests.networks import VECTORS
from tests.random_adapter import write_adapter

TINY = str(VECTORS / "tiny_llada")
SHAPE = {"steps": 8, "gen_length": 8, "block_length": 8}


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_adapter(tmp_path_factory.mktemp("adapter") / "mine", TINY, ["q_proj", "ff_proj"]))


def test_run_with_any_cache_and_its_trace(adapter: str, tmp_path: Path) -> None:
    trace = tmp_path / "run.trace"
    settings = [flag for name, value in SHAPE.items() for flag in ("--set", f"{name}={value}")]
    flags = ["run", "--model", TINY, "--prompt-ids", "[1, 2]", *settings, "--set", "cache=dual"]
    assert main([*flags, "--adapter", adapter, "--trace", str(trace)]) == 0
    assert read_trace(trace).model == "tiny_llada + mine"


def test_batch(adapter: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    requests = tmp_path / "in.jsonl"
    good = {"prompt_ids": [1, 2, 3], "settings": SHAPE}
    requests.write_text(json.dumps(good) + "\n" + json.dumps({**good, "adapter": adapter}) + "\n")
    found = []
    for more in ([], ["--adapter", adapter]):
        out = tmp_path / "out.jsonl"
        assert main(["batch", "--model", TINY, "--requests", str(requests), "--out", str(out), *more]) == 0
        first, second = map(json.loads, out.read_text().splitlines())
        assert "'adapter' is not known" in second["error"]  # one adapter a file: it changes the weights
        found.append(first["output_ids"])
    assert found[0] != found[1]
    flags = ["batch", "--model", TINY, "--requests", str(requests), "--out", str(out)]
    assert main([*flags, "--adapter", "nowhere"]) == 2
    assert "'nowhere' is no folder" in capsys.readouterr().err
