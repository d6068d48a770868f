"""metrics.jsonl: whole lines, each step once; means that survive a resume."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from training.engine.metrics import Metrics, Window


def test_lines_of_later_steps_and_broken_ones_go(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "metrics.jsonl")
    for step in (5, 10, 15):
        metrics.add({"step": step, "loss": 1.5})
    with metrics.path.open("ab") as log:
        log.write(b'[1]\n"text"\n{"loss": 2}\n\xff\xfe\n{"step": 20, "lo')
    metrics.cut_after(10)
    assert [json.loads(line)["step"] for line in metrics.path.read_text().splitlines()] == [5, 10]
    metrics.add({"step": 15, "loss": 2.0})
    assert metrics.path.read_text().endswith('{"step": 15, "loss": 2.0}\n')
    metrics.cut_after(0)
    assert metrics.path.read_text() == ""


def test_a_log_without_lines_to_drop_is_not_written_again(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "metrics.jsonl")
    metrics.cut_after(3)
    assert not metrics.path.exists()
    metrics.add({"step": 1})
    before = metrics.path.stat().st_ino
    metrics.cut_after(1)
    assert metrics.path.stat().st_ino == before


def test_what_is_no_number_is_null(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "metrics.jsonl")
    metrics.add({"step": 1, "eval_auroc": math.nan, "loss": math.inf})
    assert json.loads(metrics.path.read_text()) == {"step": 1, "eval_auroc": None, "loss": None}


def test_means_are_over_the_steps_that_have_the_figure() -> None:
    window = Window()
    window.add({"loss": 1.0})
    window.add({"loss": 3.0, "reward": 0.5})
    again = Window(json.loads(json.dumps(window.sums)))
    assert again.means() == window.means() == {"loss": 2.0, "reward": 0.5}
    window.add({"loss": 7.0})
    assert window.means() == pytest.approx({"loss": 7.0})
