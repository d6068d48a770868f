"""The DPO recipe: pairs from files and from mistakes, the reference, what a run leaves, resume."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from evaluation.sets.columns import SetError
from models.adapters import load_adapted
from models.loading import load
from samplers.settings import SettingError
from tests.training.small_model import small_folder
from tests.training.toy import engine_of, lines
from training.dpo.objective import DPO
from training.dpo.settings import DPOSettings
from training.engine.recipe import Stopped
from training.engine.settings import RunArguments

ROWS = [{"prompt": f"What is {n} + 1?", "chosen": f"\\boxed{{{n + 1}}}", "rejected": f"\\boxed{{{n}}} or so"}
        for n in range(40)]  # fmt: skip
QUICK = {"max_steps": 4, "batch_size": 4, "timesteps": 2, "learning_rate": 1e-2, "warmup": 0, "log_every": 1,
         "max_length": 256, "samples": 0, "precision": "no",
         "lora_dropout": 0.0, "save_every": 2, "decay": 0.0}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("data") / "pairs.jsonl", ROWS)


def written(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def recipe(model: str, *data: str, **changes: object) -> DPO:
    return DPO(RunArguments(model, data), DPOSettings(**(QUICK | changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize("rank", [0, 4], ids=["all weights", "adapter"])
def test_a_run_begins_at_log_2_and_moves_the_policy_only(
    model: str, file: str, rank: int, tmp_path: Path
) -> None:
    dpo = recipe(model, file, lora_r=rank)
    engine = engine_of(dpo, tmp_path)
    engine.run()
    first, *_, last = lines(tmp_path)
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-6) and first["margin"] == 0
    assert last["loss"] < first["loss"] and last["preferred"] > 0.5
    ids = torch.arange(10, 30)[None]
    untouched = load(model, device="cpu", dtype=torch.float32).model
    with dpo.module.reference() as reference:
        assert torch.equal(reference(ids).logits, untouched(ids).logits)
    learned = dpo.loaded.model.eval()(ids).logits
    assert (learned - untouched(ids).logits).abs().max() > 1e-3
    final = str(tmp_path / "final")
    written = load_adapted(model, final, "cpu") if rank else load(final, device="cpu")
    assert torch.allclose(written.model.float()(ids).logits, learned, atol=1e-5 if rank else 0.05)


def test_prompts_are_clean_and_a_pair_shares_one(model: str, file: str) -> None:
    dpo = recipe(model, file, block_share=0.5)
    mask = dpo.loaded.mask_id
    for step in range(4):
        (batch,) = dpo.batches(step)
        assert not bool((batch.tokens == mask).any())
        for pair, masked in zip(batch.tokens, batch.masked, strict=True):
            prompt = next(p.chosen.prompt for p in dpo.pairs[0] + dpo.pairs[1]
                          if p.chosen.prompt == pair[0, : len(p.chosen.prompt)].tolist())  # fmt: skip
            assert pair[1, : len(prompt)].tolist() == prompt
            assert not bool(masked[..., : len(prompt)].any())
        assert all(torch.equal(a, b) for a, b in zip(batch, dpo.batches(step)[0], strict=True))


@pytest.mark.parametrize("blocks", [0.0, 1.0], ids=["whole", "blocks"])
def test_a_pairs_masks_are_shared_or_independent(model: str, file: str, blocks: float) -> None:
    def batch(how: str) -> tuple[torch.Tensor, torch.Tensor]:
        dpo = recipe(model, file, pair_masks=how, block_share=blocks, block_length=4)
        (found,) = dpo.batches(0)
        return found.masked, found.weight

    masked, weight = batch("shared")
    assert masked.any() and (weight > 0).any()
    assert torch.equal(masked[:, 0], masked[:, 1]) and torch.equal(weight[:, 0], weight[:, 1])
    masked, _ = batch("independent")
    assert not torch.equal(masked[:, 0], masked[:, 1])


def test_every_twentieth_prompt_is_held_out_with_all_its_pairs(model: str, file: str) -> None:
    learned, held_out = recipe(model, file).pairs
    assert len(held_out) == 2 and len(learned) == 38
    assert not {pair.prompt for pair in learned} & {pair.prompt for pair in held_out}


def test_pairs_of_a_task_are_the_references_mistakes_and_the_same_after_a_resume(model: str) -> None:
    how = {"problems": 6, "tries": 2, "gen_length": 16, "rollout_steps": 2, "lora_r": 4}
    one, two = (recipe(model, "expression", "linear", **how) for _ in range(2))
    for name, parameter in two.loaded.model.named_parameters():
        if ".lora_B." in name:
            parameter.data.normal_()  # as after some steps
    assert one.pairs == two.pairs and len(one.pairs[0]) > 3
    prompts = {encoded.pair.prompt for encoded in one.pairs[0]}
    assert any("of x" in p or "=" in p for p in prompts) and any("=" not in p for p in prompts)


@pytest.mark.parametrize("rank", [0, 4])
def test_a_resumed_run_equals_an_uninterrupted_one(model: str, file: str, rank: int, tmp_path: Path) -> None:
    engine_of(recipe(model, file, lora_r=rank), tmp_path / "whole").run()
    engine_of(recipe(model, file, lora_r=rank, max_steps=2), tmp_path / "cut").run()
    rest = engine_of(recipe(model, file, lora_r=rank), tmp_path / "cut")
    assert rest.resume() and rest.step == 2
    rest.run()
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")


def test_what_cannot_give_pairs_is_said(model: str, file: str, tmp_path: Path) -> None:
    with pytest.raises(SetError, match="column 'chosen' has 1,000,001 characters"):
        recipe(model, written(tmp_path / "long.jsonl", [ROWS[0] | {"chosen": "b" * 1_000_001}]))
    with pytest.raises(SetError, match="data = 'expression' is a task; allowed: only tasks, or only files"):
        recipe(model, file, "expression")
    with pytest.raises(SetError, match="longer than max_length = 8"):
        recipe(model, file, max_length=8)
    with pytest.raises(SettingError, match="rollout_steps"):
        recipe(model, file, rollout_steps=3)


def test_conversations_are_templated_as_conversations(model: str, tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    row = {"chosen": [*turns, {"role": "assistant", "content": "yes"}],
           "rejected": [*turns, {"role": "assistant", "content": "no"}]}  # fmt: skip
    dpo = recipe(model, written(tmp_path / "p.jsonl", [row]), batch_size=1, samples=1)
    (pair,) = dpo.pairs[0]
    assert dpo.chat.decode(pair.rejected.prompt) == dpo.chat.template(turns)
    assert dpo.chat.decode(pair.rejected.answer) == "no<|eot_id|>"
    named = written(tmp_path / "pairs-test.jsonl", [row])
    with pytest.raises(SetError, match="evaluation set"):
        recipe(model, named)


def test_the_first_pair_is_that_of_the_first_step(model: str, file: str) -> None:
    dpo = recipe(model, file)
    pair, row = dpo.first_pair()
    (batch,) = dpo.batches(0)
    assert all(torch.equal(one[0], whole[0]) for one, whole in zip(row, batch, strict=True))
    shown = row.tokens[0, 0].tolist()
    assert shown[: len(pair.chosen.prompt)] == pair.chosen.prompt and pair.pair.raw in ROWS


def test_evaluation_and_samples(model: str, file: str, tmp_path: Path) -> None:
    dpo = recipe(model, file, samples=1, gen_length=16, rollout_steps=2)
    assert dpo.evaluate()["loss"] == pytest.approx(math.log(2), abs=1e-6)
    dpo.sample(tmp_path / "samples")
    assert (tmp_path / "samples" / "sample-1.jsonl").is_file()


def test_m17_asked_to_end_while_pairs_are_decoded_it_ends_at_once(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not after the 384 answers that are decoded without a word."""
    few = {"gen_length": 8, "block_length": 8, "rollout_steps": 1}
    engine = engine_of(recipe(model, "linear", problems=400, tries=1, **few), tmp_path)
    engine.signals.stop_requested = True
    with pytest.raises(Stopped, match="before the first step"):
        engine.run()
    assert "pairs:" not in capsys.readouterr().out
    assert not (tmp_path / "checkpoints").exists()


def test_pairs_longer_than_the_context_are_refused(model: str, file: str) -> None:
    with pytest.raises(SettingError, match="max_length = 5000 is not valid; allowed: at most"):
        recipe(model, file, max_length=5000)
