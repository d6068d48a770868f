"""The masking curriculum: a window that grows to the row."""

from __future__ import annotations

import torch

from training.pretrain.curriculum import window, window_cells


def test_the_window_grows_from_the_first_to_the_whole_row_and_stays() -> None:
    sizes = [window_cells(step, 100, 1024, 64, 0.5) for step in range(100)]
    assert sizes[0] == 64 and sizes[25] == 544 and sizes[50:] == [1024] * 50
    assert all(a < b for a, b in zip(sizes[:50], sizes[1:51], strict=True))
    assert window_cells(0, 100, 32, 64, 0.5) == 32  # a truncated row is no longer than itself
    assert window_cells(0, 100, 1024, 64, 0.0) == 1024


def test_a_window_is_one_run_of_cells_anywhere_in_the_row() -> None:
    draw = torch.Generator().manual_seed(0)
    found = window(4000, 10, 4, draw)
    assert found.sum(-1).unique().tolist() == [4]
    starts = found.long().argmax(-1)
    counts = torch.bincount(starts, minlength=7) / 4000
    assert len(counts) == 7 and float((counts - 1 / 7).abs().max()) < 0.03
    assert all(bool(found[i, s : s + 4].all()) for i, s in enumerate(starts[:50].tolist()))
    assert bool(window(3, 10, 10, draw).all())
