"""A 6x6 sudoku, as a person types it: it is graded, and gets the cells that its answer needs, everywhere."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path
from typing import Any

import pytest

from llada_viz.api.asked import Asked
from llada_viz.api.ready import Limits, make_ready
from llada_viz.cli.chat_session import ChatSession
from llada_viz.decoding.bundled import Bundled, prompt_settings, task_settings
from llada_viz.decoding.served import Flagged
from llada_viz.render.verdict import verdict_of
from tasks import MIDDLE, generate
from tasks.checks.truth import true_answer
from tasks.recognise import kind_of, kinds_of, level_of, problem_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.decoding.comparison import Comparisons
    from llada_viz.decoding.runs import Runs
    from llada_viz.tabs.compare import Compare
    from llada_viz.tabs.evaluate_form import UPLOADED, EvaluateForm
    from llada_viz.tabs.visualize import Visualize
    from llada_viz.widgets.live import more_cells

BIG = next(p for p in generate("sudoku", "heldout", 20, 3, MIDDLE) if true_answer("sudoku", p.fields))
SMALL = generate("sudoku", "heldout", 1, 3)[0]
WANTED = {"gen_length": 96, "block_length": 32, "steps": 96}


@pytest.fixture(scope="module")
def bundled() -> Bundled:
    return Bundled()


def test_both_sizes_are_recognised_in_every_wording() -> None:
    for level in ("", MIDDLE):
        for problem in generate("sudoku", "train", 60, 1, level):
            assert problem_of(problem.prompt) == {"name": "sudoku", "problem": problem.fields}
            assert kinds_of(problem.prompt) == ["sudoku"] and level_of([problem.prompt]) == level
    for mixed in (f"Solve this 4x4 sudoku: {BIG.key}", f"Solve this 6x6 sudoku: {SMALL.key}"):
        assert problem_of(mixed) is None and kinds_of(mixed) == []
    assert problem_of(BIG.prompt.replace("0", "7")) is None


def test_a_level_is_told_by_most_prompts() -> None:
    assert level_of([BIG.prompt, BIG.prompt, SMALL.prompt]) == MIDDLE
    assert level_of([BIG.prompt, SMALL.prompt]) == ""
    assert level_of(["What is 3 + 4?", "Why?"]) == level_of([]) == ""
    assert kind_of([BIG.prompt, SMALL.prompt]) == "sudoku"


def test_it_is_graded() -> None:
    verdict = verdict_of(BIG.prompt, [*BIG.solution, "<|endoftext|>"], {})
    assert verdict == {"right": True, "text": "Right.", "cells": None}
    wrong = BIG.solution.replace("\n", "x\n", 1)
    verdict = verdict_of(BIG.prompt, list(wrong), {})
    assert verdict is not None and verdict["cells"] == [0, 8]
    assert verdict["text"] == "Right, though line 1 does not hold."
    verdict = verdict_of(BIG.prompt, list("\\boxed{1}"), {})
    assert verdict is not None and verdict["text"].startswith(f"Wrong: the answer is {BIG.answer}")


def test_settings_of_a_level() -> None:
    known: Any = {
        "sudoku": {"settings": {"gen_length": 48}, "levels": {MIDDLE: {"settings": {"gen_length": 96}}}},
        "word": {"settings": {"gen_length": 64}},
    }
    assert task_settings(known, "sudoku")["gen_length"] == 48
    assert task_settings(known, "sudoku", MIDDLE)["gen_length"] == 96
    assert task_settings(known, "word", MIDDLE)["gen_length"] == 64
    assert task_settings(known)["gen_length"] == 64  # the longest of the usual levels
    assert prompt_settings(known, BIG.prompt) == {"gen_length": 96}
    assert prompt_settings(known, SMALL.prompt) == prompt_settings(known, "Hello") == {}
    assert prompt_settings({"sudoku": {"settings": {"gen_length": 48}}}, BIG.prompt) == {}


def test_more_cells_are_filled_in_where_there_are_too_few(bundled: Bundled) -> None:
    assert more_cells(bundled, BIG.prompt, 48) == WANTED == more_cells(bundled, BIG.prompt, None)
    assert more_cells(bundled, BIG.prompt, 128) == more_cells(bundled, SMALL.prompt, 8) == {}
    with gr.Blocks():
        tab, beside = Visualize(bundled, Runs()), Compare(bundled, Comparisons())
        tab.build()
        beside.build()
    length = tab.form.input("gen_length")
    filled = tab.on_typed({tab.prompt: BIG.prompt, tab.attached: "", length: 48})
    assert {name: filled[tab.form.input(name)] for name in WANTED} == WANTED
    assert length not in tab.on_typed({tab.prompt: BIG.prompt, tab.attached: "", length: 96})
    asked = {beside.prompt: BIG.prompt, beside.attached: "", beside.sizes[0]: 32}
    assert list(beside.on_prompt(asked).values()) == [*WANTED.values()]


def test_an_uploaded_set_gets_them(bundled: Bundled, tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    with path.open("w", newline="") as file:
        rows = [[p.prompt, p.answer] for p in generate("sudoku", "heldout", 5, 1, MIDDLE)]
        csv.writer(file).writerows([["question", "answer"], *rows])
    form = EvaluateForm(bundled.settings_of)
    facts = form.look(UPLOADED, str(path))
    assert (facts.kind, facts.level) == ("sudoku", MIDDLE)
    assert form.sizes_of(facts) == WANTED


def test_the_server_and_the_terminal_give_them(bundled: Bundled) -> None:
    assert bundled.loaded is not None
    served, sizes = Flagged(bundled.loaded, prompts=bundled.prompts), {"gen_length": 64, "block_length": 8}
    for prompt, cells in ((BIG.prompt, 96), (SMALL.prompt, 64)):
        ready, _ = ChatSession(served, defaults=sizes).prepare(prompt)
        assert ready.canvas.gen_length == cells
        turns = [{"role": "user", "content": prompt}]
        for this in (served, bundled):
            asked = Asked(True, "tiny-llada", ({"messages": turns},), "threshold")
            prepared = make_ready(asked, this, sizes, Limits()).prepared
            assert prepared.canvas.gen_length == cells
    chosen = ChatSession(served, own={"gen_length": 32}, defaults=sizes).prepare(BIG.prompt)[0]
    assert chosen.canvas.gen_length == 32
