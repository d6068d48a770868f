"""A sweep: a folder a combination, finished ones not run again, failures in the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.networks import VECTORS
from training import sweep as module
from training.__main__ import main
from training.remask.objective import RemaskSFT
from training.run import Request, RunError
from training.sweep import combinations, last_figures, parse_grid

BUNDLED = str(VECTORS.parents[1] / "assets" / "models" / "tiny-llada")
GRID = ["--grid", "r_incorrect=0.05,0.1", "--grid", "ups_width=0,8"]


def command(out: Path, *more: str, data: str = "linear") -> list[str]:
    plain = ["max_steps=3", "batch_size=4", "log_every=1", "samples=0", "eval_every=3"]
    pairs = [word for pair in plain for word in ("--set", pair)]
    flags = ["--model", BUNDLED, "--data", data, "--device", "cpu", "--out", str(out)]
    return ["sweep", "remask-sft", *flags, *pairs, *more]


def test_two_by_two_and_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "sweep"
    monkeypatch.setattr(RemaskSFT, "evaluate", lambda _: {"auroc_random": 0.5})
    assert main(command(out, *GRID)) == 0
    text = (out / "table.md").read_text()
    assert text in capsys.readouterr().out
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines()]
    assert rows[0][:4] == ["r_incorrect", "ups_width", "step", "loss"] and rows[0][-1] == "seconds"
    assert "eval_auroc_random" in rows[0]
    assert [row[:3] for row in rows[2:]] == [
        ["0.05", "0", "3"], ["0.05", "8", "3"], ["0.1", "0", "3"], ["0.1", "8", "3"]
    ]  # fmt: skip
    assert all(cell for row in rows for cell in row)
    folder = out / "r_incorrect=0.1,ups_width=8"
    assert (folder / "final" / "ups_head.safetensors").is_file()
    figures = last_figures(folder / "metrics.jsonl")
    assert rows[-1][3] == f"{figures['loss']:.4g}"
    monkeypatch.setattr("training.engine.loop.Engine.run", None)  # nothing is run again
    assert main(command(out, *GRID)) == 0
    assert (out / "table.md").read_text() == text


def test_a_bad_value_costs_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(tmp_path / "out", "--grid", "r_incorrect=0.1,0.3")) == 2
    assert "r_incorrect = 0.3 is not valid" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_run_that_fails_is_a_row_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(asked: Request) -> Path:
        asked.out.mkdir(parents=True)
        if "0.1" in asked.out.name:
            raise FloatingPointError("loss = nan | at step 1")
        (asked.out / "metrics.jsonl").write_text('{"step": 3, "loss": 0.5, "seconds": 1.5}\n')
        return asked.out

    monkeypatch.setattr(module, "train", train)
    main(command(tmp_path / "out", "--set", "eval_every=0", "--grid", "r_incorrect=0.05,0.1"))
    assert (tmp_path / "out" / "table.md").read_text().splitlines()[2:] == [
        "| 0.05 | 3 | 0.5 | 1.5 |  |",
        r"| 0.1 |  |  |  | FloatingPointError: loss = nan \| at step 1 |",
    ]


@pytest.mark.slow
def test_a_combination_that_cannot_run_leaves_the_others(tmp_path: Path) -> None:
    """The published name of max_length, another precision, and wrong tokens that are none; with few held-out
    rows, for bf16 is slow on most processors."""
    out, rows = tmp_path / "out", tmp_path / "rows.jsonl"
    rows.write_text("".join(f'{{"prompt": "What is {n} + 1?", "answer": "{n + 1}"}}\n' for n in range(200)))
    grid = ["--grid", "seq_len=8,128", "--grid", "precision=no,bf16", "--grid", "r_incorrect=0"]
    assert main(command(out, *grid, data=str(rows))) == 0
    header, _, *rows = (out / "table.md").read_text().splitlines()
    assert "eval_auroc_own" in header and "eval_auroc_random" not in header
    assert ["max_length = 8" in row for row in rows] == [True, True, False, False]
    assert [row.split(" | ")[3] for row in rows[2:]] == ["3", "3"]  # steps


def test_a_committed_grid_and_an_estimate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, out = tmp_path / "sweep.yaml", tmp_path / "out"
    config.write_text("objective: remask-sft\ngrid:\n  ups_width: [0, 8]\n  r_incorrect: [0.05, 0.1, 0.2]\n")
    asked = command(out, "--config", str(config), "--set", "eval_every=0", "--estimate")
    assert main([*asked, "--grid", "r_incorrect=0.1"]) == 0
    assert "2 of 2 runs are left: about " in capsys.readouterr().out and not out.exists()
    assert main(["remask-sft", *asked[2:-1]]) == 2
    assert "config has a grid; allowed: python -m training sweep remask-sft" in capsys.readouterr().err
    config.write_text("grid: {ups_width: 8}\n")
    assert main(asked) == 2
    assert "grid = {'ups_width': 8} is not valid; allowed: name: [value, value]" in capsys.readouterr().err


@pytest.mark.parametrize("grid", [[], ["r"], ["r="], ["r=1,1"], ["r=1", "r=2"], ["=1"]])
def test_bad_grids(grid: list[str]) -> None:
    with pytest.raises(RunError, match="grid"):
        parse_grid(grid)


def test_the_last_setting_changes_fastest_and_there_is_a_limit() -> None:
    found = combinations({"a": ("1", "2"), "b": ("x", "y", "z")})
    assert found[:4] == [("1", "x"), ("1", "y"), ("1", "z"), ("2", "x")] and len(found) == 6
    with pytest.raises(RunError, match="1024 combinations"):
        combinations({f"k{i}": ("0", "1") for i in range(10)})
