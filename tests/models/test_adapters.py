"""LoRA adapters: merged they do what peft does unmerged; a bad one is named before anything is decoded."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.adapters import CONFIG, WEIGHTS, adapter_digest, apply_adapter, load_adapted
from models.checkpoint import ModelError
from models.loading import load
from tests.networks import VECTORS
from tests.random_adapter import write_adapter

TINY = str(VECTORS / "tiny_llada")
BLOCKS = ["q_proj", "k_proj", "v_proj", "attn_out", "ff_proj", "up_proj"]
QUERY = "base_model.model.model.transformer.blocks.0.q_proj.lora_A.weight"
IDS = torch.arange(2, 40)[None]


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "mine", TINY, BLOCKS)


def unmerged(folder: Path) -> torch.Tensor:
    """The logits of the network with peft's own layers beside the weights."""
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        wrapped = PeftModel.from_pretrained(load(TINY, device="cpu").model, str(folder))
    with torch.no_grad():
        return wrapped(input_ids=IDS).logits


@pytest.mark.parametrize("how", [
    {}, {"use_rslora": True}, {"use_dora": True}, {"alpha_pattern": {"q_proj": 64}},
    {"rank_pattern": {"v_proj": 1}}, {"layers_to_transform": [1]},
])  # fmt: skip
def test_a_merged_network_answers_as_peft_does(tmp_path: Path, how: dict[str, Any]) -> None:
    folder = write_adapter(tmp_path / "mine", TINY, BLOCKS, **how)
    plain, merged = load(TINY, device="cpu"), load_adapted(TINY, str(folder), device="cpu")
    with torch.no_grad():
        before, after = plain.model(IDS).logits, merged.model(IDS).logits
    torch.testing.assert_close(after, unmerged(folder), atol=5e-4, rtol=1e-3)
    assert (before - after).abs().max() > 1
    assert merged.name == "tiny_llada + mine"
    assert set(merged.model.state_dict()) == set(plain.model.state_dict())


def test_the_blocks_ff_out_and_the_head_are_told_apart(tmp_path: Path) -> None:
    where = {"blocks": r".*blocks\.\d+\.ff_out", "head": r"model\.transformer\.ff_out"}
    before = load(TINY, device="cpu").model.state_dict()
    for name, pattern in where.items():
        folder = write_adapter(tmp_path / name, TINY, pattern)
        after = load_adapted(TINY, str(folder), device="cpu").model.state_dict()
        changed = {key for key in before if not torch.equal(before[key], after[key])}
        assert changed and all(key.endswith("ff_out.weight") for key in changed)
        assert ("model.transformer.ff_out.weight" in changed) == (name == "head")
        assert any("blocks" in key for key in changed) == (name == "blocks")


def test_bfloat16_weights_get_a_float32_product(adapter: Path) -> None:
    base = load(TINY, device="cpu", dtype=torch.bfloat16)
    layer = "model.transformer.blocks.0.q_proj"
    before = base.model.get_submodule(layer).weight.detach().float()
    files = load_file(adapter / WEIGHTS)
    pair = [files[f"base_model.model.{layer}.lora_{half}.weight"] for half in "AB"]
    wanted = (before + (pair[1] @ pair[0]) * (8 / 4)).bfloat16()
    merged = apply_adapter(base, str(adapter))
    assert torch.equal(merged.model.get_submodule(layer).weight, wanted) and merged.dtype == "bfloat16"


def test_the_digest_is_of_both_files(adapter: Path) -> None:
    first = adapter_digest(str(adapter))
    config = json.loads((adapter / CONFIG).read_text())
    (adapter / CONFIG).write_text(json.dumps(config | {"lora_alpha": 9}))
    assert len(first) == 64 and adapter_digest(str(adapter)) != first


