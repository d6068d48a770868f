"""metrics.jsonl as it grows, and as it is written anew by a resumed run; what is drawn from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llada_viz.jobs.training_log import TrainingLog, numbers
from llada_viz.render.training import cell, example, pace

HOSTILE = "<img src=x onerror=alert(1)>"


def line(step: Any, **figures: Any) -> str:
    return json.dumps({"step": step, "loss": 1 / step, "seconds": step / 2, **figures}) + "\n"


@pytest.fixture
def path(tmp_path: Path) -> str:
    return tmp_path / "metrics.jsonl"


def test_only_whole_lines_are_read_and_each_once(path: Any) -> None:
    log = TrainingLog(path)
    assert log.read() == [] and log.step == 0 and log.pace is None
    path.write_text(line(1) + line(2) + line(3)[:7])
    assert [found["step"] for found in log.read()] == [1, 2]
    with path.open("a") as file:
        file.write(line(3)[7:] + line(4, eval_auroc=0.9))
    assert [found["step"] for found in log.read()] == [1, 2, 3, 4] and log.step == 4
    assert log.pace == pytest.approx(0.5)
    assert log.curves() == {
        "loss": [(1, 1.0), (2, 0.5), (3, 1 / 3), (4, 0.25)], "eval_auroc": [(4, 0.9)]
    }  # fmt: skip


def test_a_resumed_run_writes_the_file_anew(path: Any) -> None:
    log = TrainingLog(path)
    path.write_text("".join(map(line, range(1, 9))))
    log.read()
    fresh = path.with_name("fresh")
    fresh.write_text("".join(line(step, again=1) for step in range(1, 13)))  # longer than the old one was
    fresh.replace(path)
    assert [found["step"] for found in log.read()] == list(range(1, 13))
    assert all(found["again"] == 1 for found in log.lines)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"step": true}', '{"loss": 1}', '{"step": "1"}', "[" * 999])
def test_what_is_no_line_of_metrics_is_left_out(text: str) -> None:
    assert numbers(text) == {}


def test_what_is_no_number_is_left_out() -> None:
    text = '{"step": 3, "loss": NaN, "a": Infinity, "b": true, "c": "x", "d": 2}'
    assert numbers(text) == {"step": 3, "d": 2}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((0, 50, None), "step 0 of 50"),
        ((20, 50, 0.5, "", 15.0), "step 20 of 50 · 0.5 s a step · about 15 s left"),
        ((20, 50, 0.5), "step 20 of 50 · 0.5 s a step"),
        ((1, 1001, 20.0, "", 20_000.0), "step 1 of 1,001 · 20 s a step · about 5.6 h left"),
        ((50, 50, 0.5, "saving"), "step 50 of 50 · 0.5 s a step · saving"),
    ],
)
def test_how_long_still(asked: Any, said: str) -> None:
    assert pace(*asked) == said


def test_an_example_is_escaped_and_masks_hide_their_text() -> None:
    found = {
        "raw": {"question": HOSTILE}, "templated": HOSTILE,
        "cells": [[HOSTILE, "prompt"], ["secret", "masked"], [" x", "wrong"], ["\n", "clean"], ["?", "new"]],
    }  # fmt: skip
    drawn = example(found)
    assert HOSTILE not in drawn and "secret" not in drawn and drawn.count("&lt;img") == 3
    assert "masked (1)" in drawn and "clean (1)" in drawn and "end of text" not in drawn
    assert ">⏎<" in cell("\n", "clean") and ">⟨eos⟩<" in cell("<|endoftext|>", "tail")
