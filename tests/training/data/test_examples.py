"""Which example stands in which row."""

from __future__ import annotations

import pytest
import torch

from training.data.chat import Encoded
from training.data.examples import FittingExamples, Mixture, collate, fits, item_at


class Numbered:
    """Examples that say their number; the odd ones are long."""

    def __init__(self, size: int | None) -> None:
        self.size = size
        self.encoded: list[int] = []

    def __getitem__(self, index: int) -> Encoded:
        self.encoded.append(index)
        return Encoded([1] * 3, [index] * (50 if index % 2 else 2))

    def raw(self, index: int) -> dict[str, str]:
        return {"number": str(index)}


def test_every_epoch_is_a_permutation_of_its_own() -> None:
    epochs = [[item_at(e * 50 + i, 50, seed=3) for i in range(50)] for e in range(3)]
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs[1] == [item_at(50 + i, 50, seed=3) for i in range(50)]


@pytest.mark.parametrize("size", [40, None])
def test_long_examples_are_replaced_by_others_and_only_what_is_asked_for_is_encoded(
    size: int | None,
) -> None:
    examples = Numbered(size)
    fitting = FittingExamples(examples, 20, "skip", "numbers")
    found = [fitting[i].answer[0] for i in range(40)]
    assert found[::2] == list(range(0, 40, 2))
    assert all(number % 2 == 0 for number in found) and len(set(found[1::2])) > 8
    assert found == [FittingExamples(Numbered(size), 20, "skip", "numbers")[i].answer[0] for i in range(40)]
    assert [int(fitting.raw(i)["number"]) for i in range(40)] == found
    lazy = Numbered(10**9)
    mixture = Mixture([FittingExamples(lazy, 20, "skip", "numbers")], [1.0], 0)
    assert mixture.sets[0][10].answer == [10, 10] and lazy.encoded == [10]


def test_a_cut_keeps_the_prompt() -> None:
    example = Encoded([1, 2, 3], [4, 5, 6])
    assert fits(example, 6, "skip") == example
    assert fits(example, 5, "skip") is None
    assert fits(example, 5, "cut") == Encoded([1, 2, 3], [4, 5])
    assert fits(example, 3, "cut") is None


def test_rows_are_padded_with_eos_which_is_learned() -> None:
    rows = collate([Encoded([5, 6], [7]), Encoded([5], [8, 9, 10])], eos_id=0, tail=1)
    assert rows.tokens.tolist() == [[5, 6, 7, 0, 0], [5, 8, 9, 10, 0]]
    assert rows.answer.tolist() == [[False, False, True, True, True], [False, True, True, True, True]]
    assert rows.text.sum(-1).tolist() == [1, 3]
    assert torch.equal(rows.tokens[rows.answer & ~rows.text], torch.zeros(3, dtype=torch.long))
