"""The PRM objective: from a base's weights, through a short run, to a folder that scores."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.reward import main as reward_benchmark
from evaluation.sets.columns import SetError
from models.checkpoint import ModelError
from models.loading import load
from models.reward import load_reward
from samplers.settings import SettingError
from training.__main__ import main
from training.prm.objective import PRMModule, log_weights
from training.prm.prm_data import Batches, LabelledSteps, check_lengths, collate, split_by_question
from training.prm.prm_model import chosen_layers, new_reward, save_reward

BASE = "assets/models/tiny-llada"
TEST_PROBLEM = ("A robe takes 2 bolts of blue fiber and half that much white fiber. "
                "How many bolts in total does it take?")  # fmt: skip
ROWS = [
    LabelledSteps(
        f"What is {a} + {b}?", (f"{a} + {b} = {a + b + wrong}\n", "\\boxed{1}"), (1 - wrong, 0), "sum",
        "lines", "easy",
    )
    for a in range(1, 9) for b in range(1, 6) for wrong in (0, 1)
]  # fmt: skip


def written(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_row(row: LabelledSteps) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("question", "steps", "labels", "task", "cut", "level")}


def test_a_qwen_begins_with_all_that_the_llada_computes() -> None:
    """Seen from both sides, its hidden states are the LLaDA's."""
    llada, reward = load(BASE, device="cpu", dtype=torch.float32), new_reward(BASE)
    assert llada.tokenizer is not None
    ids = torch.tensor([llada.tokenizer.encode("12 + 9 = 21\n\\boxed{21}", add_special_tokens=False)])
    everywhere = torch.zeros(1, 1, ids.shape[1], ids.shape[1])
    with torch.no_grad():
        ours = reward.model.model(input_ids=ids, attention_mask=everywhere).last_hidden_state
        assert torch.allclose(ours, llada.model.hidden(ids), atol=1e-4)


def test_layers_are_chosen_and_numbered_anew(tmp_path: Path) -> None:
    whole, some = new_reward(BASE).model.state_dict(), new_reward(BASE, layers="0,4").model.state_dict()
    assert torch.equal(some["model.layers.1.mlp.up_proj.weight"], whole["model.layers.4.mlp.up_proj.weight"])
    assert not any(name.startswith("model.layers.2") for name in some)
    fresh = new_reward(BASE, layers="0", init="random").model.state_dict()
    assert not torch.equal(fresh["model.embed_tokens.weight"], whole["model.embed_tokens.weight"])
    assert chosen_layers("0,new", 5) == [0, -1] and chosen_layers("", 3) == [0, 1, 2]
    for text in ("5", "-1", "a", "0,,1"):
        with pytest.raises(SettingError, match="0 to 4"):
            chosen_layers(text, 5)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="gpt2"):
        new_reward(str(tmp_path))
    with pytest.raises(ModelError, match="nor a folder, nor a hub id"):
        new_reward(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("form", "dtype", "near"),
    [
        ("qwen", "float32", 1e-6), ("trl", "bf16", 0.02), ("qwen", "fp8", 0.05), ("shadow", "float32", 1e-5),
        ("shadow", "fp8", 0.1),
    ],
)  # fmt: skip
def test_a_saved_model_scores_as_the_one_in_memory(
    tmp_path: Path, form: str, dtype: str, near: float
) -> None:
    reward = new_reward(BASE, "" if form == "shadow" else "0,new", form, system=False)
    for name, parameter in reward.model.named_parameters():  # biases that are not zero
        if name.endswith("_proj.bias"):
            torch.nn.init.normal_(parameter.data, std=0.1)
    save_reward(reward, tmp_path, reward.model.state_dict(), dtype)
    again = load_reward(str(tmp_path), device="cpu")
    row = ("What is 3 + 4?", ["3 + 4 = 7\n", "\\boxed{7}"])
    assert again.form == form and again.encode(*row) == reward.encode(*row)
    assert again.scores([row])[0] == pytest.approx(reward.scores([row])[0], abs=near)
    assert "step by step" not in again.tokenizer.decode(again.encode(*row)[0])
    onward = new_reward(str(tmp_path), form=form, system=False)
    assert onward.scores([row])[0] == pytest.approx(again.scores([row])[0], abs=1e-5)
    assert onward.tokenizer.chat_template == again.tokenizer.chat_template


