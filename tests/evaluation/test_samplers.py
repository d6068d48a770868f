"""The table over all samplers: rows resume, costs are counted, comparisons are paired."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.__main__ import main
from evaluation.line_up import LINE_UP, PAIRS
from evaluation.samplers import comparison, read_rows, summary
from samplers import make
from tasks import TASKS

BUNDLED = Path(__file__).parents[2] / "assets" / "models" / "tiny-llada"


def test_every_line_can_run_on_every_task() -> None:
    prompts = json.loads((BUNDLED / "prompts.json").read_text())
    for contender in LINE_UP:
        for task in TASKS:
            sampler = make(contender.sampler, contender.settings_for(task, prompts[task]["settings"]))
            assert sampler.scored == bool(contender.scorer)
    labels = [c.label for c in LINE_UP]
    assert len(set(labels)) == len(labels) and {x for pair in PAIRS for x in pair} <= set(labels)


def rows(correct: str) -> list[dict[str, float]]:
    return [
        {"correct": c == "1", "nfe": 10, "scorer_calls": 2, "seconds": 0.5, "tokens": 32} for c in correct
    ]


def test_a_line_and_a_comparison_by_hand() -> None:
    line = summary(rows("1101"))
    assert "3 / 4 | 75.0%" in line and "| 10.0 | 2.0 | 64 |" in line
    said = comparison(rows("1111100000"), rows("1000000000"))
    assert said.startswith("+40.0%") and "4 against 0 questions, p = 0.125, NFE x 1.00" in said


def test_a_run_goes_on_where_it_was_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["samplers", "--out", str(tmp_path), "--set", "linear", "--only", "threshold .9", "--n"]
    assert main([*flags, "3"]) == 0
    path = tmp_path / "linear, threshold .9.jsonl"
    first = read_rows(path)
    with path.open("a") as file:
        file.write('{"cut')
    assert main([*flags, "5"]) == 0
    again = read_rows(path)
    assert again[:3] == first and [row["id"] for row in again] == list(range(5))
    assert "| threshold .9 |" in capsys.readouterr().out
    assert all(0 < row["nfe"] < 40 and row["seconds"] > 0 for row in again)


def test_an_unknown_line_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["samplers", "--out", str(tmp_path), "--only", "luck"]) == 2
    assert "luck" in capsys.readouterr().err
