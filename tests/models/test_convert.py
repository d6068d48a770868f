"""Checkpoints written anew: another type, other shards, out of GPTQ, with an adapter; never a half one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from llada_viz import command
from models.adapters import load_adapted
from models.checkpoint import INDEX, ModelError, read_weights
from models.convert import Conversion, convert
from models.inspection import inspect
from models.loading import load
from tests.checkpoints import write_checkpoint
from tests.models.gptq.files import write_gptq
from tests.random_adapter import write_adapter


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("plain") / "small")


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory, sharded: Path) -> Path:
    return write_adapter(tmp_path_factory.mktemp("adapters") / "mine", str(sharded), ("q_proj", "ff_proj"))


def run(*argv: str | Path) -> int:
    return command.main(["models", "convert", *map(str, argv)])


def test_another_type_in_other_shards(
    sharded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(sharded, "--out", out, "--dtype", "float32", "--shard-size", "2.5MB") == 0
    files = sorted(out.glob("*.safetensors"))
    assert len(files) > 2 and capsys.readouterr().out == f"{out}: 12.6 MB in {len(files)} files\n"
    assert all(len(load_file(f)) == 1 or f.stat().st_size < 2_500_000 + 4096 for f in files)
    before, after = (read_weights(str(folder), torch.float32) for folder in (sharded, out))
    assert before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)
    index = json.loads((out / INDEX).read_text())
    assert index["metadata"]["total_size"] == sum(4 * t.numel() for t in after.values())
    config = json.loads((out / "config.json").read_text())
    assert config["dtype"] == "float32" and not inspect(str(out)).wrong
    assert (out / "tokenizer.json").read_bytes() == (sharded / "tokenizer.json").read_bytes()


def test_one_file_as_it_is_stored(sharded: Path, tmp_path: Path) -> None:
    assert run(sharded, "--out", tmp_path / "out") == 0
    assert [f.name for f in (tmp_path / "out").glob("model*")] == ["model.safetensors"]
    before, after = (read_weights(str(f), torch.bfloat16) for f in (sharded, tmp_path / "out"))
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_an_adapter_is_merged_as_loading_merges_it(
    dtype: torch.dtype, sharded: Path, adapter: Path, tmp_path: Path
) -> None:
    name = str(dtype).removeprefix("torch.")
    assert run(sharded, "--out", tmp_path / "out", "--adapter", adapter, "--dtype", name) == 0
    wanted = load_adapted(str(sharded), str(adapter), "cpu", dtype).model.state_dict()
    found = load(str(tmp_path / "out"), "cpu", dtype).model.state_dict()
    plain = load(str(sharded), "cpu", dtype).model.state_dict()
    for key in wanted:
        torch.testing.assert_close(found[key], wanted[key], rtol=0, atol=1e-6)
    changed = {key for key in wanted if not torch.equal(found[key], plain[key])}
    assert {key.split(".")[-2] for key in changed} == {"q_proj", "ff_proj"} and len(changed) == 4


@pytest.mark.parametrize("fields", [{}, {"desc_act": False, "group_size": -1, "format": "gptq_v2"}])
def test_out_of_gptq(fields: dict[str, Any], tmp_path: Path) -> None:
    """Dense weights are those that loading unpacks, and the new folder says nothing of GPTQ."""
    packed = write_gptq(tmp_path / "packed", **fields)
    assert run(packed, "--out", tmp_path / "out", "--dtype", "float32") == 0
    wanted = load(str(packed), "cpu", torch.float32, quantization="dense").model.state_dict()
    found = load(str(tmp_path / "out"), "cpu", torch.float32)
    assert found.precision == "float32"
    for key, weight in found.model.state_dict().items():
        assert torch.equal(weight, wanted[key]), key
    assert "quantization_config" not in json.loads((tmp_path / "out" / "config.json").read_text())
    assert not list((tmp_path / "out").glob("quant*"))


def refused(capsys: pytest.CaptureFixture[str], out: Path, *argv: str | Path) -> str:
    """The sentence of a conversion that fails, which leaves nothing behind."""
    with pytest.raises(SystemExit) as ended:
        run(*argv, "--out", out)
    assert ended.value.code == 2 and not list(out.parent.glob(f"{out.name}*"))
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said.splitlines()[-1]


def test_what_cannot_be_converted(
    sharded: Path, adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    cut = tmp_path / "cut"
    shutil.copytree(sharded, cut)
    shard = sorted(cut.glob("*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes()[:-5])
    large = tmp_path / "large"
    shutil.copytree(sharded, large)
    shard = sorted(large.glob("*.safetensors"))[0]
    tensors = load_file(shard)
    first = next(iter(tensors))
    save_file(tensors | {first: tensors[first] + 1e6}, shard)
    assert "half-downloaded or cut off" in refused(capsys, out, cut)
    assert "does not hold; allowed: a wider dtype" in refused(capsys, out, large, "--dtype", "float16")
    assert "is no weight of" in refused(capsys, out, "tiny-llada", "--adapter", _deeper(adapter, tmp_path))
    assert "ff_proj of adapter 'mine' is" in refused(capsys, out, _narrow(tmp_path), "--adapter", adapter)
    assert "nor a folder, nor a hub id" in refused(capsys, out, tmp_path / "nothing")
    assert "'5 parsecs' is no size" in refused(capsys, out, sharded, "--shard-size", "5 parsecs")
    with pytest.raises(SystemExit):
        run(sharded, "--out", sharded)
    assert "exists; allowed: a new folder" in capsys.readouterr().err


def _deeper(adapter: Path, tmp_path: Path) -> Path:
    """The adapter for a ninth layer."""
    folder = tmp_path / "deeper"
    shutil.copytree(adapter, folder)
    file = folder / "adapter_model.safetensors"
    save_file({key.replace("blocks.1.", "blocks.8."): t for key, t in load_file(file).items()}, file)
    return folder


def _narrow(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "narrow", d_model=128, n_heads=2, n_kv_heads=2, tokenizer=False)


def test_conversions_that_are_none(tmp_path: Path) -> None:
    for wrong in ({"dtype": "int3"}, {"shard_bytes": 0}):
        with pytest.raises(ModelError, match="allowed: "):
            Conversion(**wrong)  # type: ignore[arg-type]


def test_progress_counts_every_tensor(sharded: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    convert(str(sharded), tmp_path, Conversion(), progress=lambda *at: seen.append(at))
    assert seen == [(n, len(seen)) for n in range(1, len(seen) + 1)] and len(seen) == 21
