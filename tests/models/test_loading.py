"""Loading: what is missing or misshapen is named; a folder without tokenizer serves ids."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.checkpoint import ModelError
from models.loading import load
from tests.checkpoints import published_index, weight_shapes, write_checkpoint
from tests.fake_hub import COMMIT, fake_hub
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


def test_the_published_names_and_shards_of_llada_8b_load(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "wide", n_layers=32, d_model=64, mlp_hidden_size=96, tokenizer=False)
    config = json.loads((folder / "config.json").read_text())
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    assert index["weight_map"] == published_index() and len(published_index()) == 291
    assert set(weight_shapes(config)) == set(published_index())
    state = load(str(folder), device="cpu", dtype=torch.bfloat16).model.state_dict()
    for file in sorted(set(published_index().values())):
        for name, tensor in load_file(folder / file).items():
            assert torch.equal(state.pop(name), tensor)
    assert not state


def test_a_file_that_is_only_half_there_is_named_before_anything_is_read(
    sharded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(sharded, tmp_path / "half")
    file = folder / "model-00006-of-00006.safetensors"
    with file.open("r+b") as half:
        half.truncate(file.stat().st_size // 2)
    monkeypatch.setattr("models.streaming.read_tensors", None)
    with pytest.raises(ModelError, match="model-00006.* of .*half' cannot be read: .*half-downloaded or cut"):
        load(str(folder), device="cpu")
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(ModelError, match="it is a Git LFS pointer; allowed: the file itself"):
        load(str(folder), device="cpu")


def test_pickled_weights_are_refused_with_the_reason(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pytorch_model.bin is a pickle: reading one can run foreign code"):
        load(str(folder), device="cpu")


@pytest.mark.parametrize("kind", ["sharded", "grouped"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_loaded_is_the_files_numbers_and_no_view_of_the_files(
    kind: str, dtype: torch.dtype, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder = shutil.copytree(request.getfixturevalue(kind), tmp_path / "copy")
    files = sorted(folder.glob("*.safetensors"))
    stored = {key: tensor for file in files for key, tensor in load_file(file).items()}
    wanted = {key: tensor.to(dtype, copy=True) for key, tensor in stored.items()}
    loaded = load(str(folder), "cpu", dtype)
    for file in files:  # another model is written over the files
        file.write_bytes(b"\0" * file.stat().st_size)
    state = loaded.model.state_dict()
    assert state.keys() == wanted.keys() and all(torch.equal(state[k], t) for k, t in wanted.items())
    assert loaded.precision == str(dtype).removeprefix("torch.") and loaded.revision == ""
    assert all(p.requires_grad for p in loaded.model.parameters())


def test_memory_that_runs_out_is_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
                  RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to")):  # fmt: skip

        def full(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr("models.streaming.set_weight", full)
        with pytest.raises(ModelError, match="memory ran out while it was loaded"):
            load(str(folder), device="cpu")


def test_a_hub_id_says_the_commit_that_it_came_from(sharded: Path, tmp_path: Path) -> None:
    with fake_hub(tmp_path / "cache") as server:
        server.add("people/llada", sharded)
        loaded = load("people/llada", "cpu", revision="main")
        assert (loaded.revision, loaded.name) == (COMMIT, "people/llada")
        assert load("people/llada", "cpu", revision=COMMIT).revision == COMMIT
        with pytest.raises(ModelError, match="revision = 'v9' is not one of people/llada"):
            load("people/llada", "cpu", revision="v9")
    plain = load(str(sharded), "cpu")
    assert loaded.tokenizer is not None and plain.tokenizer is not None
    assert loaded.tokenizer.chat_template == plain.tokenizer.chat_template
    assert plain.revision == ""


def test_what_would_not_fit_is_refused_before_it_is_read(
    sharded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.loading.free_memory", lambda _: 20_000_000)
    with monkeypatch.context() as patch:
        patch.setattr("models.streaming.read_tensors", None)
        with pytest.raises(ModelError, match="needs .* as float32 .*what would fit: bfloat16 .*, or int8"):
            load(str(sharded), "cpu")
        with pytest.raises(
            ModelError, match="needs .* as bfloat16 .*what would fit: .*a canvas of at most [0-9,]+ tokens"
        ):
            load(str(sharded), "cpu", torch.bfloat16, longest=4000)
    assert load(str(sharded), "cpu", torch.bfloat16).precision == "bfloat16"


@pytest.mark.parametrize(("said", "words"), [
    ({"quant_method": "awq", "bits": 4}, "quant_method = 'awq' in .* is not supported; allowed: 'gptq'"),
    ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "quant_method = 'bitsandbytes'"),
    ("gptq", "quantization_config = 'gptq' in .* is not valid; allowed: an object"),
])  # fmt: skip
def test_other_quantisation_methods_are_refused_by_name(folder: Path, said: object, words: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": said}))
    with pytest.raises(ModelError, match=words):
        load(str(folder), device="cpu")


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
    ("quantize_config.json", "[", "is not JSON"), ("quantize_config.json", "[]", "allowed: an object"),
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


def shards(folder: Path, stray: bool = False, unlisted: bool = False, short: bool = False) -> str:
    """The folder's weights in two files; stray: the second has an old copy of a tensor of the first."""
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    half = len(names) // 2
    first, second = {n: weights[n] for n in names[:half]}, {n: weights[n] for n in names[half:]}
    where = dict.fromkeys(first, "model-1.safetensors") | dict.fromkeys(second, "model-2.safetensors")
    if stray:
        second[names[0]] = torch.zeros_like(weights[names[0]])
    if unlisted:
        del where[names[-1]]
    if short:
        del first[names[0]]
    save_file(first, folder / "model-1.safetensors")
    save_file(second, folder / "model-2.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    return names[-1] if unlisted else names[0]


@pytest.mark.parametrize(("how", "words"), [
    ("stray", "model-2.safetensors of .* has"), ("unlisted", "model-2.safetensors of .* has"),
    ("short", "model-1.safetensors of .* lacks"),
])  # fmt: skip
def test_f33_the_index_decides_which_shard_a_tensor_comes_from(folder: Path, how: str, words: str) -> None:
    tensor = shards(folder, **{how: True})
    with pytest.raises(ModelError, match=f"{words} {tensor}; allowed"):
        load(str(folder), device="cpu")


@pytest.mark.parametrize("file", ["../model.safetensors", "/model.safetensors", "weights.bin", ""])
def test_f33_an_index_names_files_beside_it(folder: Path, file: str) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {WTE: file}}))
    with pytest.raises(ModelError, match="is broken: model.safetensors.index.json names"):
        load(str(folder), device="cpu")


@pytest.mark.parametrize("base", [0, -1.0])
def test_a_base_of_rotations_that_gives_no_numbers(folder: Path, base: float) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"rope_theta": base}))
    with pytest.raises(ModelError, match="rope_theta = .*; allowed: a number above 0"):
        load(str(folder), "cpu")


@pytest.mark.parametrize("dtype", [torch.int8, torch.bool])
def test_a_weight_of_whole_numbers_is_refused(folder: Path, dtype: torch.dtype) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors[WTE] = torch.zeros_like(tensors[WTE], dtype=dtype)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ModelError, match=f"weight {WTE} in .* is stored as .*; wanted: floats"):
        load(str(folder), "cpu")


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cuda:0", "meta", "mps"])
def test_a_device_that_is_not_there_is_a_sentence(device: str) -> None:
    if device == "cuda:0" and torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ModelError, match="device = .*allowed: auto, cpu"):
        load("tiny-llada", device)
