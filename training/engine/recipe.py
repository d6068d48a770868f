"""What an objective is to the engine: a module whose forward is its loss, its data, what it leaves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from training.engine.settings import TrainSettings

Batch = tuple[Tensor, ...]
"""A NamedTuple of tensors with the same first dimension: rows. None of them knows of processes."""


class Losses(NamedTuple):
    """loss: Float[], the mean over the rows of the batch; figures: what else is worth a line, by name,
    each Float[] and a mean over rows too."""

    loss: Tensor
    figures: Mapping[str, Tensor] = {}


class Stopped(Exception):
    """The run was asked to end; what it learned so far is saved."""


class Recipe(ABC):
    """An objective at work on one run.

    `module`: everything that is trained, and frozen parts that the loss needs; `module(batch)`
    gives Losses. Data is a function of (seed, step) alone, so nothing about it has to be saved.
    """

    settings: TrainSettings
    module: nn.Module
    notes: Sequence[str] = ()
    """What people should know of the data: what is not read of it, what was left out."""

    @abstractmethod
    def batches(self, step: int) -> Sequence[Batch]:
        """The parts of a step, each for all processes together, on the CPU; as many at every step."""

    @abstractmethod
    def export(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """Write what was learned, so that the flags of `samplers` accept the folder. state: the
        module's state dict, averaged weights in it where there are any."""

    def groups(self) -> list[dict[str, Any]]:
        """Parameter groups of the optimizer: {params, name, factor}, factor scaling the rate."""
        return [{"params": [p for p in self.module.parameters() if p.requires_grad], "factor": 1.0}]

    def learns(self, step: int, group: str) -> bool:
        """Whether a group takes part in a step."""
        return True

    def prepare(self) -> None:  # noqa: B027 - most recipes have nothing to do
        """Called once before the first step, and again when the run is gone on with, the network being in
        its place: what takes long and is made once."""

    def before(self, step: int) -> None:  # noqa: B027 - most recipes have nothing to do
        """Called before a step, with the weights as they are: rollouts begin here."""

    def carried(self, step: int) -> dict[str, Tensor]:
        """What is needed, beside weights and optimizer, to go on after so many steps, the same in every
        process: answers that a later step learns from."""
        return {}

    def carry(self, tensors: Mapping[str, Tensor]) -> None:  # noqa: B027 - most recipes have nothing to do
        """Take back what `carried` gave."""

    def progress(self, doing: str, done: int, count: int, together: bool = True) -> None:  # noqa: B027
        """To be called between the batches of work that takes long (an evaluation, rollouts, decoding) with
        what is being done and how far it is. The engine tells whoever watches, and raises Stopped when the
        run was asked to end. together: every process calls it now; else this one does, for itself."""

    def sample(self, folder: Path) -> None:  # noqa: B027 - not every recipe decodes
        """Record traces of the sample prompts."""

    def evaluate(self) -> dict[str, float]:
        """Figures on held-out data."""
        return {}

    @property
    def parts(self) -> int:
        """Batches of a step."""
        return self.settings.accumulate


B = TypeVar("B", bound=Batch)


def of_parts(batch: B, parts: Iterable[Tensor]) -> B:
    """A batch of the same kind, of other tensors."""
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
    """Randomness that belongs to a step, whatever ran before it."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) * 31 + salt)
