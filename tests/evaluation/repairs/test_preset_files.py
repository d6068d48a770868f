"""Preset files are hostile input: whatever is wrong with one is said, and nothing else happens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.repairs.preset import MOST_BYTES, Part, Preset, PresetError, read_preset, write_preset
from evaluation.repairs.rates import Rates

SIZES = {"gen_length": 32, "block_length": 16, "steps": 4, "temperature": 0.7, "early_stop": True}
RATES = Rates(
    "vanilla_prm/prm", problems=9, errors=4, mended=2, rights=5, broken=0, nfe=20, plain_nfe=8,
    scorer_calls=3, raised_steps=32, raised_nfe=30, raised_mended=1, raised_broken=0, saturated=False,
    gap=0.25, low=0, high=1,
)  # fmt: skip
PRESET = Preset(
    name="a-repair", title="Vanilla PRM", task="expression", level="easy",
    fields={"expression": "1 + 2 * 3"}, answer="", prompt="What is 1 + 2 * 3?", sampler="vanilla_prm",
    settings=SIZES, seed=7, scorer="prm", plain=SIZES, plain_text="\\boxed{8}", text="\\boxed{7}",
    wrong="2 * 3 = 5", clarity=0.5, set_up="expression, easy", rates=RATES,
    parts={"model": Part("tiny-llada", "1" * 64), "prm": Part("tiny-prm", "2" * 64)},
)  # fmt: skip


def test_a_preset_comes_back_from_its_file(tmp_path: Path) -> None:
    assert read_preset(write_preset(tmp_path, PRESET)) == PRESET


@pytest.mark.parametrize("change, words", [
    ({"title": 5}, "title = '5'"), ({"prompt": ["x"]}, "prompt = "), ({"wrong": "\ud800"}, "wrong = "),
    ({"seed": "7"}, "seed = '7'"), ({"seed": True}, "seed = True"), ({"clarity": "high"}, "clarity = 'high'"),
    ({"clarity": float("nan")}, "clarity = nan"), ({"fields": {"expression": 1}}, "fields, expression"),
    ({"fields": []}, "cannot be read"), ({"task": "chess"}, "task is 'chess'"),
    ({"level": "hard"}, "level is 'hard'"), ({"plain": {"steps": "many"}}, "steps = 'many'"),
    ({"settings": {**SIZES, "steps": 1.5}}, "steps = 1.5"),
    ({"scorer": ""}, "scorer = ''"), ({"scorer": "luck"}, "scorer = 'luck'"),
    ({"sampler": "wino"}, "scorer = 'prm'"),
    ({"parts": {}}, "parts lack model, prm"), ({"parts": {"model": {"name": "x", "sha256": 1}}}, "sha256"),
    ({"sampler": "remedi", "scorer": "", "settings": {"policy": "ups"}}, "parts lack ups_head"),
])  # fmt: skip
def test_what_is_not_as_it_should_be_is_said(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = write_preset(tmp_path, PRESET)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(PresetError) as refused:
        read_preset(path)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "change", [{"nfe": "20"}, {"mended": None}, {"raised_nfe": float("inf")}, {"low": []}]
)
def test_rates_that_are_no_numbers_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = write_preset(tmp_path, PRESET)
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data | {"rates": data["rates"] | change}))
    with pytest.raises(PresetError, match=f"{next(iter(change))} = .*allowed: a number"):
        read_preset(path)


def test_files_too_large_or_too_deep_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a-repair.json"
    path.write_text(" " * (MOST_BYTES + 1))
    with pytest.raises(PresetError, match="too large"):
        read_preset(path)
    path.write_text("[" * 200_000)
    with pytest.raises(PresetError, match="cannot be read"):
        read_preset(path)
