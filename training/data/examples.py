"""Which example is in which row of which step.

It is a function of the seed and the place alone, where place = step * batch_size + row, so a resumed run
has the same rows and nothing about them has to be saved.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from evaluation.sets.columns import SetError
from tasks.core import Problem
from training.data.bundled_tasks import bundled_task
from training.data.chat import Chat, Encoded

TRIES = 200
"""How many others are tried in place of an example that is too long, before all of a set are."""


class Examples(Protocol):
    """Encoded examples by number."""

    @property
    def size(self) -> int | None:
        """How many there are; None where examples are generated without end."""
        ...

    def __getitem__(self, index: int) -> Encoded: ...

    def raw(self, index: int) -> dict[str, str]:
        """The example before it was encoded, as {name: text}."""
        ...


class TaskExamples:
    """Problems of a bundled task, without end; index i is always the same problem. name: of the task, with a
    level or without (training.data.bundled_tasks)."""

    size: int | None = None

    def __init__(self, name: str, chat: Chat, split: str = "train", seed: int = 0) -> None:
        self.name, self.task = name, bundled_task(name)
        self.chat, self.split, self.seed = chat, split, seed

    def problem(self, index: int) -> Problem:
        """The problem itself."""
        rng = random.Random(f"{self.seed}:{self.name}:{self.split}:{index}")
        return self.task.generate(rng, self.split)

    def __getitem__(self, index: int) -> Encoded:
        problem = self.problem(index)
        return self.chat.encode([{"role": "user", "content": problem.prompt}], problem.solution)

    def raw(self, index: int) -> dict[str, str]:
        """See Examples."""
        problem = self.problem(index)
        return {"prompt": problem.prompt, "solution": problem.solution}


def fits(example: Encoded, max_length: int, too_long: str) -> Encoded | None:
    """The example, if it has at most max_length tokens. A longer one is None, or with too_long = "cut" loses
    the end of its answer. The prompt is never cut: where it leaves no room for an answer, None."""
    room = max_length - len(example.prompt)
    if len(example.answer) <= room:
        return example
    return Encoded(example.prompt, example.answer[:room]) if too_long == "cut" and room > 0 else None


class FittingExamples:
    """The examples of another set, with others in the place of those that are too long.

    An example's length is only known when it is encoded, which is done when that index is read. name: of
    the set, for the error message.
    """

    def __init__(self, examples: Examples, max_length: int, too_long: str, name: str) -> None:
        self.examples, self.max_length, self.too_long, self.name = examples, max_length, too_long, name
        self.size = examples.size

    def __getitem__(self, index: int) -> Encoded:
        return self._find(index)[1]

    def raw(self, index: int) -> dict[str, str]:
        """See Examples."""
        return self.examples.raw(self._find(index)[0])

    def _find(self, index: int) -> tuple[int, Encoded]:
        shortest = None
        for place in self._places(index):
            example = self.examples[place]
            if (fitted := fits(example, self.max_length, self.too_long)) is not None:
                return place, fitted
            length = len(example.prompt) + len(example.answer)
            shortest = length if shortest is None else min(shortest, length)
        raise SetError(
            f"every row of {self.name} that was tried is longer than max_length = {self.max_length} "
            f"(the shortest has {shortest} tokens); allowed: a larger max_length, or too_long = cut"
        )

    def _places(self, index: int) -> Iterator[int]:
        """The indices to try in turn: the example's own, TRIES random ones, then all of a finite set."""
        yield index
        draw = random.Random(f"{self.name}:{index}")
        for _ in range(TRIES):
            yield draw.randrange(self.size or 2**31)
        yield from range(self.size or 0)


class Mixture:
    """Several sets, drawn by weight. A finite set is read in a new order every epoch."""

    def __init__(self, sets: Sequence[Examples], weights: Sequence[float], seed: int) -> None:
        self.sets, self.weights, self.seed = tuple(sets), tuple(weights), seed

    def __getitem__(self, place: int) -> Encoded:
        examples, index = self._examples_at(place)
        return examples[index]

    def raw(self, place: int) -> dict[str, str]:
        """The example of a place before it was encoded, as {name: text}."""
        examples, index = self._examples_at(place)
        return examples.raw(index)

    def _examples_at(self, place: int) -> tuple[Examples, int]:
        number = 0
        if len(self.sets) > 1:
            draw = random.Random(f"{self.seed}:{place}")
            number = draw.choices(range(len(self.sets)), self.weights)[0]
        examples = self.sets[number]
        return examples, place if examples.size is None else item_at(place, examples.size, self.seed)

    def rows(self, step: int, count: int) -> list[Encoded]:
        """The rows of a step."""
        return [self[step * count + row] for row in range(count)]


def item_at(place: int, size: int, seed: int) -> int:
    """The index, below `size`, of the item at a place. Every `size` places are an epoch, which is a
    permutation of its own."""
    return _permutation(size, f"{seed}:{place // size}")[place % size]


@lru_cache(maxsize=8)
def _permutation(size: int, seed: str) -> list[int]:
    order = list(range(size))
    random.Random(seed).shuffle(order)
    return order


class Example(NamedTuple):
    """One row for people to read. raw: the data's texts by name; templated: the text in the chat template;
    prompt_length: tokens of its prompt, which is not learned."""

    raw: dict[str, str]
    templated: str
    prompt_length: int


class AnswerRows(NamedTuple):
    """Prompts and answers as rows of one length. tokens: Int[rows, length], without noise, EOS behind the
    answers; answer: Bool[rows, length], the cells that are learned: the answer and the EOS behind it (its
    tail); text: Bool[rows, length], the answer without the tail."""

    tokens: Tensor
    answer: Tensor
    text: Tensor


def collate(encoded: Sequence[Encoded], eos_id: int, tail: int = 0) -> AnswerRows:
    """Rows of one length: the longest example's, and `tail` cells of EOS more."""
    width = max(len(p) + len(a) for p, a in encoded) + tail
    tokens = torch.full((len(encoded), width), eos_id)
    answer = torch.zeros(tokens.shape, dtype=torch.bool)
    text = torch.zeros(tokens.shape, dtype=torch.bool)
    for row, (p, a) in enumerate(encoded):
        tokens[row, : len(p) + len(a)] = torch.tensor(p + a)
        answer[row, len(p) :] = True
        text[row, len(p) : len(p) + len(a)] = True
    return AnswerRows(tokens, answer, text)
