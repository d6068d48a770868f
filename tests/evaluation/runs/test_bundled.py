"""The bundled model through the requests of `samplers batch`: what its card promises, in small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.__main__ import main
from evaluation.runs.bundled_scores import SPLITS
from models.loading import load
from samplers.batch import run_requests
from tasks import TASKS

BUNDLED = Path(__file__).parents[3] / "assets" / "models" / "tiny-llada"
PROMPTS = json.loads((BUNDLED / "prompts.json").read_text())


def test_prompts_name_every_task_and_only_its_fields() -> None:
    fields = {
        "sudoku": ["puzzle"], "linear": ["equation"], "expression": ["expression"], "word": ["problem"],
        "countdown": ["numbers", "target"],
    }  # fmt: skip
    assert set(PROMPTS) == set(TASKS) == set(fields)
    for task, names in fields.items():
        PROMPTS[task]["template"].format(**dict.fromkeys(names, "1"))


def test_the_issues_own_question_is_answered_rightly() -> None:
    asked = {"id": 0, "prompt": "What is the value of x if 2x + 3 = 7?"}
    line = asked | {"settings": PROMPTS["linear"]["settings"]}
    answer = run_requests(load(str(BUNDLED), device="cpu"), [json.dumps(line)])[0]
    assert answer["text"].endswith("\\boxed{2}")


@pytest.mark.slow
@pytest.mark.long
def test_accuracy_is_near_the_cards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """30 problems a set: no set may lie more than three standard errors under the card."""
    card = {s["set"]: s["accuracy"] for s in json.loads((BUNDLED / "scores.json").read_text())}
    sets = [name for name, split in SPLITS if split == "heldout" and name != "countdown"]
    chosen = [part for name in sets for part in ("--set", name)]
    assert main(["bundled", "--n", "30", "--seed", "7", "--out", str(tmp_path), *chosen]) == 0
    found = json.loads((tmp_path / "scores.json").read_text())
    assert [s["set"] for s in found] == sets
    for score in found:
        share = card[score["set"]]
        assert score["accuracy"] >= share - 3 * (share * (1 - share) / 30) ** 0.5 - 0.02, score
    assert "95 % interval" in capsys.readouterr().out
