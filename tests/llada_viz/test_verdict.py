"""The verdict of a finished answer: right or wrong, the true answer, and the line where it breaks."""

from __future__ import annotations

from typing import Any

import pytest

from llada_viz.decoding.bundled import Bundled
from llada_viz.render import FrameMaker
from llada_viz.render.frames import MOST_CELLS
from llada_viz.render.verdict import verdict_of
from samplers.events import Event, Finished, Started, Unmasked
from tasks import TASKS, generate
from tasks.checks.truth import true_answer
from tests.llada_viz.script import EOS, PIECES, PROMPT, cell, started

TURN = "<|start_header_id|>{}<|end_header_id|>\n\n"
CHAT = "<|startoftext|>" + TURN.format("user") + "{}<|eot_id|>" + TURN.format("assistant")
END = "<|endoftext|>"
WORD = (
    "Wendy buys 2 pens for 4 dollars each and 4 books for 4 dollars each, and pays with 134 dollars. "
    "How many dollars of change does Wendy get?"
)


def cells_of(text: str, length: int = 64) -> list[str]:
    """A text as cells of a character each, and the end of the text behind it."""
    return [*text, END, *[END] * (length - len(text) - 1)]


@pytest.mark.parametrize("task", sorted(TASKS))
def test_m5_a_worked_solution_is_right_and_a_wrong_line_is_found(task: str) -> None:
    for problem in generate(task, "heldout", 20, 7):
        golds = {" ".join(problem.prompt.split()): problem.answer}
        prompt = CHAT.format(problem.prompt)
        verdict = verdict_of(prompt, cells_of(problem.solution, 400), golds)
        assert verdict == {"right": True, "text": "Right.", "cells": None}, problem
        # The first line with another digit at its end holds no more.
        first, newline, rest = problem.solution.partition("\n")
        broken = first[:-1] + str((int(first[-1]) + 1) % 10)
        verdict = verdict_of(prompt, cells_of(broken + newline + rest, 400), golds)
        assert verdict is not None and verdict["cells"] == [0, len(first) + 1], problem
        assert "line 1 " in verdict["text"].lower()


@pytest.mark.parametrize("task", ["linear", "expression", "sudoku"])
def test_m5_the_true_answer_is_computed(task: str) -> None:
    for problem in generate(task, "heldout", 50, 3):
        truth = true_answer(task, problem.fields)
        assert truth == problem.answer or (task == "sudoku" and truth is None)


@pytest.mark.parametrize(
    ("prompt", "answer", "golds", "right", "text"),
    [
        ("What is 3 + 4 * 2?", "4 * 2 = 8\n3 + 8 = 12\n\\boxed{12}", {}, False,
         "Wrong: the answer is 11; line 2 is where it breaks."),
        ("What is 3 + 4 * 2?", "\\boxed{12}", {}, False,
         "Wrong: the answer is 11; line 1 is where it breaks."),
        ("What is 3 + 4 * 2?", "4 * 2 = 9\n\\boxed{11}", {}, True, "Right, though line 1 does not hold."),
        (WORD, "pens: 2 * 4 = 8\n\\boxed{8}", {WORD: "110"}, False, "Wrong: the answer is 110."),
        (WORD, "pens: 2 * 4 = 8\n\\boxed{8}", {}, None,
         "Every line holds; the true answer is not known here."),
        (WORD, "pens: 2 * 4 = 9\n\\boxed{9}", {}, None, "Line 1 does not hold."),
        ("Use the numbers 8, 12, 78 to make 82.", "12 - 8 = 82\n\\boxed{12 - 8}",
         {"Use the numbers 8, 12, 78 to make 82.": "78 + 12 - 8"}, False,
         "Wrong: one way is 78 + 12 - 8; line 1 is where it breaks."),
    ],
)  # fmt: skip
def test_m5_verdicts_in_words(
    prompt: str, answer: str, golds: dict[str, str], right: bool, text: str
) -> None:
    for asked in (prompt, CHAT.format(prompt)):
        verdict = verdict_of(asked, cells_of(answer), golds)
        assert verdict is not None and (verdict["right"], verdict["text"]) == (right, text)


@pytest.mark.parametrize("prompt", ["", "Write a poem about the sea.", "What is (3 + 4?", "x = 1"])
def test_m5_of_other_prompts_nothing_is_said(prompt: str) -> None:
    assert verdict_of(CHAT.format(prompt), cells_of("\\boxed{7}"), {}) is None


def test_m5_the_examples_carry_their_golds() -> None:
    bundled = Bundled()
    asked = {" ".join(example.prompt.split()) for example in bundled.examples}
    asked |= {" ".join(repair.preset.prompt.split()) for repair in bundled.repairs.values()}
    assert set(bundled.golds) == asked and all(bundled.golds.values())
    for example in bundled.examples:
        verdict = verdict_of(CHAT.format(example.prompt), cells_of("\\boxed{0}"), bundled.golds)
        assert verdict is not None and verdict["right"] is False and verdict["text"] != "Wrong.", example


def finished(*answer: int, most_cells: int = MOST_CELLS, **settings: Any) -> dict[str, Any]:
    """The last frame of a run that wrote these eight tokens."""
    given = started(**settings)
    tokens = (*PROMPT, *[given.mask_id] * 8)
    start = Started(
        nfe=0, tokens=(tokens,), attention_mask=((True,) * 10,), mask_id=given.mask_id,
        prompt_length=len(PROMPT), settings=given.settings,
    )  # fmt: skip
    events: list[Event] = [
        start,
        Unmasked(nfe=1, block=0, step=0, cells=tuple(cell(i, token) for i, token in enumerate(answer))),
        Finished(nfe=1, tokens=((*PROMPT, *answer),), stop_reasons=("steps",)),
    ]
    maker = FrameMaker(PIECES, most_cells=most_cells)
    return [maker.frame(event) for event in events][-1]


def test_m6_an_answer_that_did_not_end_is_cut_off() -> None:
    cut = finished(4, 5, 4, 5, 4, 5, 4, 5)
    assert cut["again"] == 16 and cut["say"][0] == "Cut off."
    assert cut["say"][1].startswith("The answer did not end in 8 cells")
    whole = finished(4, 5, 4, 5, 4, 5, 4, EOS)
    assert "again" not in whole and whole["say"][0] == "Finished."


@pytest.mark.parametrize(("room", "cells"), [(4096, 16), (15, 12), (12, 12), (11, 0), (8, 0), (0, 0)])
def test_no_more_cells_are_offered_than_the_model_reads(room: int, cells: int) -> None:
    """In whole blocks of four. Without room for another block the answer is still said to be cut off."""
    cut = finished(4, 5, 4, 5, 4, 5, 4, 5, most_cells=room)
    assert cut["again"] == cells and cut["say"][0] == "Cut off."


def test_m8_a_window_that_was_never_scored_is_said() -> None:
    words = "No window was scored: the answer ended before 2 blocks stood."
    answer = (4, 5, 4, EOS, EOS, EOS, EOS, EOS)
    assert words in finished(*answer, sampler="window_refine", window=2)["say"][1]
    assert "scored" not in finished(*answer, sampler="low_confidence")["say"][1]
