"""The table of a sweep of heads: what differs between runs, the same cells for all, paired means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.ups import cells, measurements
from benchmarks.ups_ablation import Aurocs, SweptRun, aurocs, factor_table, finished_runs, run_table
from models.ups_head import HEAD_FILE, UPSHead
from tests.training.small_model import small_folder
from training.engine.settings import RunArguments
from training.remask.objective import RemaskSettings, RemaskSFT, ScoredCells, score_by_each, score_shown_cells
from training.run import Request, write_config

GRID = ((0.05, 0), (0.05, 8), (0.2, 0), (0.2, 8))


def finished(out: Path, r: float, width: int, model: str = "m") -> None:
    settings = RemaskSettings(r_incorrect=r, ups_width=width)
    folder = out / f"r={r},w={width},{model}"
    (folder / "final").mkdir(parents=True)
    UPSHead(32, width).save(folder / "final" / HEAD_FILE)
    request = Request("remask-sft", RunArguments(model, ("linear",)), settings, folder)
    write_config(folder / "config.yaml", request.as_config())


def test_the_settings_that_differ_are_found(tmp_path: Path) -> None:
    for r, width in reversed(GRID):
        finished(tmp_path, r, width)
    model, runs = finished_runs(tmp_path)
    assert model == "m"
    assert [run.values for run in runs] == [{"r_incorrect": r, "ups_width": w} for r, w in GRID]
    finished(tmp_path, 0.1, 4, "other")
    with pytest.raises(ValueError, match="has heads of m, other; allowed: of one model"):
        finished_runs(tmp_path)
    with pytest.raises(ValueError, match="has 0 finished runs"):
        finished_runs(tmp_path / "nowhere")


def test_means_of_a_setting_are_paired() -> None:
    """The heads' AUROCs go up and down together, so a difference has a narrower interval than either mean."""
    runs = [SweptRun(Path(), {"r_incorrect": r, "ups_width": w}) for r, w in GRID]
    common = np.linspace(-0.1, 0.1, 101)[:, None]
    kinds = {"own": Aurocs(np.array([0.6, 0.7, 0.8, 0.9]), np.array([0.6, 0.7, 0.8, 0.9]) + common)}
    lines = factor_table(runs, kinds).splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert rows[0] == ["r_incorrect", "0.05", "2", "0.650 (0.555 to 0.745)", ""]
    assert rows[1][3:] == ["0.850 (0.755 to 0.945)", "+0.200 (+0.200 to +0.200)"]
    assert rows[3][:3] == ["ups_width", "8", "2"] and rows[3][4] == "+0.100 (+0.100 to +0.100)"
    assert "| 0.2 | 8 | 0.900 (0.805 to 0.995) |" in run_table(runs, kinds)


def test_heads_score_the_same_cells(tmp_path: Path) -> None:
    settings = RemaskSettings(max_length=256, batch_size=4, r_incorrect=0.2, precision="no")
    recipe = RemaskSFT(RunArguments(small_folder(tmp_path), ("linear:easy",), device="cpu"), settings)
    recipe.answers.data = replace(recipe.answers.data, held_out=recipe.answers.data.held_out[:12])
    heads = [UPSHead(32, width) for width in (0, 8)]
    for head in heads:
        torch.nn.init.normal_(head.outer.weight, generator=torch.Generator().manual_seed(0))
    both = score_by_each(heads, recipe.module, recipe.noise, recipe.answers, 1.0, 2)
    assert torch.equal(both[0].wrong, both[1].wrong) and not torch.equal(both[0].scores, both[1].scores)
    found = aurocs(both)
    assert found.resampled.shape == (400, 2) and found.found.tolist() == [both[0].auroc, both[1].auroc]
    own = score_shown_cells(recipe.module, recipe.noise, recipe.answers, 1.0, 2)
    assert torch.equal(own.wrong, both[0].wrong)


def test_a_head_is_measured_by_level_and_block_length(tmp_path: Path) -> None:
    UPSHead(32, 0).save(tmp_path / HEAD_FILE)
    settings = RemaskSettings(max_length=256, precision="no", weights="1,2")
    data, head = ("linear", "linear:middle"), str(tmp_path / HEAD_FILE)
    planned = list(measurements(small_folder(tmp_path), data, head, settings))
    assert [m.name for m in planned[:2]] == [("random", "all", "as trained"), ("own", "all", "as trained")]
    assert [m.name[1:] for m in planned[2:]] == [
        (level, block) for level in ("easy", "middle") for block in ("8", "16", "32", "64")
    ]
    assert [m.noise.settings.blocks() for m in planned[2:6]] == [(8,), (16,), (32,), (64,)]
    assert len(planned[-1].recipe.answers.data.held_out) == 256 and planned[-1].own == 1.0
    nothing = ScoredCells(torch.rand(6), torch.zeros(6, dtype=torch.bool), torch.arange(6) // 2)
    assert cells(planned[0].name, nothing) == (*planned[0].name, "", "", "0", "6", "3")
