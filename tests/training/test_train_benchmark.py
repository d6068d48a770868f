"""The benchmark of a training step: runs small on a CPU, refuses the published shape without a GPU."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

FILE = Path(__file__).parents[2] / "benchmarks" / "train.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_train", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_way_learns_what_it_says(benchmark: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["--tiny", "--json", "--length", "32", "--repeats", "1", "--lora-r", "2"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]  # no banners
    found = {line["way"]: line for line in map(json.loads, lines)}
    head = 64 + 1
    adapter = 2 * 2 * (4 * (64 + 64) + 3 * (64 + 96))  # layers, rank, widths in and out
    learned = {way: line["learned"] for way, line in found.items()}
    assert learned == {"sft lora": adapter, "remask sft": head, "remask lora": adapter + head}
    assert all(line["last_loss"] < line["first_loss"] and line["seconds"] > 0 for line in found.values())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_the_published_shape_needs_a_gpu(benchmark: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main([]) == 2
    assert "no CUDA device" in capsys.readouterr().err
