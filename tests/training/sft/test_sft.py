"""SFT: what is masked and learned, and a run from a file to a model that decodes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from models.checkpoint import ModelError
from models.loading import load
from samplers.settings import SettingError
from tests.training.small_model import small_folder, small_network
from training.data.chat import Encoded
from training.data.examples import collate
from training.engine.settings import RunArguments
from training.run import Request, train
from training.sft.objective import SFT, SFTBatch, SFTModule, SFTSettings, sft_batch

MASK, EOS = 2, 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_folder(tmp_path_factory.mktemp("small"))


@pytest.fixture
def data(tmp_path: Path) -> str:
    rows = [{"question": f"What is {i} + 1?", "answer": f"It is {i + 1}."} for i in range(30)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def settings(**fields: object) -> SFTSettings:
    fast = {"max_steps": 6, "max_length": 128, "batch_size": 4, "log_every": 1, "save_every": 3,
            "samples": 1, "warmup": 1}  # fmt: skip
    return SFTSettings(**(fast | fields))  # type: ignore[arg-type]


def many(rows: int = 600) -> SFTBatch:
    """Prompts of 5 cells, answers of 4 or 7: EOS behind the shorter ones."""
    encoded = [Encoded([9] * 5, [7] * (4 if row % 2 else 7)) for row in range(rows)]
    return sft_batch(collate(encoded, EOS), MASK, torch.Generator().manual_seed(0))


def test_the_prompt_is_never_masked_and_eos_is_masked_like_the_answer() -> None:
    batch = many()
    assert not bool(batch.masked[:, :5].any()) and bool((batch.input_ids[:, :5] == 9).all())
    assert torch.equal(batch.input_ids == MASK, batch.masked)
    rates = batch.masked[1::2].float().mean(0)
    assert float((rates[5:] - 0.5).abs().max()) < 0.08  # answer and EOS cells alike
    assert bool((batch.tokens[1::2, 9:] == EOS).all()) and bool(batch.answer[1::2, 9:].all())


@torch.no_grad()
def test_the_loss_is_that_of_the_formula_and_eos_is_in_it() -> None:
    model, batch = small_network().eval(), many(6)
    logits = model(batch.input_ids).logits.log_softmax(-1)
    by_hand = 0.0
    for row in range(6):
        cells = batch.masked[row].nonzero()[:, 0].tolist()
        costs = [-float(logits[row, i, batch.tokens[row, i]]) / float(batch.p[row, i]) for i in cells]
        by_hand += sum(costs) / 7 / 6  # 7 answer cells in every row, EOS included
    loss, figures = SFTModule(model)(batch)
    assert float(loss) == pytest.approx(by_hand, rel=1e-5)
    assert set(figures) == {"cross_entropy", "accuracy"}
    prompt_changed = batch._replace(tokens=torch.where(batch.answer, batch.tokens, 11))
    assert float(SFTModule(model)(prompt_changed).loss) == float(loss)
    eos_changed = batch._replace(tokens=torch.where(batch.tokens == EOS, 11, batch.tokens))
    assert float(SFTModule(model)(eos_changed).loss) != float(loss)


def test_a_step_without_a_masked_cell_is_a_loss_of_zero() -> None:
    batch = many(2)
    clean = batch._replace(masked=torch.zeros_like(batch.masked), input_ids=batch.tokens)
    loss = SFTModule(small_network())(clean).loss
    loss.backward()
    assert float(loss.detach()) == 0


def test_parts_of_a_step_are_its_rows(folder: str, data: str) -> None:
    arguments = RunArguments(folder, (data,), device="cpu")
    whole = SFT(arguments, settings()).batches(3)[0]
    halves = SFT(arguments, settings(accumulate=2)).batches(3)
    assert len(halves) == 2
    for whole_part, *parts in zip(whole, *halves, strict=True):
        assert torch.equal(whole_part, torch.cat(parts))


def run(folder: str, data: str, out: Path, resume: bool = False, **fields: object) -> list[dict[str, float]]:
    arguments = RunArguments(folder, (data,), device="cpu")
    train(Request("sft", arguments, settings(**fields), out, resume))
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_a_run_lowers_the_loss_and_leaves_a_model(folder: str, data: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    lines = run(folder, data, out, max_steps=30, save_every=30, eval_every=30, learning_rate=1e-2)
    first, last = (sum(line["cross_entropy"] for line in part) for part in (lines[:10], lines[-10:]))
    assert last < 0.8 * first
    assert {"eval_loss", "eval_cross_entropy", "eval_accuracy"} <= set(lines[-1])
    assert load(str(out / "final"), device="cpu").tokenizer is not None
    assert (out / "checkpoints" / "step-30" / "samples" / "sample-1.jsonl").is_file()


def test_a_resumed_run_logs_what_an_uninterrupted_one_does(folder: str, data: str, tmp_path: Path) -> None:
    whole = run(folder, data, tmp_path / "whole")
    run(folder, data, tmp_path / "parts")
    shutil.rmtree(tmp_path / "parts" / "checkpoints" / "step-6")
    shutil.rmtree(tmp_path / "parts" / "final")
    resumed = run(folder, data, tmp_path / "parts", resume=True)
    assert [line["step"] for line in resumed] == list(range(1, 7))
    for a, b in zip(whole, resumed, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], abs=1e-4)


def test_lora_leaves_an_adapter(folder: str, data: str, tmp_path: Path) -> None:
    run(folder, data, tmp_path / "out", max_steps=2, lora_r=2, samples=0)
    assert (tmp_path / "out" / "final" / "adapter_model.safetensors").is_file()


def test_a_row_longer_than_the_models_context_is_refused(folder: str, data: str) -> None:
    with pytest.raises(SettingError, match="max_length = 257 is not valid; allowed: at most 256, the model"):
        SFT(RunArguments(folder, (data,), device="cpu"), settings(max_length=257))


@pytest.mark.parametrize(("batch", "length"), [(1, 128), (4, 128), (1, 40)])
def test_every_answer_teaches_where_to_end(folder: str, data: str, batch: int, length: int) -> None:
    """EOS is learned behind every answer that max_length leaves room for, whatever stands beside it."""
    sft = SFT(RunArguments(folder, (data,), device="cpu"), settings(batch_size=batch, max_length=length))
    for step in range(10):
        tokens, _, answer, *_ = sft.batches(step)[0]
        assert bool((tokens[:, -1] == EOS).all() and answer[:, -1].all())


def test_a_model_without_eos_is_refused(folder: str, data: str, tmp_path: Path) -> None:
    shutil.copytree(folder, own := tmp_path / "model")
    config = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps(config | {"eos_token_id": None}))
    with pytest.raises(ModelError, match="has no eos_token_id"):
        SFT(RunArguments(str(own), (data,), device="cpu"), settings())
