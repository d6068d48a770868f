"""Recipe: what the engine needs of an objective: a module whose forward is the loss, its data, its export."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from training.engine.settings import TrainSettings

Batch = tuple[Tensor, ...]
"""A NamedTuple of tensors with the same first dimension, the rows; for all processes together."""


class Losses(NamedTuple):
    """loss: Float[], the mean over the rows of the batch; figures: what else is logged, by name, each
    Float[] and a mean over rows too."""

    loss: Tensor
    figures: Mapping[str, Tensor] = {}


class Stopped(Exception):
    """The run was asked to end; what it learned so far is saved."""


class Recipe(ABC):
    """An objective with the model, data and settings of one run.

    `module`: everything that is trained, and frozen parts that the loss needs; `module(batch)`
    gives Losses. Data is a function of (seed, step) alone, so nothing about it has to be saved.
    """

    settings: TrainSettings
    module: nn.Module
    notes: Sequence[str] = ()
    """Sentences for people on columns and rows of the data that are not used."""

    @abstractmethod
    def batches(self, step: int) -> Sequence[Batch]:
        """The batches of a step, one for each part, for all processes together and on the CPU; every step
        has `parts` of them."""

    @abstractmethod
    def export(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """Write what was learned to a folder that the samplers' command line can load. state: the module's
        state dict, with the averaged weights where there are any."""

    def groups(self) -> list[dict[str, Any]]:
        """Parameter groups of the optimizer: {params, name, factor, muon}: factor scales the rate; muon: the
        matrices among them learn by Muon (training.engine.optimizer)."""
        return [{"params": [p for p in self.module.parameters() if p.requires_grad], "factor": 1.0}]

    def learns(self, step: int, group: str) -> bool:
        """Whether a group takes part in a step."""
        return True

    def prepare(self) -> None:  # noqa: B027 - most recipes have nothing to do
        """For work that takes long and is done once. Called before the first step, and again when a run is
        resumed; the model is on its device then."""

    def before(self, step: int) -> None:  # noqa: B027 - most recipes have nothing to do
        """Called before every step, for work that needs the current weights, such as rollouts."""

    def carried(self, step: int) -> dict[str, Tensor]:
        """What a checkpoint after `step` steps must hold beside weights and optimizer, such as rollouts that
        later steps learn from. It must be the same in every process."""
        return {}

    def carry(self, tensors: Mapping[str, Tensor]) -> None:  # noqa: B027 - most recipes have nothing to do
        """Restore what `carried` returned, when a run is resumed."""

    def progress(self, doing: str, done: int, count: int, together: bool = True) -> None:  # noqa: B027
        """The recipe calls this between the batches of long work (an evaluation, rollouts, decoding), with
        what it is doing and how far it is. The engine replaces it by a method that writes progress.json and
        raises Stopped when the run was asked to end. together: whether all processes call it at the same
        time; else this one alone."""

    def sample(self, folder: Path) -> None:  # noqa: B027 - not every recipe decodes
        """Record traces of the sample prompts."""

    def evaluate(self) -> dict[str, float]:
        """Figures on held-out data."""
        return {}

    @property
    def parts(self) -> int:
        """The number of batches of a step."""
        return self.settings.accumulate


B = TypeVar("B", bound=Batch)


def of_parts(batch: B, parts: Iterable[Tensor]) -> B:
    """A batch of the same type with other tensors."""
    kind: Callable[..., B] = type(batch)
    return kind(*parts)


def rows_of(batch: B, index: slice) -> B:
    """Some rows of a batch."""
    return of_parts(batch, (t[index] for t in batch))


def moved(batch: B, device: torch.device | str) -> B:
    """The batch on a device."""
    return of_parts(batch, (t.to(device) for t in batch))


def split(batch: B, parts: int) -> list[B]:
    """The rows in equal parts."""
    size, left = divmod(len(batch[0]), parts)
    if left:
        raise ValueError(f"accumulate = {parts} is not valid; allowed: a divisor of {len(batch[0])} rows")
    return [rows_of(batch, slice(i * size, (i + 1) * size)) for i in range(parts)]


def step_generator(seed: int, step: int, salt: int = 0) -> torch.Generator:
    """A random generator for one step, whatever was drawn before. salt: different for each use in a step."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) * 31 + salt)
