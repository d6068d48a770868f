"""The table over all samplers: every line runs on every task, rows resume, pairs are compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.__main__ import main
from evaluation.runs.line_up import LINE_UP, PAIRS, chosen_lines
from evaluation.runs.run_folder import RunFolder
from samplers import SAMPLERS, make
from tasks import TASKS

BUNDLED = Path(__file__).parents[3] / "assets" / "models" / "tiny-llada"


def test_every_sampler_stands_in_the_table_and_every_line_can_run_on_every_task() -> None:
    prompts = json.loads((BUNDLED / "prompts.json").read_text())
    for task in TASKS:
        for line in chosen_lines(task, prompts[task]["settings"], []):
            assert make(line.sampler, line.settings).needs.scorer == bool(line.scorer)
    labels = [c.label for c in LINE_UP]
    assert len(set(labels)) == len(labels) and {x for pair in PAIRS for x in pair} <= set(labels)
    assert {c.sampler for c in LINE_UP} == set(SAMPLERS)


def test_a_run_goes_on_where_it_was_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["samplers", "--out", str(tmp_path), "--set", "linear", "--only", "threshold .9", "--n"]
    assert main([*flags, "3"]) == 0
    folder = RunFolder(tmp_path / "linear")
    first = folder.rows()
    with folder.results.open("a") as file:
        file.write('{"cut')
    assert main([*flags, "5", "--only", "low_confidence"]) == 0
    again = folder.rows()
    assert again[:3] == first and len(again) == 10
    assert {(row["line"], row["row"]) for row in again} == {
        (label, n) for label in ("threshold .9", "low_confidence") for n in range(1, 6)
    }
    said = capsys.readouterr().out
    assert "| threshold .9 |" in said and "### linear" in said
    assert all(0 < row["nfe"] < 40 and row["seconds"] > 0 for row in again)


def test_an_unknown_line_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["samplers", "--out", str(tmp_path), "--only", "luck"]) == 2
    assert "luck" in capsys.readouterr().err
