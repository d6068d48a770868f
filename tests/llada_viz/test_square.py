"""The square of a sudoku on the page: which prompts have one, and when its solution is told."""

from __future__ import annotations

import pytest

from llada_viz.render.frames import FrameMaker
from llada_viz.render.square import square_of
from tests.llada_viz.script import PIECES, started


def test_a_puzzle_with_one_solution() -> None:
    square = square_of("<|user|>Solve this 4x4 sudoku: 1234341223410000<|assistant|>")
    assert square == {"size": 4, "box": [2, 2], "puzzle": "1234341223410000", "solution": "1234341223414123"}


def test_a_larger_puzzle_has_boxes_of_its_own_shape() -> None:
    square = square_of("6x6 sudoku: " + "123456" + "456000" + "0" * 24)
    assert square is not None
    assert square["size"] == 6 and square["box"] == [2, 3] and square["solution"] is None


@pytest.mark.parametrize("puzzle", ["0" * 16, "11" + "0" * 14])
def test_with_many_solutions_or_none_there_is_none_to_tell(puzzle: str) -> None:
    square = square_of(f"Solve this 4x4 sudoku: {puzzle}")
    assert square is not None and square["solution"] is None


@pytest.mark.parametrize("prompt", ["What is 2 + 2?", "", "Solve this 4x4 sudoku: 12"])
def test_other_prompts_have_no_square(prompt: str) -> None:
    assert square_of(prompt) is None


def test_the_first_frame_says_it() -> None:
    assert FrameMaker(PIECES).frame(started())["meta"]["square"] is None
