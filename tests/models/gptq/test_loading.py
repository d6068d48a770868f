"""A GPTQ checkpoint through our own code: packed and unpacked once, one file and shards, every layout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from llada_viz import decode
from models.adapters import apply_adapter
from models.checkpoint import ModelError
from models.gptq import find_layout
from models.gptq import loading as gptq_loading
from models.gptq.linear import QuantizedLinear
from models.loading import LoadedModel, load
from tests.checkpoints import linear_names, write_checkpoint
from tests.models.gptq.files import write_fields, write_gptq
from tests.random_adapter import write_adapter
from tests.second_device import OnDevice, SecondDevice, on_device

IDS = torch.arange(40).reshape(2, 20) + 5
LAYER = "model.transformer.blocks.1.ff_out"


def logits(loaded: LoadedModel) -> Tensor:
    with torch.no_grad():
        return loaded.model(IDS).logits.float()


def error(given: Tensor, wanted: Tensor) -> float:
    return float((given - wanted).detach().norm() / wanted.detach().norm())


LAYOUTS: list[dict[str, Any]] = [
    {},
    {"format": "gptq_v2"},
    {"bits": 8, "desc_act": False},
    {"bits": 3, "group_size": 64},
    {"bits": 2, "group_size": 32, "sym": True},
    {"group_size": -1, "desc_act": False, "sym": True},
]


@pytest.mark.parametrize("fields", LAYOUTS, ids=str)
def test_packed_and_unpacked_are_the_weights_that_were_rounded(
    fields: dict[str, Any], tmp_path: Path
) -> None:
    folder = write_gptq(tmp_path / "m", sharded=False, **fields)
    dense = load(str(folder), "cpu", quantization="dense")
    packed = load(str(folder), "cpu", quantization="packed")
    assert error(logits(packed), logits(dense)) < 1e-5
    original = load(str(write_checkpoint(tmp_path / "plain", sharded=False)), "cpu").model
    most = {8: 0.01, 4: 0.14, 3: 0.25, 2: 0.6}[fields.get("bits", 4)]
    for name in linear_names(2):
        weight = dense.model.get_submodule(name).get_parameter("weight")
        layer = packed.model.get_submodule(name)
        assert isinstance(layer, QuantizedLinear)
        assert error(weight, original.get_parameter(f"{name}.weight")) < most
        unordered = torch.empty_like(weight)
        order = layer.order if layer.order is not None else torch.arange(layer.in_features)
        unordered[:, order] = layer.weight_in_order(torch.float32).T
        assert torch.allclose(unordered, weight, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_shards_and_one_file_are_one_network_in_every_type(
    dtype: torch.dtype, public: Path, single: Path
) -> None:
    both = [load(str(folder), "cpu", dtype, quantization="packed") for folder in (public, single)]
    assert both[0].dtype == str(dtype).removeprefix("torch.")
    assert torch.equal(logits(both[0]), logits(both[1]))
    exact = logits(load(str(single), "cpu", quantization="dense"))
    rounding = {torch.float32: 1e-5, torch.float16: 0.01, torch.bfloat16: 0.03}
    assert error(logits(both[0]), exact) < rounding[dtype]


def test_it_says_how_it_is_stored_and_decodes(public: Path) -> None:
    loaded = load(str(public), "cpu", quantization="packed")
    assert loaded.precision == "gptq 4-bit (group 128)"
    assert decode(loaded, "2 + 3?", gen_length=8, block_length=8, steps=4).nfe == 4
    layers = [m for m in loaded.model.modules() if isinstance(m, QuantizedLinear)]
    assert len(layers) == 14 and "bits=4" in repr(layers[0])
    here = sum(b.numel() * b.element_size() for m in layers for b in m.buffers())
    plain = sum(m.in_features * m.out_features for m in layers) * 2
    assert here < plain / 3.5  # of 16 bits a weight


def test_no_forward_waits_for_a_gpu(single: Path) -> None:
    layer = load(str(single), "cpu", quantization="packed").model.get_submodule(LAYER)
    x = torch.randn(2, 3, 768, generator=torch.Generator().manual_seed(0))
    wanted = layer(x)
    on_device(layer)
    with SecondDevice() as device:
        out = layer(OnDevice(x))
    assert isinstance(out, OnDevice) and torch.equal(out.kept, wanted)
    assert device.reads == device.sends == 0


def test_where_there_is_memory_weights_are_unpacked_once(
    public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(str(public), "cpu")
    assert loaded.precision == "gptq 4-bit (group 128), unpacked once"
    assert all(isinstance(loaded.model.get_submodule(name), nn.Linear) for name in linear_names(2))
    monkeypatch.setattr(gptq_loading, "free_memory", lambda device: 25_000_000)
    assert load(str(public), "cpu").precision == "gptq 4-bit (group 128)"
    monkeypatch.setattr(gptq_loading, "free_memory", lambda device: 5_000_000)
    needs = r"needs \d+\.\d MB with packed weights, and 5\.0 MB are free on cpu; allowed: more memory"
    with pytest.raises(ModelError, match=needs):
        load(str(public), "cpu")
    monkeypatch.setattr(gptq_loading, "free_memory", lambda device: 16_000_000)
    with pytest.raises(
        ModelError, match=r"with dense weights.*allowed: more memory, or packed \(\d+\.\d MB\)"
    ):
        load(str(public), "cpu", quantization="dense")


def test_what_is_kept_was_predicted(public: Path) -> None:
    for route in ("packed", "dense"):
        model = load(str(public), "cpu", torch.bfloat16, quantization=route).model
        tensors = [*model.parameters(), *model.buffers()]
        kept = sum(t.numel() * t.element_size() for t in tensors)
        with torch.device("meta"):
            empty = type(model)(model.config).to(torch.bfloat16)
        data = json.loads((public / "config.json").read_text())
        layout = find_layout(str(public), data)
        assert layout is not None
        stored = gptq_loading.stored_tensors(str(public))
        layers = gptq_loading.place_stored_layers(str(public), empty, layout, stored)
        said = gptq_loading.kept_bytes(empty, layers, torch.bfloat16)
        assert said[route == "dense"] == kept
        assert gptq_loading.predicted_bytes(empty, layers, torch.bfloat16)[0] > said[0] + 256 * 768 * 2


def change(folder: Path, target: Path, key: str, tensor: Tensor | None) -> str:
    """A copy of a one-file checkpoint with another tensor in its place, or none."""
    shutil.copytree(folder, target)
    tensors = load_file(target / "model.safetensors")
    tensors.pop(key, None)
    save_file(tensors | ({key: tensor} if tensor is not None else {}), target / "model.safetensors")
    return str(target)


def test_a_bias_that_a_writer_added_is_added(single: Path, tmp_path: Path) -> None:
    """Some writers store one for every layer, zeros where there was none."""
    folder = change(single, tmp_path / "m", f"{LAYER}.bias", torch.linspace(-1, 1, 256).half())
    packed, dense = (load(folder, "cpu", quantization=route) for route in ("packed", "dense"))
    assert error(logits(packed), logits(dense)) < 1e-5
    assert error(logits(packed), logits(load(str(single), "cpu"))) > 0.1


BROKEN: list[tuple[str, Tensor | None, str]] = [
    (f"{LAYER}.g_idx", None, f"weight {LAYER}.g_idx is missing"),
    (f"{LAYER}.g_idx", torch.zeros(768, dtype=torch.int32), "of an order that we do not know"),
    (f"{LAYER}.g_idx", torch.full((768,), 99, dtype=torch.int32), "of an order that we do not know"),
    (f"{LAYER}.g_idx", torch.zeros(768), "g_idx of .* is float32; allowed: int32"),
    (f"{LAYER}.scales", torch.full((6, 256), torch.inf).half(), "scales of .* are not all finite"),
    (f"{LAYER}.scales", torch.ones(6, 256).int(), "is int32; allowed: float16, bfloat16, float32"),
    (f"{LAYER}.qzeros", torch.zeros(6, 256, dtype=torch.int32), r"has shape \(6, 256\); wanted: \(6, 32\)"),
    (f"{LAYER}.qweight", None, f"{LAYER}.weight is missing"),
    ("model.transformer.wte.qweight", torch.zeros(8, 8).int(), "belongs to no part of this network"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "tensor", "sentence"), BROKEN)
def test_broken_files_are_refused_by_name(
    key: str, tensor: Tensor | None, sentence: str, single: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=sentence):
        load(change(single, tmp_path / "m", key, tensor), "cpu", quantization="packed")


def test_settings_that_do_not_go_together(public: Path, sharded: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'nf4' for a GPTQ model; allowed: empty, packed, dense, gptqmodel"):
        load(str(public), "cpu", quantization="nf4")
    with pytest.raises(ModelError, match="device_map = 'auto' .* allowed: empty, it is gptq 4-bit"):
        load(str(public), "cpu", device_map="auto")
    with pytest.raises(ModelError, match="'packed' for .* allowed: empty, int8, nf4"):
        load(str(sharded), "cpu", quantization="packed")
    says_only = write_checkpoint(tmp_path / "plain", sharded=False)
    write_fields(says_only, {"bits": 4, "group_size": 128, "quant_method": "gptq"})
    with pytest.raises(ModelError, match="says it is gptq 4-bit .* no layer with a qweight"):
        load(str(says_only), "cpu")
    with pytest.raises(ModelError, match="group_size = 100 for the 256 inputs of .*q_proj"):
        load(str(write_gptq_fields(public, tmp_path / "odd", group_size=100)), "cpu")


def write_gptq_fields(folder: Path, target: Path, **fields: Any) -> Path:
    """A copy that says something else of itself."""
    shutil.copytree(folder, target)
    said = json.loads((target / "quantize_config.json").read_text()) | fields
    write_fields(target, said)
    return target


def test_an_adapter_is_not_merged_into_packed_weights(public: Path, sharded: Path, tmp_path: Path) -> None:
    loaded = load(str(public), "cpu", quantization="packed")
    with pytest.raises(ModelError, match=r"gptq 4-bit \(group 128\) model's weights; allowed: a plain model"):
        apply_adapter(loaded, str(write_adapter(tmp_path / "adapter", str(sharded))))
