"""`python -m evaluation scale` on a small random model: what it will cost, a whole run, one that was cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.__main__ import main
from evaluation.runs.run_folder import RunFolder
from evaluation.scaling.workers import DRAW_SEEDS
from tests.checkpoints import write_checkpoint

OWN = {"gen_length": 8, "block_length": 4, "steps": 8}
SIZES = ["--n", "3", "--n-other", "2", "--n-tune", "2", "--processes", "1", "--task", "linear"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    shape = {"d_model": 32, "n_layers": 1, "mlp_hidden_size": 32}
    folder = write_checkpoint(tmp_path_factory.mktemp("model") / "small", sharded=False, **shape)
    (folder / "prompts.json").write_text(
        json.dumps({"linear": {"template": "What is the value of x if {equation}?", "settings": OWN}})
    )
    return str(folder)


def flags(model: str, out: Path, *more: str) -> list[str]:
    chosen = ["--method", "vote", "--method", "best_of_n", "--scorer", "exact"]
    machine = ["--device", "cpu", "--threads", "1"]
    return ["scale", "--model", model, *machine, "--out", str(out), *SIZES, *chosen, *more]


def test_a_whole_study_and_again_after_a_cut(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags(model, tmp_path)) == 0
    said = capsys.readouterr()
    assert "| main points |" in said.out and "### linear, middle" in said.out
    assert "plain does not reach, and has no point at: 2 (nearest" in said.out
    assert "calibration: 1 of" in said.err and "evaluation: 1 of" in said.err
    folder = RunFolder(tmp_path / "linear")
    points = {(p["method"], p["factor"]): p for p in summary(tmp_path)[0]["points"]}
    assert points["vote", 4.0]["n"] == 3 and points["vote", 8.0]["n"] == 2
    assert points["vote", 4.0]["nfe"] == pytest.approx(4 * points["plain", 1.0]["nfe"], rel=0.25)
    assert {row["row"] for row in folder.rows()} == {1, 2, 3, 4, 5}
    seeds = {(row["line"], row["row"]): row["seed"] for row in folder.rows()}
    draws = {line: int(line.partition(" #")[2] or 1) for line, _ in seeds}
    assert max(draws.values()) > 2  # each draw has seeds of its own, which all methods share
    assert all(seed == 2026 + row + (draws[line] - 1) * DRAW_SEEDS for (line, row), seed in seeds.items())
    picture = (tmp_path / "scaling.svg").read_text()
    assert picture.startswith("<svg") and "plain; - - saturated" in picture and "<script" not in picture
    before, lines = (tmp_path / "report.md").read_text(), folder.results.read_text().splitlines(keepends=True)
    folder.results.write_text(
        "".join(lines[:-5]) + lines[-5][:20]
    )  # five rows lost, one of them half written
    assert main(flags(model, tmp_path)) == 0
    again = capsys.readouterr().err
    assert "tuning" not in again and "calibration" not in again and "evaluation: 1 of" in again
    assert (tmp_path / "report.md").read_text() == before
    assert len(folder.results.read_text().splitlines()) == len(lines)


def summary(out: Path) -> Any:
    return json.loads((out / "summary.json").read_text())


def test_an_estimate_writes_nothing_and_what_takes_too_long_is_refused(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(flags(model, out, "--estimate")) == 0
    said = capsys.readouterr().out
    assert "0 of these evaluations are done" in said and "| tuning | 0 | 0 |" in said
    assert main(flags(model, out, "--hours", "0")) == 2
    assert "hours = 0, and" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(("more", "said"), [
    (("--level", "hard"), "level is 'hard'; allowed: easy, middle"),
    (("--task", "luck"), "task is 'luck'; allowed:"),
    (("--n-tune", "0"), "n-tune = 0; allowed: at least 1"),
    (("--n-best", "-1"), "n-best = -1; allowed: at least 0"),
    (("--processes", "0"), "processes = 0; allowed: at least 1"),
    (("--method", "luck"), "method = 'luck' is not known"),
    (("--task", "sudoku"), "gives no gen_length"),
])  # fmt: skip
def test_what_is_not_allowed_is_named(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], said: str
) -> None:
    assert main(flags(model, tmp_path, *more)) == 2
    assert said in capsys.readouterr().err
