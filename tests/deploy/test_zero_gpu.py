"""ZeroGPU: runs are decoded by a forked worker, for seconds that their steps were measured to need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from llada_viz.decoding import zero_gpu
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.runs import Run
from llada_viz.decoding.zero_gpu import Order, Workers, rows_of
from llada_viz.host import on_zero_gpu
from samplers.registry import make

ROOT = Path(__file__).parents[2]
ORDER = Order("", "low_confidence", {}, "What is 3 + 4?", 0, "", "checker", steps=200, rows=2)


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    """With a `spaces` whose decorator changes nothing, as outside ZeroGPU."""
    plain: Any = ModuleType("spaces")
    plain.GPU = lambda duration: lambda function: function
    monkeypatch.setitem(sys.modules, "spaces", plain)
    monkeypatch.delenv(zero_gpu.PACE_VARIABLE, raising=False)
    bundled = Bundled()

    def prepare(order: Order) -> Any:
        from llada_viz.decoding.preparing import prepare_here

        settings = {"gen_length": 16, "block_length": 8, "steps": 2}
        return prepare_here(bundled, "low_confidence", settings, order.prompt, 0, "", "checker")

    return Workers(prepare)


def test_seconds_come_from_steps_rows_and_what_was_measured(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert workers.seconds(ORDER) == round(10 + 1.5 * 200 * 2 * 0.1)
    assert workers.seconds(replace(ORDER, steps=1)) == zero_gpu.SHORTEST
    assert workers.seconds(replace(ORDER, steps=4096)) == zero_gpu.LONGEST
    monkeypatch.setenv(zero_gpu.PACE_VARIABLE, "0.05")
    assert workers.seconds(ORDER) == round(10 + 1.5 * 200 * 2 * 0.05)
    clock = iter([100.0, 130.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    assert len(list(workers.stream(ORDER))) > 2
    assert workers.seconds(ORDER) == round(10 + 1.5 * 30)  # thirty seconds for the same steps and rows
    assert workers.seconds(replace(ORDER, sampler="threshold")) == round(10 + 1.5 * 200 * 2 * 0.05)


def test_rows_are_candidates_and_guidance() -> None:
    assert rows_of(make("threshold", {})) == 1 and rows_of(make("threshold", {"cfg_scale": 1.0})) == 2
    assert rows_of(make("best_of_n", {"num_samples": 7})) == 7


@pytest.mark.parametrize(("value", "there"), [("true", True), ("1", True), ("", False), ("false", False)])
def test_only_where_the_space_says_so(value: str, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACES_ZERO_GPU", value)
    assert on_zero_gpu() is there


def test_a_gpu_that_is_refused_is_said_before_the_first_frame() -> None:
    def refused() -> Iterator[Any]:
        raise RuntimeError("You have exceeded your free ZeroGPU quota")
        yield

    run = Run([], stream=refused())  # type: ignore[arg-type]
    assert "You have exceeded your free ZeroGPU quota" in str(run.advance(0)[-1]["say"])


def test_spaces_is_imported_before_torch() -> None:
    """A `spaces` that looks; nothing else of the page is imported."""
    code = (
        "import sys, types; from importlib.abc import MetaPathFinder\n"
        "class Look(MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'spaces': raise SystemExit(3 if {'torch', 'gradio'} & set(sys.modules) else 0)\n"
        "sys.meta_path.insert(0, Look())\n"
        "import app\n"
    )
    env = os.environ | {"SPACES_ZERO_GPU": "true"}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, timeout=60).returncode == 0


@pytest.mark.slow
def test_workers_of_spaces_decode_what_the_server_would() -> None:
    """The package itself, without the GPU: see zero_gpu_space."""
    env = os.environ | {"SPACES_ZERO_GPU": "true", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "tests.deploy.zero_gpu_space"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["same"] == [True, True] and said["untouched"] == [True, True] and said["first"] == "Started"
    least = 10 + 1.5 * 32 * 0.1
    assert said["seconds"][0] == round(max(least, 15)) and 15 < said["seconds"][1] <= 120
    # One process for all three runs, though the adapter was attached after it was forked.
    assert said["asked"].count("/schedule") == said["asked"].count("/release") == 3
    assert said["asked"].count("/allow") == 1
