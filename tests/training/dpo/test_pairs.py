"""Pairs from mistakes: what is set against what, files whole or not at all, the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks import generate
from tests.training.small_model import small_folder, tokenizer
from training.__main__ import main
from training.data.chat import Chat
from training.dpo.pair_rows import open_pairs
from training.dpo.pairs import Pair, pairs_of, write_pairs
from training.dpo.settings import DPOSettings
from training.shared.questions import TaskQuestions, of_problem

QUESTION = of_problem(generate("expression", "train", 1, seed=0)[0])
WRONG = ["\\boxed{9999}", "nothing boxed"]


def test_gold_pairs_set_the_worked_solution_against_every_wrong_answer() -> None:
    found = pairs_of(QUESTION, [QUESTION.solution, *WRONG, " "], "gold")
    assert found == [Pair(QUESTION.prompt, QUESTION.solution, wrong) for wrong in WRONG]


def test_own_pairs_need_a_right_answer_of_the_models() -> None:
    right = QUESTION.solution + " "
    assert pairs_of(QUESTION, WRONG, "own") == []
    assert pairs_of(QUESTION, [*WRONG, right], "own") == [Pair(QUESTION.prompt, right, w) for w in WRONG]


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    pairs = [Pair("Wie viel?", "ja\n\u2028", "nein"), Pair("b", "c", "d")]
    write_pairs(tmp_path / "new" / "p.jsonl", pairs)
    read = open_pairs([str(tmp_path / "new" / "p.jsonl")], DPOSettings(), False)
    assert [pair._replace(source=None) for pair in read] == pairs
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["p.jsonl"]


def test_the_command_pairs_train_problems_with_wrong_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = small_folder(tmp_path / "model"), tmp_path / "p.jsonl"
    how = ["--set", "problems=5", "--set", "tries=2", "--set", "gen_length=8", "--set", "rollout_steps=2"]
    what = ["pairs", "--model", model, "--data", "linear", "--out", str(out), "--device", "cpu", *how]
    assert main(what) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert f"{len(rows)} pairs from" in capsys.readouterr().out and len(rows) >= 5
    problems = [TaskQuestions("linear", Chat(tokenizer()), 0).at(i) for i in range(5)]
    solutions = {problem.prompt: problem.solution for problem in problems}
    assert all(solutions[row["prompt"]] == row["chosen"] != row["rejected"] for row in rows)


@pytest.mark.parametrize(("change", "said"), [
    (["--data", "gsm8k"], "is no bundled task; allowed: sudoku"),
    (["--data", "linear", "--set", "rollout_steps=3"], "rollout_steps = 3 is not valid"),
    (["--data", "linear", "--set", "chosen=best"], "chosen = 'best' is not valid; allowed: gold, own"),
])  # fmt: skip
def test_the_command_refuses(
    change: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["pairs", "--model", "assets/models/tiny-llada", "--out", str(tmp_path / "p.jsonl"), *change]
    assert main(asked) == 2
    assert said in capsys.readouterr().err
