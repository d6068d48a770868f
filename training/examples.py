"""Which example stands in which row: a function of seed and place, so that a run can be resumed.

place = step * batch_size + row.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from tasks import TASKS
from tasks.core import Problem
from training.chat import Chat, Encoded


class Examples(Protocol):
    """Encoded examples by number. size: how many there are, None for a generator without end."""

    size: int | None

    def __getitem__(self, index: int) -> Encoded: ...


class TaskExamples:
    """Problems of a bundled task, as many as are asked for; index i is always the same one."""

    size = None

    def __init__(self, name: str, chat: Chat, split: str = "train", seed: int = 0) -> None:
        self.task, self.chat, self.split, self.seed = TASKS[name], chat, split, seed

    def problem(self, index: int) -> Problem:
        """The problem itself."""
        rng = random.Random(f"{self.seed}:{self.task.name}:{self.split}:{index}")
        return self.task.generate(rng, self.split)

    def __getitem__(self, index: int) -> Encoded:
        problem = self.problem(index)
        return self.chat.encode([{"role": "user", "content": problem.prompt}], problem.solution)


class Mixture:
    """Several sets, drawn by weight. A set with an end is gone through in a new order every epoch."""

    def __init__(self, sets: Sequence[Examples], weights: Sequence[float], seed: int) -> None:
        self.sets, self.weights, self.seed = tuple(sets), tuple(weights), seed

    def __getitem__(self, place: int) -> Encoded:
        number = 0
        if len(self.sets) > 1:
            draw = random.Random(f"{self.seed}:{place}")
            number = draw.choices(range(len(self.sets)), self.weights)[0]
        chosen = self.sets[number]
        return chosen[place if chosen.size is None else item_at(place, chosen.size, self.seed)]

    def rows(self, step: int, count: int) -> list[Encoded]:
        """The rows of a step."""
        return [self[step * count + row] for row in range(count)]


def item_at(place: int, size: int, seed: int) -> int:
    """The item of a set of `size` at a place: every epoch is a permutation of its own."""
    return _permutation(size, f"{seed}:{place // size}")[place % size]


@lru_cache(maxsize=8)
def _permutation(size: int, seed: str) -> list[int]:
    order = list(range(size))
    random.Random(seed).shuffle(order)
    return order


class Rows(NamedTuple):
    """tokens: Int[rows, length], clean, EOS behind the answers; answer: Bool[rows, length], the
    cells that are learned, EOS tail included; text: the same without the tail."""

    tokens: Tensor
    answer: Tensor
    text: Tensor


def collate(encoded: Sequence[Encoded], eos_id: int, tail: int = 0) -> Rows:
    """Rows of one length: that of the longest, and `tail` more."""
    width = max(len(p) + len(a) for p, a in encoded) + tail
    tokens = torch.full((len(encoded), width), eos_id)
    answer = torch.zeros(tokens.shape, dtype=torch.bool)
    text = torch.zeros(tokens.shape, dtype=torch.bool)
    for row, (p, a) in enumerate(encoded):
        tokens[row, : len(p) + len(a)] = torch.tensor(p + a)
        answer[row, len(p) :] = True
        text[row, len(p) : len(p) + len(a)] = True
    return Rows(tokens, answer, text)
