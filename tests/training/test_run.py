"""A run from its request: its folder, its config, going on, and what is refused."""

from __future__ import annotations

import gc
import sys
import weakref
from contextlib import nullcontext
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

from tests.training.toy import Toy, ToyData, ToySettings, build_toy, lines, toy_settings, weights
from training.__main__ import main
from training.engine.checkpoints import checkpoints
from training.engine.settings import RunArguments
from training.registry import OBJECTIVES, Objective
from training.run import Request, RunError, read_config, train

BUNDLED = Path(__file__).parents[2] / "assets" / "models" / "tiny-llada"


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy is an objective here."""
    objective = Objective("toy", "Toy", "Learns a sum.", "none", ToySettings, build_toy, "model", ToyData())
    monkeypatch.setitem(OBJECTIVES, "toy", objective)


def asked(out: Path, resume: bool = False, arguments: dict | None = None, **changes: Any) -> Request:
    named = RunArguments(model="m", data=("d",), device="cpu")
    return Request("toy", replace(named, **(arguments or {})), toy_settings(**changes), out, resume)


def command(out: Path, *more: str) -> list[str]:
    short = ["--set", "max_steps=4", "--set", "batch_size=16", "--set", "samples=0", "--device", "cpu"]
    return ["toy", "--model", "m", "--data", "d", "--out", str(out), *short, *more]


def test_the_folder_holds_the_config_the_log_and_the_result(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "run"
    assert train(asked(out)) == out / "final"
    config = read_config(out / "config.yaml")
    assert config["objective"] == "toy" and config["model"] == "m" and config["data"] == ["d"]
    assert config["settings"]["max_steps"] == 20 and config["versions"]["torch"] == version("torch")
    assert len(lines(out)) == 20 and weights(out / "final")
    assert [step for step, _ in checkpoints(out)] == [7, 14, 20]


def test_a_finished_run_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(asked(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != ".running"}
    assert train(asked(tmp_path, resume=True)) == tmp_path / "final"
    assert "is finished already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_resume_without_a_checkpoint_begins_at_the_start(tmp_path: Path) -> None:
    train(asked(tmp_path / "whole", resume=True))  # not even a folder
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "config.yaml").write_bytes((tmp_path / "whole" / "config.yaml").read_bytes())
    (tmp_path / "cut" / "metrics.jsonl").write_text('{"step": 1, "loss": 9.0}\n{"step": 2')
    train(asked(tmp_path / "cut", resume=True))
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")


def test_a_run_can_be_lengthened(tmp_path: Path) -> None:
    train(asked(tmp_path, max_steps=10))
    train(asked(tmp_path, resume=True, max_steps=15, log_every=5))
    assert [line["step"] for line in lines(tmp_path)] == [*range(1, 11), 15]
    assert read_config(tmp_path / "config.yaml")["settings"]["max_steps"] == 15


@pytest.mark.parametrize("second, said", [
    ({}, "holds a run; allowed: --resume"),
    ({"resume": True, "learning_rate": 0.02}, "begun with another learning_rate"),
    ({"resume": True, "arguments": {"model": "n"}}, "begun with another model: 'm'"),
    ({"resume": True, "arguments": {"data": ("d", "e")}}, "begun with another data"),
])  # fmt: skip
def test_another_run_in_the_folder_is_refused(tmp_path: Path, second: dict, said: str) -> None:
    train(asked(tmp_path, max_steps=2))
    before = (tmp_path / "config.yaml").read_bytes()
    with pytest.raises(RunError, match=said):
        train(asked(tmp_path, **({"max_steps": 2} | second)))
    assert (tmp_path / "config.yaml").read_bytes() == before


def test_a_folder_is_for_one_run_at_a_time(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".running"):
        with pytest.raises(RunError, match="is in use by another run"):
            train(asked(tmp_path))
    train(asked(tmp_path, max_steps=1))


@pytest.mark.parametrize("text, said", [
    ("[1, 2]", "is no mapping"), ("a: [", "cannot be read"), ("\x00", "cannot be read"),
    ("max_steps: 4", "has 'max_steps'; allowed: objective, model, data"),
    ("settings: [max_steps]", "settings = \\['max_steps'\\] is not valid"), ("data: 5", "data = 5"),
    ("data: [{a: b}]", "data = "),
])  # fmt: skip
def test_a_bad_config_is_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(RunError, match=said):
        read_config(file)


def test_flags_go_before_the_config(tmp_path: Path) -> None:
    file = tmp_path / "toy.yaml"
    settings = {"max_steps": 3, "learning_rate": "1e-3", "samples": 0}
    config = {"objective": "toy", "model": "m", "data": "d", "device": "cpu", "settings": settings}
    file.write_text(yaml.safe_dump(config))
    out = tmp_path / "run"
    assert main(["toy", "--out", str(out), "--config", str(file), "--set", "max_steps=2"]) == 0
    config = read_config(out / "config.yaml")
    assert config["settings"]["max_steps"] == 2 and config["settings"]["learning_rate"] == 1e-3
    assert main(["toy", "--out", str(out), "--config", str(out / "config.yaml"), "--resume"]) == 0


def test_exit_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(tmp_path / "a")) == 0
    assert main(command(tmp_path / "a")) == 2
    assert "error: out = " in capsys.readouterr().err

    def full(self: Toy, folder: Path, state: dict) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Toy, "export", full)
    assert main(command(tmp_path / "b")) == 1
    assert "step-4 could not be written: [Errno 28]" in capsys.readouterr().err
    assert main(command(tmp_path / "c", "--set", "learning_rate=nan")) == 2
    assert "learning_rate = nan is not valid" in capsys.readouterr().err


@pytest.mark.parametrize(("objective", "flag"), [
    ("sft", "load-ups-head"), ("dpo", "load-ups-head"), ("prm", "load-lora"), ("prm", "load-ups-head"),
])  # fmt: skip
def test_what_an_objective_cannot_go_on_from_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], objective: str, flag: str
) -> None:
    given = ["--model", str(BUNDLED), "--data", "word", "--out", str(tmp_path / "out"), f"--{flag}", "x"]
    assert main([objective, *given]) == 2
    name = flag.replace("-", "_")
    assert f"{name} is not used by {objective}; allowed with: " in capsys.readouterr().err


def test_a_tracker_that_is_not_there_leaves_no_run_behind(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert main(command(tmp_path / "out", "--set", "report_to=wandb")) == 2
    assert main(command(tmp_path / "out")) == 0


@pytest.mark.parametrize("steps", [2, 0], ids=["done", "failed"])
def test_a_run_leaves_memory_as_soon_as_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Without a collection: a sweep on a GPU would begin the next one beside it."""
    built: list[Any] = []

    def build(arguments: RunArguments, settings: ToySettings) -> Toy:
        recipe = build_toy(arguments, settings)
        built.append(weakref.ref(recipe))
        if not steps:
            recipe.batches = lambda step: [][0]  # type: ignore[assignment,method-assign]
        return recipe

    objective = Objective("toy", "Toy", "Learns a sum.", "none", ToySettings, build, "model", ToyData())
    monkeypatch.setitem(OBJECTIVES, "toy", objective)
    gc.disable()
    try:
        with nullcontext() if steps else pytest.raises(IndexError):
            train(asked(tmp_path / "out", max_steps=max(steps, 1)))
        assert built[0]() is None
    finally:
        gc.enable()
