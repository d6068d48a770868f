"""The preview of a run: raw, templated, and the cells that its first row really has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.sets.columns import SetError
from tests.training.small_model import small_folder
from training.__main__ import main
from training.dpo import pairs
from training.engine.settings import RunArguments
from training.registry import objective
from training.sft.objective import SFT, SFTSettings
from training.shared.decoding import rollouts
from training.shared.preview import STATES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_folder(tmp_path_factory.mktemp("small"))


def test_sft_shows_the_row_that_is_learned_first(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [{"question": f"Why {i}?", "answer": f"Because of {i}. " * (i % 5 + 1)} for i in range(30)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = ["preview", "sft", "--model", folder, "--data", str(path), "--set", "max_length=200"]
    flags += ["--set", "tail=9"]
    assert main([*flags, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    asked = SFTSettings(max_length=200, tail=9)
    recipe = SFT(RunArguments(folder, (str(path),)), asked)
    batch, example = recipe.batches(0)[0], recipe.answers.example()
    assert found["raw"] in rows and found["raw"] == example.raw
    assert found["raw"]["question"] in found["templated"] and "<|start_header_id|>" in found["templated"]
    states = [state for _, state in found["cells"]]
    assert len(states) == batch.tokens.shape[1] and set(states) <= set(STATES)
    assert [s == "masked" for s in states] == batch.masked[0].tolist()
    assert [s == "prompt" for s in states] == (~batch.answer[0]).tolist()
    assert all(text == "" for text, state in found["cells"] if state == "masked")
    prompt = "".join(text for text, state in found["cells"] if state == "prompt")
    assert found["templated"].startswith(prompt)
    assert main(flags) == 0
    text = capsys.readouterr().out
    assert text.count("░") == states.count("masked") + 1 and f"{states.count('masked')} masked" in text


def test_wrong_tokens_of_remask_sft_are_marked(folder: str) -> None:
    chosen = objective("remask-sft").settings(r_incorrect=0.2499, batch_size=2, max_length=200)
    found = objective("remask-sft").data.preview(RunArguments(folder, ("word",)), chosen)
    recipe = objective("remask-sft").build(RunArguments(folder, ("word",)), chosen)
    batch = recipe.batches(0)[0]
    wrong = (batch.tokens != batch.input_ids) & ~batch.masked  # type: ignore[attr-defined]
    assert [state == "wrong" for _, state in found.cells] == wrong[0].tolist()
    assert found.as_text().count("⟦") == sum(s == "wrong" for _, s in found.cells) + 1


def test_packed_text_has_no_prompt(folder: str) -> None:
    chosen = objective("pretrain").settings(batch_size=2, max_length=64)
    found = objective("pretrain").data.preview(RunArguments(folder, ("word",)), chosen)
    assert len(found.cells) == 64 and {state for _, state in found.cells} <= {"clean", "masked", "tail"}
    assert found.raw["text"] and found.templated.endswith("<|endoftext|>")


def test_a_pair_is_shown_twice_under_the_masks_that_it_has(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pairs.jsonl"
    row = {"prompt": "What is 2 + 2?", "chosen": "2 + 2 = 4", "rejected": "2 + 2 = 6", "by": "Ann"}
    path.write_text(json.dumps(row) + "\n")
    small = {"batch_size": 1, "timesteps": 2, "max_length": 256}
    chosen = objective("dpo").settings(pair_masks="shared", eps=0.5, **small)
    found = objective("dpo").data.preview(RunArguments(folder, (str(path),)), chosen)
    recipe = objective("dpo").build(RunArguments(folder, (str(path),)), chosen)
    masked = recipe.batches(0)[0].masked  # type: ignore[attr-defined]
    assert found.rejected is not None and found.raw | found.rejected.raw == row
    assert found.rejected.raw == {"rejected": "2 + 2 = 6"}
    for side, (shown, answer) in enumerate(((found, "= 4<|eot_id|>"), (found.rejected, "= 6<|eot_id|>"))):
        assert shown.templated.endswith(answer) and "What is 2 + 2?" in shown.templated
        assert [state == "masked" for _, state in shown.cells] == masked[0, side, 1].tolist()
        assert "prompt" in {state for _, state in shown.cells}
    assert found.as_json()["rejected"]["templated"] == found.rejected.templated
    flags = ["preview", "dpo", "--model", folder, "--data", str(path), "--set", "batch_size=1"]
    assert main([*flags, "--set", "max_length=256"]) == 0
    text = capsys.readouterr().out
    assert text.count("templated\n") == text.count("noised · ") == 2 and text.count("raw · rejected\n") == 1


def test_a_pair_of_a_task_is_the_runs_own_and_a_few_problems_are_decoded_for_it(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []

    def counted(loaded: Any, settings: Any, prompts: Any, *others: Any, **more: Any) -> Any:
        decoded.extend(prompts)
        return rollouts(loaded, settings, prompts, *others, **more)

    monkeypatch.setattr(pairs, "rollouts", counted)
    asked = {"problems": 40, "tries": 2, "gen_length": 16, "rollout_steps": 2, "temperature": 1.0}
    asked |= {"max_length": 256}
    chosen, arguments = objective("dpo").settings(**asked), RunArguments(folder, ("linear", "word"))
    found = objective("dpo").data.preview(arguments, chosen)
    assert len(decoded) == 2 and found.cells and found.rejected is not None and found.rejected.cells
    recipe = objective("dpo").build(arguments, chosen)
    whole = [pair.pair.raw for side in recipe.pairs for pair in side]  # type: ignore[attr-defined]
    assert found.raw | found.rejected.raw in whole
    decoded.clear()
    monkeypatch.setattr(pairs, "pairs_of", lambda question, answers, chosen: [])  # all are right
    with pytest.raises(SetError, match="no pair was found among the first 8 problems.*problems = 40"):
        objective("dpo").data.preview(arguments, chosen)
    assert len(decoded) == 16


def test_labelled_steps_are_shown_as_they_are_scored(folder: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [{"prompt": f"What is {i}?", "steps": [f"{i} = {i}", "so"], "labels": [1, 0]} for i in range(9)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = objective("prm").settings(form="shadow", max_length=256)
    found = objective("prm").data.preview(RunArguments(folder, (str(path),)), settings)
    assert json.loads(found.raw["labels"]) == [1, 0] and json.loads(found.raw["steps"])[1] == "so"
    assert found.raw["question"] in found.templated and found.templated.endswith("so") and not found.cells


def test_bad_flags_are_a_sentence(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "sft", "--model", folder]) == 2
    assert "data is missing" in capsys.readouterr().err
