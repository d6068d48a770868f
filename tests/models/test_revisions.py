"""A run says which commit of the hub its model came from, and how its weights are stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evaluation.__main__ import main as evaluate
from samplers.__main__ import main as decode
from samplers.events import Started
from samplers.recording.traces import read_trace
from tests.fake_hub import COMMIT, FakeHub, fake_hub
from tests.training.conftest import float32, fresh_accelerate  # noqa: F401 - fixtures of every test here
from tests.training.small_model import small_folder
from training.__main__ import main as train
from training.run import read_config

NEWER = "76543210" * 5
NAME = "people/tiny"
SHORT = ["--set", "gen_length=4", "--set", "steps=2", "--set", "block_length=4"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeHub]:
    """A small model on a hub; its newest commit is COMMIT."""
    folder = Path(small_folder(tmp_path_factory.mktemp("made")))
    with fake_hub(tmp_path_factory.mktemp("cache")) as made:
        made.add(NAME, folder)
        yield made


def test_the_manifest_of_an_evaluation(server: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "set.csv").write_text("question,answer\nWhat is 1 + 1?,2\n")
    flags = ["run", "--model", NAME, "--revision", COMMIT, "--data", str(tmp_path / "set.csv"), *SHORT]
    assert evaluate([*flags, "--samplers", "threshold", "--out", str(tmp_path / "run")]) == 0
    model = json.loads((tmp_path / "run" / "manifest.json").read_text())["model"]
    assert model["revision"] == COMMIT and model["precision"] == model["dtype"]


def test_the_network_of_a_trace(server: FakeHub, tmp_path: Path) -> None:
    trace = tmp_path / "run.jsonl"
    assert decode(["run", "--model", NAME, "--raw-prompt", "Hi", *SHORT, "--trace", str(trace)]) == 0
    first = read_trace(trace).events[0]
    assert isinstance(first, Started)
    network: dict[str, Any] = first.settings["network"]
    assert network["revision"] == COMMIT and network["precision"] == network["dtype"]


def test_a_revision_that_is_none(server: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert decode(["run", "--model", NAME, "--revision", "v9", "--raw-prompt", "Hi", *SHORT]) == 2
    assert "revision = 'v9' is not one of people/tiny" in capsys.readouterr().err
    assert decode(["run", "--model", "tiny-llada", "--revision", "v9", "--raw-prompt", "Hi", *SHORT]) == 2
    assert "revision = 'v9' for 'tiny-llada', a folder here" in capsys.readouterr().err
    few = ["--data", "rows.jsonl", "--out", str(tmp_path), "--revision", "v9"]
    assert train(["sft", "--model", "tiny-llada", *few]) == 2
    assert "revision = 'v9' for 'tiny-llada', a folder here" in capsys.readouterr().err


def test_a_training_stays_with_its_commit(
    server: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """config.yaml holds the commit; a resumed run reads that one, though there is a newer one by then."""
    (tmp_path / "rows.jsonl").write_text('{"question": "What is 1 + 1?", "answer": "2"}\n' * 4)
    out = tmp_path / "run"

    def flags(steps: int) -> list[str]:
        settings = [f"max_steps={steps}", "batch_size=2", "samples=0", "warmup=0", "max_length=64"]
        pairs = [word for pair in settings for word in ("--set", pair)]
        return ["sft", "--model", NAME, "--data", str(tmp_path / "rows.jsonl"), "--out", str(out),
                "--device", "cpu", *pairs]  # fmt: skip

    assert train(flags(1)) == 0
    config = read_config(out / "config.yaml")
    assert config["commit"] == COMMIT and "revision" not in config
    repo = server.repos[NAME]
    newer = json.loads(repo.files["config.json"]) | {"max_sequence_length": 3}
    repo.move_on(NEWER, config__json=json.dumps(newer).encode())
    assert train([*flags(2), "--resume"]) == 0
    assert read_config(out / "config.yaml")["commit"] == COMMIT
    capsys.readouterr()
    out = tmp_path / "other"
    assert train(flags(1)) == 2 and "at most 3, the model's" in capsys.readouterr().err, "the newest"