@pytest.mark.parametrize(("change", "words"), [
    ({"peft_type": "IA3"}, "peft_type = 'IA3'"), ({"modules_to_save": ["wte"]}, "modules_to_save"),
    ({"init_lora_weights": "pissa"}, "'pissa'"), ({"target_modules": ["o_proj"]}, "'o_proj' .* is unknown"),
    ({"target_modules": ["ff_out"]}, "no weights for target_modules = 'ff_out'"),
    ({"alora_invocation_tokens": [1]}, "alora_invocation_tokens"),
    ({"fan_in_fan_out": True}, "fan_in_fan_out"),
    ({"r": 10**9}, "r = 1000000000 .* at most 4"), ({"r": 2}, r"shape \(4, "), ({"r": "4"}, "r = '4'"),
    ({"lora_alpha": None}, "lora_alpha = None"), ({"from_tomorrow": 1}, "from_tomorrow"),
    ({"rank_pattern": {"(a+)+": 3}}, "rank_pattern"), ({"alpha_pattern": 3}, "alpha_pattern"),
])  # fmt: skip
def test_a_configuration_that_cannot_be_merged_is_named(
    adapter: Path, change: dict[str, Any], words: str
) -> None:
    config = json.loads((adapter / CONFIG).read_text())
    (adapter / CONFIG).write_text(json.dumps(config | change))
    with pytest.raises(ModelError, match=words):
        load_adapted(TINY, str(adapter), device="cpu")


@pytest.mark.parametrize(("change", "words"), [
    ({QUERY: torch.ones(4, 7)}, r"q_proj.lora_A.weight in adapter 'mine' has shape \(4, 7\)"),
    ({QUERY: None}, "q_proj.lora_A.weight is missing"), ({"other": torch.ones(1)}, "tensor other"),
    ({QUERY.replace("blocks.0", "blocks.9"): torch.ones(4, 4)}, "blocks.9.q_proj .* not part of tiny_llada"),
])  # fmt: skip
def test_weights_that_do_not_fit_are_named(adapter: Path, change: dict[str, Any], words: str) -> None:
    found = load_file(adapter / WEIGHTS) | change
    save_file({key: tensor for key, tensor in found.items() if tensor is not None}, adapter / WEIGHTS)
    with pytest.raises(ModelError, match=words):
        load_adapted(TINY, str(adapter), device="cpu")


def test_weights_that_are_not_finite_are_named(adapter: Path) -> None:
    found = load_file(adapter / WEIGHTS)
    found[QUERY][0, 0] = float("nan")
    save_file(found, adapter / WEIGHTS)
    with pytest.raises(ModelError, match=r"blocks.0.q_proj infinite or NaN"):
        load_adapted(TINY, str(adapter), device="cpu")


def test_broken_and_missing_files_are_named(adapter: Path, tmp_path: Path) -> None:
    def refused(folder: Path, words: str) -> None:
        with pytest.raises(ModelError, match=words):
            load_adapted(TINY, str(folder), device="cpu")

    refused(tmp_path / "no", "is no folder")
    (adapter / WEIGHTS).write_bytes((adapter / WEIGHTS).read_bytes()[:-9])
    refused(adapter, "cannot be read")
    (adapter / WEIGHTS).rename(adapter / "adapter_model.bin")
    refused(adapter, "adapter_model.bin is a pickle, which is not read")
    (adapter / CONFIG).write_text("[")
    (adapter / WEIGHTS).touch()
    refused(adapter, "is not JSON")
    (adapter / CONFIG).write_text('["LORA"]')
    refused(adapter, "peft_type = None")


def test_the_bundled_adapter_fits_the_bundled_model_and_changes_little() -> None:
    base = load("assets/models/tiny-llada", device="cpu", dtype=torch.float32)
    adapted = load_adapted("assets/models/tiny-llada", "assets/models/tiny-llada-few-steps", "cpu")
    with torch.no_grad():
        before, after = (found.model(IDS).logits.log_softmax(-1) for found in (base, adapted))
    assert 1e-3 < float((before.exp() * (before - after)).sum(-1).mean()) < 0.5
