"""The trainer: exact resume, the rate's shape, number rows, checkpoints that survive."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from training.number_rows import attach, fold, number_features
from training.trainer import Trainer, TrainSettings, rate_at


class Regression(nn.Module):
    """Dropout makes it depend on the random state."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 1))


def micro_batches(step: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(step)
    return [torch.randn(16, 4, generator=generator) for _ in range(2)]


def loss_of(model: nn.Module, batch: Tensor) -> Tensor:
    out: Tensor = model.layers(batch)  # type: ignore[operator]
    return (out[:, 0] - batch.sum(-1)).square().mean()


def settings(steps: int) -> TrainSettings:
    return TrainSettings(max_steps=20, bf16=False, log_every=1, save_every=steps, warmup=3)


def losses(folder: Path) -> list[tuple[int, float]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [(json.loads(x)["step"], json.loads(x)["loss"]) for x in lines]


def test_a_killed_run_resumes_exactly(tmp_path: Path) -> None:
    whole = Trainer(Regression(), settings(7), tmp_path / "whole")
    whole.run(micro_batches, loss_of)

    class Killed(Exception):
        pass

    def until(step: int) -> list[Tensor]:
        if step == 11:
            raise Killed
        return micro_batches(step)

    with pytest.raises(Killed):
        Trainer(Regression(), settings(7), tmp_path / "cut").run(until, loss_of)
    again = Trainer(Regression(), settings(7), tmp_path / "cut")
    assert again.resume() and again.step == 7
    again.run(micro_batches, loss_of)
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    for name, value in whole.parameters.items():
        assert torch.equal(value, again.parameters[name])
        assert torch.equal(whole.average[name], again.average[name])


def test_a_save_cut_short_keeps_the_checkpoint_before(tmp_path: Path) -> None:
    trainer = Trainer(Regression(), settings(5), tmp_path)
    trainer.run(micro_batches, loss_of)
    (tmp_path / "checkpoint").rename(tmp_path / "checkpoint.old")
    (tmp_path / "checkpoint.new").mkdir()
    assert Trainer(Regression(), settings(5), tmp_path).resume()


def test_rate_rises_stays_and_falls() -> None:
    s = TrainSettings(max_steps=100, learning_rate=0.01, warmup=10, decay=0.3)
    rates = [rate_at(step, s) for step in range(100)]
    assert rates[0] == pytest.approx(0.001) and rates[9] == rates[70] == 0.01
    assert rates[99] == pytest.approx(0.01 / 30)
    longer = TrainSettings(max_steps=200, learning_rate=0.01, warmup=10, decay=0.3)
    assert [rate_at(step, longer) for step in range(70)] == rates[:70]


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match="step 0"):
        trainer = Trainer(Regression(), settings(5), tmp_path)
        trainer.run(micro_batches, lambda m, b: loss_of(m, b) * float("nan"))


def test_bad_settings_are_named() -> None:
    with pytest.raises(ValueError, match="max_steps"):
        TrainSettings(max_steps=0)


def test_number_rows_fold_into_plain_weights() -> None:
    embedding = nn.Embedding(20, 6)
    attach(embedding, [3, 4, 5], [7, 17, 107], std=0.1)
    before = embedding.weight.detach().clone()
    fold(embedding)
    assert isinstance(embedding.weight, nn.Parameter)
    assert torch.equal(before, embedding.weight)
    units = number_features([7, 17, 107])[:, 20:30]
    assert torch.equal(units[0], units[1]) and torch.equal(units[0], units[2])
