"""The temperature of the bundled model's head: measured on answers to training problems, then folded in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import training.bundled.calibration as module
from models.loading import LoadedModel, load
from tasks import MIDDLE, TASKS, TRAIN, generate, split_of
from training.__main__ import main
from training.bundled.calibration import HEAD, fold_into, training_sets, trials

MODEL = Path(__file__).parents[3] / "assets" / "models" / "tiny-llada"


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load(str(MODEL), device="cpu")


def prompts() -> dict:
    return json.loads((MODEL / "prompts.json").read_text())


def test_problems_are_of_the_training_split_and_the_middle_levels() -> None:
    sets = training_sets(3)
    assert [(s.level, s.problems[0].task) for s in sets] == [("middle", task) for task in TASKS]
    for problems in sets:
        task = problems.problems[0].task
        keys = {json.dumps(p.fields): p.key for p in generate(task, TRAIN, 3, module.SEED, MIDDLE)}
        assert {split_of(task, keys[json.dumps(p.fields)]) for p in problems.problems} == {TRAIN}


def test_a_higher_temperature_is_less_sure_and_leaves_the_model_as_it_was(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TEMPERATURES", (1.0, 2.0))
    before = loaded.model.get_parameter(HEAD).clone()
    sets = [s for s in training_sets(8) if s.problems[0].task == "linear"]
    one, two = trials(loaded, str(MODEL), prompts(), sets)
    assert (one.temperature, two.temperature) == (1.0, 2.0) and one.tokens > 50
    assert two.confidence < one.confidence - 0.02
    assert torch.equal(loaded.model.get_parameter(HEAD), before)


def test_trials_end_behind_the_best(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = iter([[(0.9, False)], [(0.5, False)], [(0.7, False)], [(0.1, False)]])
    monkeypatch.setattr(module, "_commits", lambda *_: next(commits))
    assert [round(t.error, 2) for t in trials(loaded, str(MODEL), {}, [])] == [0.9, 0.5, 0.7]


def test_a_folded_model_gives_divided_logits(
    loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(*_: object) -> Iterator[module.Trial]:
        yield module.Trial(1.0, 0.2, 100, 0.8, 1.0)
        yield module.Trial(2.0, 0.1, 100, 0.8, 0.9)

    monkeypatch.setattr(module, "trials", none)
    assert main(["calibrate-bundled", "--model", str(MODEL), "--out", str(tmp_path), "--n", "1"]) == 0
    assert "temperature 2.0: calibration error 0.100 over 100 tokens, 80.0% right" in capsys.readouterr().out
    ids = torch.arange(30)[None]
    with torch.no_grad():
        wanted = loaded.model(ids).logits / 2
        found = load(str(tmp_path), device="cpu").model(ids).logits
    torch.testing.assert_close(found, wanted)
    old, new = (load_file(folder / "model.safetensors") for folder in (MODEL, tmp_path))
    assert [name for name in old if not torch.equal(old[name], new[name])] == [HEAD]


def test_a_model_is_not_written_over_itself() -> None:
    with pytest.raises(ValueError, match="in another folder than out"):
        fold_into(MODEL, 2.0, MODEL)
