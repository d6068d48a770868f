"""Merging: shard by shard, the same files but for the weights, checked against the unmerged network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from models.adapters import CONFIG, TARGETS, WEIGHTS, Adapter, load_adapted
from models.checkpoint import ModelError
from models.loading import load
from tests.networks import VECTORS
from tests.random_adapter import write_adapter
from training.__main__ import main
from training.shared import merge
from training.shared.merge import MergeError, merge_folder

BUNDLED = VECTORS.parents[1] / "assets" / "models" / "tiny-llada"
INNER = [name for name in TARGETS if name != "ff_out"]
NAMES = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tiny-llada in two shards, with an index."""
    folder = tmp_path_factory.mktemp("models") / "sharded"
    shutil.copytree(BUNDLED, folder)
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    keys = sorted(state)
    where = {key: NAMES[i >= len(keys) // 2] for i, key in enumerate(keys)}
    for name in NAMES:
        save_file({k: state[k] for k in keys if where[k] == name}, folder / name, {"format": "pt"})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    return folder


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(tmp_path_factory.mktemp("adapters") / "mine", str(BUNDLED), INNER)


def test_two_shards_stay_two_shards(sharded: Path, adapter: Path, tmp_path: Path) -> None:
    out = tmp_path / "merged"
    layers, check = merge_folder(str(sharded), str(adapter), out)
    assert layers == 5 * len(INNER) and check is not None
    assert check.difference <= check.allowed < check.effect
    assert {f.name for f in out.iterdir()} == {f.name for f in sharded.iterdir()} - {
        "README.md", "prompts.json", "scores.json", "stages.json"
    }  # fmt: skip
    for name in NAMES:
        with safe_open(sharded / name, "pt") as a, safe_open(out / name, "pt") as b:
            assert list(a.keys()) == list(b.keys()) and a.metadata() == b.metadata()
            same = {k for k in a.keys() if torch.equal(a.get_tensor(k), b.get_tensor(k))}  # noqa: SIM118
            changed = set(a.keys()) - same
            assert changed and {k.split(".")[-2] for k in changed} <= set(INNER)
    wanted = load_adapted(str(sharded), str(adapter), device="cpu", dtype=torch.bfloat16).model.state_dict()
    found = load(str(out), device="cpu", dtype=torch.bfloat16).model.state_dict()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


@pytest.mark.parametrize("how", [{"use_rslora": True}, {"alpha_pattern": {"q_proj": 64}},
                                 {"rank_pattern": {"v_proj": 1}}])  # fmt: skip
def test_one_file_and_other_scales(adapter: Path, tmp_path: Path, how: dict[str, Any]) -> None:
    folder = write_adapter(tmp_path / "other", str(BUNDLED), INNER, **how)
    layers, check = merge_folder(str(BUNDLED), str(folder), tmp_path / "merged")
    assert layers == 30 and check is not None
    wanted = load_adapted(str(BUNDLED), str(folder), device="cpu", dtype=torch.bfloat16).model.state_dict()
    found = load(str(tmp_path / "merged"), device="cpu", dtype=torch.bfloat16).model.state_dict()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


def test_a_merge_that_is_wrong_is_loud_and_leaves_nothing(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = merge.merged_weight

    def wrong(weight: torch.Tensor, read: Adapter, module: str) -> torch.Tensor:
        return weight if module.endswith("blocks.2.up_proj") else right(weight, read, module)

    with monkeypatch.context() as patch, pytest.raises(MergeError, match="2.up_proj.weight is not W"):
        patch.setattr(merge, "merged_weight", wrong)
        merge_folder(str(BUNDLED), str(adapter), tmp_path / "merged")
    with monkeypatch.context() as patch, pytest.raises(MergeError, match="logits differ by .*allowed: 0"):
        patch.setattr(merge, "TOLERANCE", dict.fromkeys(merge.TOLERANCE, 0.0))
        merge_folder(str(BUNDLED), str(adapter), tmp_path / "merged")
    assert list(tmp_path.iterdir()) == []


def test_no_more_than_one_tensor_is_read_at_a_time(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the whole model was read")

    monkeypatch.setattr(merge, "load", refuse)
    monkeypatch.setattr("models.streaming.read_tensors", refuse)
    assert merge_folder(str(BUNDLED), str(adapter), tmp_path / "merged", check=False) == (30, None)


def test_the_command_says_whether_it_checked(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["merge", "--model", str(BUNDLED), "--adapter", str(adapter), "--out"]
    assert main([*command, str(tmp_path / "a")]) == 0
    assert "differ from the unmerged ones by at most" in capsys.readouterr().out
    assert main([*command, str(tmp_path / "b"), "--no-check"]) == 0
    assert "UNCHECKED" in capsys.readouterr().out
    assert main([*command, str(tmp_path / "a")]) == 2
    assert "exists; allowed: a new folder" in capsys.readouterr().err


def test_what_does_not_fit_is_named(adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"blocks.0.\w+ of adapter 'mine' is .* wanted: \(64, 64\)"):
        merge_folder(str(VECTORS / "tiny_llada"), str(adapter), tmp_path / "merged")
    dora = write_adapter(tmp_path / "dora", str(BUNDLED), use_dora=True)
    with pytest.raises(ModelError, match="use_dora = True"):
        merge_folder(str(BUNDLED), str(dora), tmp_path / "merged")
    broken = shutil.copytree(adapter, tmp_path / "broken")
    files = load_file(broken / WEIGHTS)
    files[next(iter(files))][0, 0] = float("nan")
    save_file(files, broken / WEIGHTS)
    with pytest.raises(ModelError, match="infinite or NaN"):
        merge_folder(str(BUNDLED), str(broken), tmp_path / "merged")
    (broken / CONFIG).unlink()
    with pytest.raises(ModelError, match="has no adapter_config.json"):
        merge_folder(str(BUNDLED), str(broken), tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
