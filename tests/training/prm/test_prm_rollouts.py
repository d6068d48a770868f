"""Rollouts: cut as the scorer cuts, reproducible, and refused with a sentence."""

from __future__ import annotations

import dataclasses
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from evaluation.sets.columns import SetError
from models.loading import LoadedModel, load
from samplers.canvas import new_canvas
from samplers.scoring import Draft, Question, TextScorer
from samplers.settings import SettingError
from tasks import generate
from training.__main__ import main
from training.prm.prm_labels import part_labels
from training.prm.prm_rollouts import RolloutPlan, parts_of, rollouts, spoil, swapped, write_rows

MODEL = "assets/models/tiny-llada"


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load(MODEL, device="cpu", dtype=torch.bfloat16)


class Listening(TextScorer):
    """Remembers what it was asked to judge."""

    def judge(self, batch: Any) -> list[list[float]]:
        self.heard: list[Draft] = list(batch)
        return [[1.0] * len(draft.parts) for draft in batch]


@pytest.mark.parametrize("block_length", [4, 8, 16])
def test_parts_are_what_a_scorer_is_shown(loaded: LoadedModel, block_length: int) -> None:
    tokenizer, rng = loaded.tokenizer, random.Random(0)
    assert tokenizer is not None

    def text_of(ids: list[int]) -> str:
        return str(tokenizer.decode(ids, skip_special_tokens=True))

    for _ in range(20):
        text = "".join(rng.choice("0123456789+-= \nabé") for _ in range(rng.randrange(40)))
        ids = tokenizer.encode(text, add_special_tokens=False)[:30] + [loaded.eos_id]
        ids += [loaded.eos_id] * (32 - len(ids))
        canvas = new_canvas([[1, 5]], 32, loaded.mask_id, eos_id=loaded.eos_id)
        canvas.tokens[0, 2:] = torch.tensor(ids)
        scorer = Listening([Question("q")], text_of)
        scorer.heard = []
        spans = [canvas.block_span(block, block_length) for block in range(32 // block_length)]
        scorer(canvas, spans, torch.tensor([True]))
        wanted = [list(draft.parts) for draft in scorer.heard] or [[]]
        assert parts_of(ids, block_length, text_of, loaded.eos_id) == wanted[0]


def test_lines_keep_their_breaks_and_end_at_eos() -> None:
    assert parts_of([1, 2, 0, 3], 0, lambda ids: "a\nb" if ids == [1, 2] else "?", 0) == ["a\n", "b"]
    assert parts_of([0, 1], 4, lambda ids: "", 0) == []


def test_rows_carry_labels_of_their_parts_and_how_they_were_made(loaded: LoadedModel) -> None:
    plan = RolloutPlan(
        ("expression",), n=3, steps=(4, 8), temperatures=(0.6,), corrupted=2, cuts=("lines", "8")
    )
    rows = [row for chunk in rollouts(loaded, MODEL, plan) for row in chunk]
    assert [row["cut"] for row in rows] == ["lines", "8"] * 5
    assert [row["decoded"].get("steps") for row in rows[::2]] == [4, 8, 4, None, None]
    for row in rows:
        assert row["labels"] == part_labels("expression", row["fields"], row["steps"])
        assert len(row["labels"]) == len(row["steps"]) > 0
    again = [row for chunk in rollouts(loaded, MODEL, plan) for row in chunk]
    assert again == rows


def test_beginnings_come_with_other_ways_of_each(loaded: LoadedModel) -> None:
    plan = RolloutPlan(("countdown",), n=20, temperatures=(0.0,), cuts=("8",), differ=3)
    rows = [row for chunk in rollouts(loaded, MODEL, plan) for row in chunk]
    assert len(rows) == 20 * 4
    for first in range(0, len(rows), 4):
        ways = rows[first : first + 4]
        assert len({row["question"] for row in ways}) == 1
        texts = ["".join(row["steps"]) for row in ways]
        assert texts[0] not in texts[1:], "no other way is what was written"
        for row in ways:
            assert len(row["steps"]) <= (1 if first < 16 * 4 else 2)
            assert row["labels"] == part_labels("countdown", row["fields"], row["steps"], ended=False)
    assert 0 < sum(all(row["labels"]) for row in rows[::4]) < 20, "some are right and some wrong"


def test_problems_are_answered_several_times_in_a_row(loaded: LoadedModel) -> None:
    plan = RolloutPlan(
        ("linear",), n=7, steps=(8,), temperatures=(0.0, 1.0), cuts=("lines",), repeats=3, level="middle"
    )
    rows = [row for chunk in rollouts(loaded, MODEL, plan) for row in chunk]
    questions = [row["question"] for row in rows]
    assert questions == [questions[0]] * 3 + [questions[3]] * 3 + [questions[6]]
    assert len(set(questions)) == 3
    assert [row["decoded"]["temperature"] for row in rows] == [0, 1, 0, 1, 0, 1, 0]


def test_half_of_the_slips_have_a_wrong_result_at_their_end(loaded: LoadedModel) -> None:
    plan = RolloutPlan(("linear", "word"), n=0, slips=40, cuts=("lines",))
    rows = [row for chunk in rollouts(loaded, MODEL, plan) for row in chunk]
    assert len(rows) == 80
    assert all(all(row["labels"][:-1]) for row in rows), "only the last line may be wrong"
    assert 20 < sum(row["labels"][-1] for row in rows) < 60
    for row in rows[:40]:
        left, result = row["steps"][-1].split(" = ")
        if sum_of := re.fullmatch(r"(\d+) ([+-]) (\d+)", left):
            right = int(sum_of[1]) + int(sum_of[2] + sum_of[3])
            assert row["labels"][-1] == (right == int(result))


def test_levels_are_told_apart(loaded: LoadedModel) -> None:
    plan = RolloutPlan(("sudoku", "countdown"), n=0, corrupted=2, cuts=("lines",), level="both")
    rows = [row for chunk in rollouts(loaded, MODEL, plan) for row in chunk]
    assert [(row["task"], row["level"]) for row in rows[::2]] == [
        ("sudoku", "easy"), ("sudoku", "middle"), ("countdown", "easy"), ("countdown", "middle"),
    ]  # fmt: skip
    sizes = [len(row["fields"].get("puzzle", row["fields"].get("numbers", "").split(","))) for row in rows]
    assert sizes == [16, 16, 36, 36, 2, 2, 3, 3]
    usual = dataclasses.replace(plan, level="")
    assert [row["level"] for chunk in rollouts(loaded, MODEL, usual) for row in chunk] == [
        "easy", "easy", "middle", "middle",
    ]  # fmt: skip


def test_a_level_is_decoded_in_its_own_settings(loaded: LoadedModel) -> None:
    """A 6x6 sudoku needs 96 cells, and its own blocks, of 32, are known to the rows."""
    plan = RolloutPlan(("sudoku",), n=1, steps=(3,), temperatures=(0.0,), cuts=("lines",), level="middle")
    assert [row["decoded"]["block_length"] for chunk in rollouts(loaded, MODEL, plan) for row in chunk] == [
        32
    ]


def test_spoiled_text_differs_in_a_number_only() -> None:
    rng = random.Random(0)
    spoilt = [spoil("3 + 4 = 7\n\\boxed{7}", "expression", rng) for _ in range(50)]
    assert sum(text != "3 + 4 = 7\n\\boxed{7}" for text in spoilt) > 35
    assert all("boxed" in text and "--" not in text for text in spoilt)
    assert {len(spoil("1234\n", "sudoku", rng)) for _ in range(20)} == {5}
    assert {c for _ in range(60) for c in spoil("1234\n", "sudoku", rng)} == set("1234\n")
    assert {c for _ in range(60) for c in spoil("123456\n", "sudoku", rng)} == set("123456\n")


def test_digits_of_a_sudoku_change_places_within_their_row_in_the_grid_and_in_the_box() -> None:
    rng, found = random.Random(0), set()
    for problem in generate("sudoku", "train", 30, 3, "middle"):
        *rows, box = swapped(problem, rng).splitlines()
        assert box == f"\\boxed{{{''.join(rows)}}}"
        right = [problem.answer[first : first + 6] for first in range(0, 36, 6)]
        assert [sorted(row) for row in rows] == [sorted(row) for row in right]
        clues = [(a, b) for a, b in zip(problem.fields["puzzle"], "".join(rows), strict=True) if a != "0"]
        assert all(a == b for a, b in clues)
        found.add(rows == right)
    assert found == {True, False}


def test_a_file_is_written_in_whole_lines_and_never_over_another(tmp_path: Path) -> None:
    out = tmp_path / "new" / "rows.jsonl"
    chunks = [[{"labels": [1, 0]}], [{"labels": [1]}, {"labels": [0]}]]
    assert list(write_rows(out, iter(chunks))) == [(1, 2, 1), (3, 4, 2)]
    assert [json.loads(line)["labels"] for line in out.read_text().splitlines()] == [[1, 0], [1], [0]]
    with pytest.raises(FileExistsError):
        list(write_rows(out, iter(chunks)))


@pytest.mark.parametrize(
    ("changed", "error", "says"),
    [
        ({"tasks": ("sums",)}, SetError, "sums"), ({"cuts": ("words",)}, SettingError, "cuts"),
        ({"cuts": ("0",)}, SettingError, "cuts"), ({"n": 0}, SettingError, "n = 0"),
        ({"n": -1}, SettingError, "n = -1"),
        ({"repeats": 0}, SettingError, "repeats = 0"), ({"slips": 2, "differ": 1}, SettingError, "differ"),
        ({"slips": 2, "tasks": ("sudoku",)}, SettingError, "slips"),
        ({"level": "hard"}, SettingError, "level = 'hard'.*easy, middle, both"),
        ({"steps": ()}, SettingError, "steps"),
    ],
)  # fmt: skip
def test_plans_that_make_nothing_are_refused(changed: dict[str, Any], error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        RolloutPlan(**({"tasks": ("linear",), "n": 1} | changed))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "rows.jsonl"
    flags = ["--model", MODEL, "--data", "linear", "--out", str(out), "--n", "0", "--corrupted", "3"]
    assert main(["rollouts", *flags]) == 0
    assert len(out.read_text().splitlines()) == 12
    assert main(["rollouts", *flags]) == 1 and "exists" in capsys.readouterr().err
    assert main(["rollouts", *flags, "--steps", "few"]) == 2 and "steps" in capsys.readouterr().err
    flags = ["--model", MODEL, "--data", "linear", "--out", str(tmp_path / "x"), "--n", "2", "--steps", "7"]
    assert main(["rollouts", *flags]) == 2 and "multiple" in capsys.readouterr().err
