"""Checkpoints: whole or not there, whatever happens while they are written; bad ones are a sentence."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

import training.engine.checkpoints as module
from tests.training.toy import Toy, engine_of, lines, toy_settings, weights
from training.engine.checkpoints import (
    CheckpointError,
    checkpoints,
    latest,
    prune,
    read_state,
    replace_folder,
    restore,
    write,
    write_state,
)

FACTS = {"step": 1, "seconds": 0.5, "sums": {"loss": 0.1}}


def save(out: Path, step: int, value: float = 1.0) -> Path:
    tensors = {"weight.a": torch.tensor([value])}
    return write(out, step, lambda folder: write_state(folder, tensors, FACTS | {"step": step}))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    tensors, facts = read_state(save(tmp_path, 3, 0.25))
    assert tensors["weight.a"].tolist() == [0.25] and facts == FACTS | {"step": 3}


def test_order_is_by_step_not_by_name(tmp_path: Path) -> None:
    for step in (9, 100, 20):
        save(tmp_path, step)
    (tmp_path / "checkpoints" / "notes").mkdir()
    assert [step for step, _ in checkpoints(tmp_path)] == [9, 20, 100]
    assert latest(tmp_path) == tmp_path / "checkpoints" / "step-100"
    assert latest(tmp_path / "nothing") is None


@pytest.mark.parametrize("error", [
    OSError(errno.ENOSPC, "No space left on device"),
    SafetensorError("I/O error: No space left on device"),
])  # fmt: skip
def test_a_full_disk_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    engine_of(Toy(toy_settings()), tmp_path / "whole").run()
    real = module.save_file

    def full(tensors: dict[str, Tensor], path: Path) -> None:
        if "step-14" in str(path):
            path.write_bytes(b"half")
            raise error
        real(tensors, path)

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(OSError, match=r"step-14 could not be written: .*No space left.* --resume"):
        engine_of(Toy(toy_settings()), tmp_path / "cut").run()
    assert [path.name for path in (tmp_path / "cut" / "checkpoints").iterdir()] == ["step-7"]
    monkeypatch.undo()
    engine = engine_of(Toy(toy_settings()), tmp_path / "cut")
    assert engine.resume() and engine.step == 7
    engine.run()
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")
    cut, whole = (weights(tmp_path / name / "final")["head.bias"] for name in ("cut", "whole"))
    assert torch.equal(cut, whole)


def test_what_a_killed_run_left_half_written_is_no_checkpoint(tmp_path: Path) -> None:
    good = save(tmp_path, 5)
    for name in ("step-10.new", "step-5.old"):
        (tmp_path / "checkpoints" / name / "training").mkdir(parents=True)
    (tmp_path / "checkpoints" / "step-8" / "training").mkdir(parents=True)  # pruning was cut short
    assert latest(tmp_path) == good
    save(tmp_path, 10)
    prune(tmp_path, 1)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step-10", "step-5", "step-8"]
    assert latest(tmp_path) == tmp_path / "checkpoints" / "step-10" and not (good / "training").exists()


def test_a_result_is_replaced_as_a_whole(tmp_path: Path) -> None:
    final = tmp_path / "final"
    replace_folder(final, lambda f: (f / "old").write_text("1") and None)

    def fails(folder: Path) -> None:
        (folder / "new").write_text("2")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        replace_folder(final, fails)
    assert [p.name for p in tmp_path.iterdir()] == ["final"] and (final / "old").is_file()
    replace_folder(final, lambda f: (f / "new").write_text("2") and None)
    assert [p.name for p in tmp_path.rglob("*")] == ["final", "new"]


@pytest.mark.parametrize("failing", [{2}, {2, 3}, {1}])
def test_what_was_there_before_outlives_a_rename_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: set[int]
) -> None:
    """2: the new folder cannot take its place; 3: nor can the old one go back, until the next try."""
    final, real, calls = tmp_path / "final", os.replace, 0
    replace_folder(final, lambda f: (f / "old").write_text("1") and None)

    def replace(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls in failing:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="final could not be written: .*No space left"):
        replace_folder(final, lambda f: (f / "new").write_text("2") and None)
    there = tmp_path / ("final.old" if 3 in failing else "final")
    assert [p.name for p in tmp_path.iterdir()] == [there.name] and (there / "old").read_text() == "1"
    failing.clear()
    with pytest.raises(ZeroDivisionError):
        replace_folder(final, lambda f: 1 // 0 and None)
    assert [p.name for p in tmp_path.rglob("*")] == ["final", "old"]


@pytest.mark.parametrize("keep, left", [(0, [1, 2, 3]), (1, [3]), (2, [2, 3]), (9, [1, 2, 3])])
def test_the_last_states_are_kept(tmp_path: Path, keep: int, left: list[int]) -> None:
    for step in (1, 2, 3):
        save(tmp_path, step)
    prune(tmp_path, keep)
    assert [step for step, path in checkpoints(tmp_path) if (path / "training").is_dir()] == left
    assert len(checkpoints(tmp_path)) == 3


@pytest.mark.parametrize("file, text", [
    ("state.json", "{"), ("state.json", "[]"), ("state.json", "3"), ("state.json", json.dumps({"step": 1})),
    ("state.safetensors", "not tensors"), ("state.safetensors", None),
])  # fmt: skip
def test_a_damaged_checkpoint_is_a_sentence(tmp_path: Path, file: str, text: str | None) -> None:
    broken = save(tmp_path, 4) / "training" / file
    broken.unlink()
    if text is not None:
        broken.write_text(text)
    with pytest.raises(CheckpointError, match=f"cannot be read: {file}"):
        read_state(tmp_path / "checkpoints" / "step-4")


@pytest.mark.parametrize("tensors, said", [
    ({}, "weight of weight = None"),
    ({"weight.weight": torch.zeros(3, 3)}, r"weight of weight = \(3, 3\); allowed: \(2, 3\)"),
    ({"weight.weight": torch.zeros(2, 3), "exp_avg.weight": torch.zeros(1)}, r"exp_avg of weight = \(1,\)"),
])  # fmt: skip
def test_another_shape_is_a_sentence_and_changes_nothing(tensors: dict[str, Tensor], said: str) -> None:
    layer = nn.Linear(3, 2, bias=False)
    optimizer = torch.optim.AdamW(layer.parameters(), fused=True)
    before = layer.weight.clone()
    with pytest.raises(CheckpointError, match=said):
        restore(dict(layer.named_parameters()), optimizer, tensors)
    assert torch.equal(layer.weight, before) and not optimizer.state
