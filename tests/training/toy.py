"""A recipe of a few lines: a regression with dropout and two groups, whose rows come from the step."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from evaluation.sets.tables import Table
from training.engine.loop import Engine
from training.engine.placement import accelerator_for
from training.engine.recipe import Batch, Losses, Recipe, split
from training.engine.settings import RunArguments, TrainSettings
from training.shared.data_side import ChosenSets, Kind, Note
from training.shared.preview import Preview


class Points(NamedTuple):
    x: Tensor


class Regression(nn.Module):
    """Learns the sum of a row; dropout makes it depend on the random state."""

    def __init__(self, width: int = 8, dropout: float = 0.3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(4, width), nn.Dropout(dropout))
        self.head = nn.Linear(width, 1)

    def forward(self, batch: Points) -> Losses:
        error = self.head(self.body(batch.x))[:, 0] - batch.x.sum(-1)
        return Losses(error.square().mean(), {"size": error.abs().mean()})


@dataclass(frozen=True, kw_only=True)
class ToySettings(TrainSettings):
    width: int = 8
    dropout: float = 0.3


class Toy(Recipe):
    """Notes what the engine asks of it."""

    def __init__(self, settings: ToySettings) -> None:
        self.settings, self.module = settings, Regression(settings.width, settings.dropout)
        self.evaluated: list[float] = []
        self.sampled: list[float] = []

    def batches(self, step: int) -> Sequence[Batch]:
        rows = torch.randn(16, 4, generator=torch.Generator().manual_seed(step))
        return split(Points(rows), self.parts)

    def groups(self) -> list[dict[str, Any]]:
        return [{"params": self.module.body.parameters(), "name": "body"},
                {"params": self.module.head.parameters(), "name": "head", "factor": 0.5}]  # fmt: skip

    def export(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        save_file({n: t.contiguous() for n, t in state.items()}, folder / "weights.safetensors")

    def evaluate(self) -> dict[str, float]:
        self.evaluated.append(self._mark())
        return {"mark": self.evaluated[-1]}

    def sample(self, folder: Path) -> None:
        folder.mkdir()
        self.sampled.append(self._mark())

    def _mark(self) -> float:
        assert not self.module.training and not torch.is_grad_enabled()
        return float(self.module.head.bias.item())


class ToyData:
    """It needs none."""

    def accepts(self, kind: Kind) -> bool:
        return True

    def note(self, model: str) -> Note:
        return Note()

    def columns(self, records: Table, settings: ToySettings) -> dict[str, str]:
        return {}

    def check(self, chosen: ChosenSets, settings: ToySettings) -> None:
        return None

    def preview(self, arguments: RunArguments, settings: ToySettings) -> Preview:
        return Preview({"x": "four numbers"}, "", [])


def build_toy(arguments: RunArguments, settings: ToySettings) -> Toy:
    """What the registry calls."""
    return Toy(settings)


def toy_settings(**changes: Any) -> ToySettings:
    """Twenty steps, a line each, a checkpoint every seven."""
    wanted = {"max_steps": 20, "batch_size": 16, "learning_rate": 0.01, "warmup": 3, "log_every": 1,
              "save_every": 7, "samples": 0, "precision": "no"}  # fmt: skip
    return ToySettings(**(wanted | changes))


def engine_of(recipe: Recipe, out: Path) -> Engine:
    """An engine on the CPU in a folder."""
    out.mkdir(parents=True, exist_ok=True)
    return Engine(recipe, out, accelerator_for(recipe, "cpu"))


def lines(out: Path) -> list[dict[str, Any]]:
    """metrics.jsonl without the seconds."""
    found = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in found]


def weights(folder: Path) -> dict[str, Tensor]:
    """What the toy exported."""
    return load_file(folder / "weights.safetensors")


def whole(out: Path, **changes: object) -> Toy:
    """A run that nothing interrupts."""
    recipe = Toy(toy_settings(**changes))
    engine_of(recipe, out).run()
    return recipe


def same(a: Path, b: Path) -> None:
    """Two runs logged and learned the same."""
    assert lines(a) == lines(b)
    for name, value in weights(a / "final").items():
        assert torch.equal(value, weights(b / "final")[name]), name
