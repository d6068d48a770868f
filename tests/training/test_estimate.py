"""The time of a run, measured before it: what was not finished is taken to go on as it began."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.toy import Toy, toy_settings
from training import estimate as module
from training.engine import placement
from training.engine.recipe import Batch
from training.estimate import Estimate, Probe, estimate
from training.shared.answers import RunArguments

ROOT = Path(__file__).parents[2]
ARGUMENTS = RunArguments("m", ("d",), "cpu")


class Slow(Toy):
    """A step takes 0.1 s, an evaluation 100 times 0.02 s, a sample 0.05 s."""

    def batches(self, step: int) -> list[Batch]:
        time.sleep(0.1)
        return list(super().batches(step))

    def evaluate(self) -> dict[str, float]:
        for done in range(100):
            self.progress("evaluating", done, 100)
            time.sleep(0.02)
        return super().evaluate()

    def sample(self, folder: Path) -> None:
        time.sleep(0.05)
        super().sample(folder)


def known(monkeypatch: pytest.MonkeyPatch, recipe: type[Toy]) -> None:
    def objective(name: str) -> Any:
        return type("Found", (), {"build": staticmethod(lambda arguments, settings: recipe(settings))})

    monkeypatch.setattr(module, "objective", objective)


def test_m19_an_estimate_is_measured_and_counts_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, Slow)
    settings = toy_settings(max_steps=100, eval_every=25, save_every=50, samples=1)
    began = time.monotonic()
    found = estimate("slow", ARGUMENTS, settings, at_most=0.3)
    assert time.monotonic() - began < 20  # the evaluation was broken off
    assert found.step is not None and 0.1 <= found.step < 1 and 1.9 <= found.evaluation < 20
    assert found.checkpoint >= 0.05 and not found.at_least
    assert found.total(settings) == pytest.approx(
        found.start + found.prepare + 100 * found.step + 4 * found.evaluation + 2 * found.checkpoint
    )
    assert Estimate.from_json(found.as_json()) == found
    assert found.words(settings).startswith("About ") and "s a step" in found.words(settings)


def test_m19_preparations_that_take_too_long_are_a_lower_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    class Prepares(Toy):
        def prepare(self) -> None:
            for done in range(1000):
                self.progress("decoding pairs", done, 1000)
                time.sleep(0.01)

    known(monkeypatch, Prepares)
    found = estimate("prepares", ARGUMENTS, toy_settings(), at_most=0.2)
    assert found.at_least and found.step is None and 9 < found.prepare < 300
    assert found.words(toy_settings()).startswith("At least ")


@pytest.mark.parametrize("place", ["prepare", "evaluate", "sample", "batches"])
def test_m19_work_that_is_not_counted_is_a_lower_bound(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """It was broken off, and nothing says how much of it was left."""

    class Uncounted(Toy):
        def slow(self, where: str) -> None:
            for _ in range(100 if where == place else 0):
                time.sleep(0.02)
                self.progress("thinking", 0, 0)

        def prepare(self) -> None:
            self.slow("prepare")

        def batches(self, step: int) -> list[Batch]:
            self.slow("batches")
            return list(super().batches(step))

        def evaluate(self) -> dict[str, float]:
            self.slow("evaluate")
            return super().evaluate()

        def sample(self, folder: Path) -> None:
            self.slow("sample")
            super().sample(folder)

    known(monkeypatch, Uncounted)
    settings = toy_settings(eval_every=10, save_every=10, samples=1)
    found = estimate("uncounted", ARGUMENTS, settings, at_most=0.2)
    assert found.at_least and 0.2 <= found.total(settings) < 1000
    assert found.words(settings).startswith("At least ") and "inf" not in found.words(settings)


def test_m19_a_probe_says_what_was_measured() -> None:
    probe = Probe(0.01)

    def work() -> None:
        time.sleep(0.02)
        probe("thinking", 0, 0)

    seconds, finished = probe.seconds(work)
    assert 0.02 <= seconds < 5 and not finished and probe.cut_short


@pytest.mark.parametrize(("flags", "faster", "on_cpu"), [
    ("fpu avx2", True, "no"), ("fpu avx512_bf16", True, "bf16"), ("amx_bf16", True, "bf16"), ("", True, "no"),
    ("fpu avx512_bf16", False, "no"),
])  # fmt: skip
def test_m19_auto_is_what_the_processor_does_faster(
    monkeypatch: pytest.MonkeyPatch, flags: str, faster: bool, on_cpu: str
) -> None:
    monkeypatch.setattr(placement, "cpu_flags", lambda: frozenset(flags.split()))
    monkeypatch.setattr(placement, "bf16_is_faster", lambda: faster)
    found = placement.accelerator_for(Toy(toy_settings(precision="auto")), "cpu")
    assert found.mixed_precision == on_cpu
    placement.forget_accelerator()


def test_a_precision_is_chosen_by_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    """By time alone: nothing is multiplied, as how long that takes is the machine's affair."""

    def slow_in(dtype: torch.dtype) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        def product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            time.sleep(0.05 if left.dtype == dtype else 0)
            return left

        return product

    for dtype, wanted in ((torch.bfloat16, False), (torch.float32, True)):
        monkeypatch.setattr(torch, "mm", slow_in(dtype))
        assert placement.bf16_is_faster(2) == wanted


@pytest.mark.slow
def test_m19_the_first_look_is_estimated_as_a_command() -> None:
    config = "training/configs/remask-sft-first-look-tiny.yaml"
    done = subprocess.run(
        [sys.executable, "-m", "training", "estimate", "remask-sft", "--config", config, "--device", "cpu"],
        cwd=ROOT, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0 and "on this machine" in done.stdout and "s a step" in done.stdout, done
