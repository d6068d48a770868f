"""The bundled model through the requests of `samplers batch`: what its card promises, in small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.__main__ import main
from evaluation.cli.bundled import calibration_words
from evaluation.runs.bundled_scores import SUDOKU_FILE, commits_of, held_out_sets
from evaluation.runs.run_folder import RunFolder
from evaluation.sets.problem_sets import bundled_name, bundled_set
from models.loading import load
from models.prompt_settings import decode_settings
from samplers.batch import run_requests
from samplers.measuring.calibration import ece
from tasks import LEVELS, TASKS

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
        assert set(PROMPTS[task].get("levels", {})) <= set(LEVELS[task])
    assert decode_settings(PROMPTS, "sudoku")["gen_length"] == 48
    assert decode_settings(PROMPTS, "sudoku", "middle")["gen_length"] == 96


def test_the_issues_own_question_is_answered_rightly() -> None:
    asked = {"id": 0, "prompt": "What is the value of x if 2x + 3 = 7?"}
    line = asked | {"settings": PROMPTS["linear"]["settings"]}
    answer = run_requests(load(str(BUNDLED), device="cpu"), [json.dumps(line)])[0]
    assert answer["text"].endswith("\\boxed{2}")


def test_sets_name_a_level_that_is_not_the_usual_one() -> None:
    assert [bundled_name("sudoku", level=level) for level in ("", "easy", "middle")] == [
        "sudoku", "sudoku", "sudoku, middle"
    ]  # fmt: skip
    assert [bundled_name("countdown", level=level) for level in ("", "easy", "middle")] == [
        "countdown", "countdown, easy", "countdown"
    ]  # fmt: skip
    assert bundled_name("word", "heldout_templates") == "word, held-out templates"
    big = bundled_set("sudoku", 2, 1, level="middle")
    assert (big.name, big.level) == ("sudoku, middle", "middle")
    assert all(p.question == f"Solve this 6x6 sudoku: {p.fields['puzzle']}" for p in big.problems)
    assert bundled_set("linear", 2, 1) == bundled_set("linear", 2, 1, level="easy")


def test_held_out_sets_are_chosen_by_level_and_name(tmp_path: Path) -> None:
    names = [s.name for s in held_out_sets(1, 1, None)]
    assert len(names) == len(set(names)) == 11
    middle = held_out_sets(1, 1, None, "middle")
    assert [s.name for s in middle] == [f"{t}, middle" for t in TASKS if t != "countdown"] + ["countdown"]
    assert {s.level for s in middle} == {"middle"}
    assert [s.name for s in held_out_sets(3, 1, None, only=["linear, middle", "word"])] == [
        "linear, middle", "word"
    ]  # fmt: skip
    (tmp_path / "reasoning").mkdir()
    (tmp_path / "reasoning" / SUDOKU_FILE).write_text("Puzzle,Solution\n0102200002100320,x\n")
    public = held_out_sets(1, 1, tmp_path, "easy")[-1]
    assert (public.name, public.level, len(public.problems)) == (SUDOKU_FILE, "easy", 1)
    assert SUDOKU_FILE not in [s.name for s in held_out_sets(1, 1, tmp_path, "middle")]
    with pytest.raises(ValueError, match="level is 'hard'; allowed: easy, middle"):
        held_out_sets(1, 1, None, "hard")
    with pytest.raises(ValueError, match="set is 'linear'; allowed: sudoku, middle; linear, middle"):
        held_out_sets(1, 1, None, "middle", ["linear"])


def test_accuracy_and_calibration_of_a_level(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["--level", "middle", "--set", "linear, middle", "--set", "expression, middle"]
    assert main(["bundled", "--n", "3", "--seed", "7", "--out", str(tmp_path), *chosen]) == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert [(s["set"], s["level"], s["total"]) for s in scores] == [
        ("linear, middle", "middle", 3), ("expression, middle", "middle", 3)
    ]  # fmt: skip
    both = []
    for score in scores:
        commits = commits_of(RunFolder(tmp_path / score["set"]))
        assert len(commits) == score["commits"] > 10
        assert all(0 <= confidence <= 1 and isinstance(right, bool) for confidence, right in commits)
        assert score["ece"] == ece(commits)
        both += commits
    said = capsys.readouterr().out
    assert "| linear, middle | middle |" in said
    assert said.endswith(f"{calibration_words('middle', both)}\n")
    assert f"expected calibration error {ece(both):.3f} over {len(both):,} tokens" in said
    assert calibration_words("middle", []) == ""


@pytest.mark.slow
@pytest.mark.long
def test_accuracy_is_near_the_cards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """30 problems a set: no set may lie more than three standard errors under the card."""
    card = {s["set"]: s["accuracy"] for s in json.loads((BUNDLED / "scores.json").read_text())}
    sets = ["sudoku", "linear", "expression", "word"]
    chosen = [part for name in sets for part in ("--set", name)]
    assert main(["bundled", "--n", "30", "--seed", "7", "--out", str(tmp_path), *chosen]) == 0
    found = json.loads((tmp_path / "scores.json").read_text())
    assert [s["set"] for s in found] == sets
    for score in found:
        share = card[score["set"]]
        assert score["accuracy"] >= share - 3 * (share * (1 - share) / 30) ** 0.5 - 0.02, score
    assert "95% interval" in capsys.readouterr().out
