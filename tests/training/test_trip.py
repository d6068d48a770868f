"""The trip of a training row, from its line in a file to the loss, printed module by module.

A run of SFT is watched for one step. A module is on the trip when one of its functions hands the row on:
returns or yields something that holds its text, or its tokens. `models` is the network and its tokenizer,
and counted apart. Run it with -s to see the list.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch

from models.loading import load
from training.__main__ import main
from training.sft.objective import SFT, SFTModule

MARK = "987654321"
MOST_MODULES = 9


class Watch:
    """The modules that hand on anything that holds the mark; `until` the loss is known."""

    def __init__(self, ids: Sequence[int]) -> None:
        self.ids, self.modules, self.until = list(ids), dict[str, str](), False

    def __call__(self, frame: FrameType, event: str, value: Any) -> None:
        name = frame.f_globals.get("__name__", "")
        ours = name.split(".")[0] in ("evaluation", "training", "models", "samplers", "tasks")
        if event == "return" and ours and not self.until and name not in self.modules and self.holds(value):
            self.modules[name] = frame.f_code.co_name
        self.until |= event == "return" and frame.f_code is SFTModule.forward.__code__

    def holds(self, value: Any, depth: int = 0) -> bool:
        """Whether text, ids or tensors in the value have the mark in them."""
        if isinstance(value, str):
            return MARK in value
        if isinstance(value, torch.Tensor):
            whole = not value.is_floating_point() and value.dtype != torch.bool
            return whole and self.has(value.flatten().tolist())
        if isinstance(value, list | tuple) and value and all(isinstance(part, int) for part in value):
            return self.has(list(value))
        if depth > 4:
            return False
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = [getattr(value, field.name, None) for field in dataclasses.fields(value)]
        if isinstance(value, dict):
            value = list(value.values())
        return isinstance(value, list | tuple) and any(self.holds(part, depth + 1) for part in value)

    def has(self, numbers: list[int]) -> bool:
        """Whether the mark's tokens stand in them, one after the other."""
        count = len(self.ids)
        return any(numbers[i : i + count] == self.ids for i in range(len(numbers) - count + 1))


def test_the_trip_from_file_to_loss_passes_at_most_nine_modules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"prompt": f"What is {number} {MARK}?", "answer": str(number)} for number in range(4)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tokenizer = load("tiny-llada", device="cpu").tokenizer
    assert tokenizer is not None
    watch = Watch(tokenizer.encode(MARK, add_special_tokens=False))
    command = ["sft", "--model", "tiny-llada", "--data", str(tmp_path / "rows.jsonl"), "--device", "cpu"]
    sys.setprofile(watch)
    try:
        assert main([*command, "--out", str(tmp_path / "run"), "--set", "max_steps=1"]) == 0
    finally:
        sys.setprofile(None)
    trip = [name for name in watch.modules if name.split(".")[0] != "models"]
    with capsys.disabled():
        print("\n" + "\n".join(f"{number}. {name}" for number, name in enumerate(trip, 1)))
        print("and of models:", ", ".join(sorted(set(watch.modules) - set(trip))))
    assert watch.until and SFT.__module__ in trip
    assert len(trip) <= MOST_MODULES, trip