def test_batches_hold_every_row_once_an_epoch_and_do_not_depend_on_what_was_asked_before() -> None:
    data = Batches(ROWS, 5, seed=1)
    steps = [data[step] for step in range(len(ROWS) // 5)]
    assert sorted(row.question for step in steps for row in step) == sorted(row.question for row in ROWS)
    assert Batches(ROWS, 5, seed=1)[7] == steps[7] != Batches(ROWS, 5, seed=2)[7]


def test_rows_are_encoded_as_they_are_scored_and_cut_at_a_step() -> None:
    reward = new_reward(BASE, "0", system=False)
    ids, places = reward.encode(ROWS[0].question, ROWS[0].steps)
    batch = collate(ROWS[:3], reward, 512)
    assert batch.ids[0, : len(ids)].tolist() == ids
    assert batch.labels[0, places].tolist() == [1, 0] and int((batch.labels[0] >= 0).sum()) == 2
    assert batch.starts.tolist() == [len(reward.encode(row.question, ())[0]) for row in ROWS[:3]]
    short = collate(ROWS[:1], reward, places[0] + 1)
    assert short.labels[0].tolist() == [-1] * places[0] + [1]
    with pytest.raises(SetError, match="row 1.*max_length = 9"):
        check_lengths(ROWS, reward, 9)


@torch.no_grad()
def test_loss_by_hand_and_its_least_value_is_at_the_true_share() -> None:
    reward = new_reward(BASE, "0", system=False)
    module = PRMModule(reward, log_weights(ROWS, 1.0)).eval()
    batch = collate(ROWS[:4], reward, 512)
    weights = torch.tensor([160 / (2 * 120), 160 / (2 * 40)])
    scored = batch.labels >= 0
    right = reward.model.step_logits(batch.ids, batch.starts, scored).softmax(-1)[:, 1]
    wanted = []
    chances = torch.stack((1 - right, right), -1).log() + weights.log()
    for row, pair in zip(ROWS[:4], chances.log_softmax(-1).view(4, 2, 2), strict=True):
        wanted.append(-sum(weights[y] * pair[i, y] for i, y in enumerate(row.labels)) / 2)
    assert float(module(batch).loss) == pytest.approx(float(sum(wanted)) / 4, rel=1e-4)
    shares = torch.linspace(0.01, 0.99, 99)
    pairs = torch.stack((1 - shares, shares), -1).log() + weights.log()
    expected = -(pairs.log_softmax(-1) * weights * torch.tensor([0.75, 0.25])).sum(-1)
    assert float(shares[expected.argmin()]) == pytest.approx(0.25, abs=0.011)
    assert log_weights(ROWS, 0.0).tolist() == [0, 0]


@pytest.mark.parametrize("form", ["trl layers=0,1", "shadow"])
def test_a_short_run_leaves_a_reward_model(tmp_path: Path, form: str) -> None:
    data, out = written(tmp_path / "rows.jsonl", [as_row(row) for row in ROWS]), tmp_path / "run"
    pairs = f"max_steps=3 batch_size=8 log_every=1 eval_every=3 form={form}".split()
    flags = ["--model", BASE, "--data", str(data), "--out", str(out), "--device", "cpu"]
    others = [dataclasses.replace(row, question=f"{row.question} Say.") for row in ROWS]
    pairs.append(f"held_out={written(tmp_path / 'others.jsonl', [as_row(row) for row in others])}")
    assert main(["prm", *flags, *(word for pair in pairs for word in ("--set", pair))]) == 0
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == 3 and all(math.isfinite(line["loss"]) for line in lines)
    figures = {"auroc", "calibration_error", "auroc_sum", "auroc_cut_lines", "auroc_sum_easy"}
    assert {f"eval_{name}" for name in figures} <= lines[-1].keys()
    scores = load_reward(str(out / "final"), device="cpu").scores([(ROWS[0].question, ROWS[0].steps)])[0]
    assert len(scores) == 2 and all(0 < score < 1 for score in scores)
    assert main(["prm", *flags, "--set", "max_length=5000"]) == 2


def test_a_question_is_on_one_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train, apart = split_by_question(ROWS, 4)
    assert train and apart and not {r.question for r in train} & {r.question for r in apart}
    data = written(tmp_path / "rows.jsonl", [as_row(row) for row in ROWS])
    flags = ["--model", BASE, "--data", str(data), "--out", str(tmp_path / "run")]
    assert main(["prm", *flags, "--set", f"held_out={data}"]) == 2 and "row 1" in capsys.readouterr().err
    long = written(tmp_path / "long.jsonl", [{"question": "🙂" * 200, "steps": ["1"], "labels": [1]}])
    assert main(["prm", *flags, "--set", f"held_out={long}"]) == 2
    assert "question and first step have" in capsys.readouterr().err
    assert main(["prm", *flags, "--set", "held_out=none.jsonl"]) == 2
    assert "held_out = 'none.jsonl' is not valid; allowed: a CSV, JSONL or Parquet" in capsys.readouterr().err


def test_what_is_measured_on_is_refused_as_data_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [as_row(row) for row in ROWS]
    named = written(tmp_path / "gsm8k_test_prm.jsonl", rows)
    hidden = written(tmp_path / "a.jsonl", [*rows, rows[0] | {"question": TEST_PROBLEM}])
    flags = ["--model", BASE, "--out", str(tmp_path / "run"), "--device", "cpu", "--set", "max_steps=1",
             "--set", "layers=0", "--set", "batch_size=2"]  # fmt: skip
    for data, said in ((named, "named as an evaluation set"), (hidden, "row 81 of a.jsonl is a test")):
        for command in (["prm", *flags], ["preview", "prm", "--model", BASE]):
            assert main([*command, "--data", str(data)]) == 2
            assert said in capsys.readouterr().err
        assert main(["preview", "prm", "--model", BASE, "--data", str(data), "--allow-eval-data"]) == 0
    assert main(["prm", *flags, "--data", "linear"]) == 2
    assert "data = 'linear' is a task; allowed: labelled steps, " in capsys.readouterr().err
    apart = [row | {"question": f"{row['question']} Say."} for row in rows]
    train, kept = written(tmp_path / "b.jsonl", apart), written(tmp_path / "heldout.jsonl", rows)
    assert main(["prm", *flags, "--data", str(train), "--set", f"held_out={kept}"]) == 0


def test_the_benchmark_prints_an_interval_for_each_group(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = [as_row(row) | {"steps": [row.steps[0][:-1], f"\n{row.steps[1]}"], "cut": "8"} for row in ROWS[:20]]
    data = written(tmp_path / "rows.jsonl", [*(as_row(row) for row in ROWS[:20]), *cut])
    monkeypatch.setattr("sys.argv", ["reward", str(data), "--prm", "assets/models/tiny-prm"])
    reward_benchmark()
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines[0][0].startswith("40 rows, 80 steps, 60 wrong")
    named = {line[-1]: line[:-1] for line in lines[3:]}
    assert {"all", "sum", "sum_easy", "easy", "cut_lines", "cut_8", "unfinished", "unfinished_easy"} == set(
        named
    )
    for area, low, high, steps, wrong in named.values():
        assert float(low) <= float(area) <= float(high) and int(wrong) < int(steps)


def test_the_benchmark_says_how_well_answers_to_one_question_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each question there are two answers; of half of them one is right and the other wrong."""
    right = [{**as_row(row), "labels": [1, 1]} for row in ROWS[:20:2]]
    wrong = [as_row(row) for row in ROWS[1:11:2]]
    data = written(tmp_path / "rows.jsonl", [*right, *wrong])
    monkeypatch.setattr("sys.argv", ["reward", str(data), "--prm", "assets/models/tiny-prm"])
    reward_benchmark()
    pairs, best = capsys.readouterr().out.splitlines()[-2:]
    assert re.fullmatch(r"sum: right above wrong in [01]\.\d{3} of 5 pairs", pairs)
    assert re.fullmatch(r"sum: best is right for [01]\.\d{3} \([\d.]+ – [\d.]+\) of 5", best)
