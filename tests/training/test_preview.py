"""The preview of a run: raw, templated, and the cells that its first row really has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.small_model import small_folder
from training.__main__ import main
from training.answers import RunArguments
from training.preview import STATES, preview
from training.recipes.sft import SFT, SFTSettings
from training.registry import objective


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_folder(tmp_path_factory.mktemp("small"))


def test_sft_shows_the_row_that_is_learned_first(folder: str, tmp_path: Path, capsys) -> None:
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
    found = preview("remask-sft", RunArguments(folder, ("word",)), chosen)
    recipe = objective("remask-sft").build(RunArguments(folder, ("word",)), chosen)
    batch = recipe.batches(0)[0]
    wrong = (batch.tokens != batch.input_ids) & ~batch.masked  # type: ignore[attr-defined]
    assert [state == "wrong" for _, state in found.cells] == wrong[0].tolist()
    assert found.as_text().count("⟦") == sum(s == "wrong" for _, s in found.cells) + 1


def test_packed_text_has_no_prompt(folder: str) -> None:
    chosen = objective("pretrain").settings(batch_size=2, max_length=64)
    found = preview("pretrain", RunArguments(folder, ("word",)), chosen)
    assert len(found.cells) == 64 and {state for _, state in found.cells} <= {"clean", "masked", "tail"}
    assert found.raw["text"] and found.templated.endswith("<|endoftext|>")


def test_bad_flags_are_a_sentence(folder: str, capsys) -> None:
    assert main(["preview", "sft", "--model", folder]) == 2
    assert "data is missing" in capsys.readouterr().err
