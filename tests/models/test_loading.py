"""Loading: what is missing or misshapen is named; a folder without tokenizer serves ids."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from models.loading import ModelError, load
from tests.networks import VECTORS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("config.json", "model.safetensors"):
        shutil.copy(VECTORS / "tiny_llada" / name, tmp_path / name)
    return tmp_path


def edit_weights(folder: Path, **changes: object) -> None:
    weights = load_file(folder / "model.safetensors")
    for name, value in changes.items():
        if value is None:
            del weights[name]
        else:
            weights[name] = value  # type: ignore[assignment]
    save_file(weights, folder / "model.safetensors")


def test_loads_without_tokenizer(folder: Path) -> None:
    loaded = load(str(folder), device="cpu")
    assert (loaded.tokenizer, loaded.mask_id, loaded.eos_id, loaded.max_length) == (None, 119, 118, 256)


def test_sharded_weights_load(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    (folder / "model.safetensors").unlink()
    where = {}
    for shard, part in enumerate((names[::2], names[1::2])):
        file = f"model-0000{shard}.safetensors"
        save_file({n: weights[n] for n in part}, folder / file)
        where |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    assert load(str(folder), device="cpu").mask_id == 119


WTE = "model.transformer.wte.weight"


def test_missing_misshapen_and_foreign_weights_are_named(folder: Path) -> None:
    wte = load_file(folder / "model.safetensors")[WTE]
    for change, words in (
        ({WTE: wte[:5].clone()}, "shape"),
        ({WTE: None}, "missing"),
        ({WTE: wte, "other": wte.clone()}, "other"),
    ):
        edit_weights(folder, **change)
        with pytest.raises(ModelError, match=words):
            load(str(folder), device="cpu")


@pytest.mark.parametrize(("file", "content", "words"), [
    ("config.json", "{", "not JSON"), ("config.json", '{"model_type": "llama"}', "model_type"),
    ("config.json", '{"model_type": "llada"}', "mask_token_id"),
    ("config.json", None, "config.json"), ("model.safetensors", "garbage", "cannot be read"),
    ("model.safetensors", None, "model.safetensors"),
])  # fmt: skip
def test_bad_files_are_named(folder: Path, file: str, content: str | None, words: str) -> None:
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    with pytest.raises(ModelError, match=words):
        load(str(folder), device="cpu")


@pytest.mark.parametrize("value", [None, "x", -1, 0, [], {}, 1.5, True, 10**12], ids=str)
def test_no_value_in_a_config_ends_in_anything_but_a_model_or_a_sentence(folder: Path, value: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    refused = 0
    for key in config:
        (folder / "config.json").write_text(json.dumps(config | {key: value}))
        try:
            load(str(folder), device="cpu")
        except ModelError as error:
            assert str(folder) in str(error)
            refused += 1
    assert refused >= 5


@pytest.mark.parametrize(("file", "content"), [
    ("tokenizer.json", ""), ("tokenizer.json", "{}"), ("tokenizer.json", "[]"),
    ("model.safetensors.index.json", ""), ("model.safetensors.index.json", "{}"),
    ("model.safetensors.index.json", '{"weight_map": {"a": 5}}'),
])  # fmt: skip
def test_what_does_not_belong_together_is_broken(folder: Path, file: str, content: str) -> None:
    (folder / file).write_text(content)
    with pytest.raises(ModelError, match="is broken"):
        load(str(folder), device="cpu")
