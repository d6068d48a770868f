"""Which bundled problem a prompt asks: composed word problems too, and no other texts."""

from __future__ import annotations

import random

import pytest

from tasks import WordSettings, WordTask
from tasks.recognise import is_story, kinds_of, problem_of


def test_composed_word_problems_are_recognised() -> None:
    task, rng = WordTask(WordSettings(composed=1.0)), random.Random(3)
    for _ in range(800):
        problem = task.generate(rng, "train")
        assert kinds_of(problem.prompt) == ["word"], problem.prompt
        assert problem_of(problem.prompt) == {"name": "word", "problem": {"problem": problem.prompt}}


@pytest.mark.parametrize("text", [
    "How many apples does Tom have?", "Tom has 3 apples. He sings.", "Tom has nuts. How many are left?",
    "A train leaves Paris at 5. How many hours does it need?", "What is 3 + 4?", "hello", "",
    "Natalia sold clips to 48 of her friends in April. How many clips did Natalia sell?",
])  # fmt: skip
def test_other_texts_are_none(text: str) -> None:
    assert not is_story(text)
