"""Adapters in training: only they learn, and what is written is read by peft and by our own loader."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.adapters import TARGETS, apply_adapter, load_adapted
from models.checkpoint import ModelError
from models.llada import LLaDAModelLM
from models.loading import LoadedModel, load
from samplers.settings import SettingError
from tests.networks import VECTORS
from tests.random_adapter import write_adapter
from training.engine.settings import RunArguments
from training.prm.prm_model import new_reward
from training.shared.adapters import LoraSettings, adapter_off, attach, export_learned
from training.shared.answers import load_model

TINY = str(VECTORS / "tiny_llada")
BUNDLED = str(VECTORS.parents[1] / "assets" / "models" / "tiny-llada")
IDS = torch.arange(2, 40)[None]
LORA = LoraSettings(lora_r=4, lora_alpha=8, lora_dropout=0.0)


class Around(nn.Module):
    """A recipe's module: the network is one of its parts."""

    def __init__(self, model: LLaDAModelLM) -> None:
        super().__init__()
        self.model, self.other = model, nn.Linear(2, 2)


@torch.no_grad()
def logits(model: nn.Module) -> Tensor:
    found: Tensor = model.eval()(input_ids=IDS).logits
    return found


def random_adapter(model: nn.Module) -> None:
    """As after some training: the second halves begin at zero."""
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        if ".lora_" in name:
            parameter.data.normal_(0, 0.2, generator=generator)


@pytest.fixture
def loaded() -> LoadedModel:
    return load(TINY, device="cpu", dtype=torch.float32)


def test_only_the_adapters_of_the_blocks_learn(loaded: LoadedModel) -> None:
    model, before = loaded.model, logits(loaded.model)
    assert attach(model, LORA)
    assert type(model) is LLaDAModelLM
    assert torch.equal(logits(model), before)  # the second half begins at zero
    random_adapter(model)
    model.head(model.hidden(IDS)).square().mean().backward()
    learned = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    halves = {f"model.transformer.blocks.{block}.{target}.lora_{half}.default.weight"
              for block in range(3) for target in TARGETS for half in "AB"}  # fmt: skip
    assert learned == halves == {name for name, p in model.named_parameters() if p.requires_grad}


def test_named_targets_only_and_the_same_start_for_a_seed(loaded: LoadedModel) -> None:
    def start(seed: int) -> dict[str, Tensor]:
        model = load(TINY, device="cpu").model
        attach(model, replace(LORA, lora_targets="v_proj, q_proj", seed=seed))
        return {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}

    first, again, other = start(1), start(1), start(2)
    assert {name.split(".")[4] for name in first} == {"q_proj", "v_proj"}
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("targets", ["o_proj", "q_proj,gate_proj", ""])
def test_unknown_targets_are_named_with_the_known(targets: str) -> None:
    unknown = targets.rpartition(",")[2]
    with pytest.raises(SettingError, match=f"lora_targets = '{unknown}'.*attn_out, ff_proj, up_proj, ff_out"):
        LoraSettings(lora_targets=targets)


def test_without_rank_or_adapter_all_weights_learn(loaded: LoadedModel) -> None:
    assert not attach(loaded.model, LoraSettings())
    assert all(p.requires_grad for p in loaded.model.parameters())
    with pytest.raises(SettingError, match="quantize"):
        attach(loaded.model, LoraSettings(quantize="4bit"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_four_bits_without_a_gpu_are_a_sentence(loaded: LoadedModel) -> None:
    with pytest.raises(SettingError, match="quantize = '4bit'.*no where there is no CUDA device"):
        attach(loaded.model, replace(LORA, quantize="4bit"))


@pytest.mark.parametrize("targets", ["auto", "q_proj,ff_out"])
def test_an_exported_adapter_is_read_by_us_and_by_peft(
    loaded: LoadedModel, tmp_path: Path, targets: str
) -> None:
    from peft import PeftModel

    settings = replace(LORA, lora_targets=targets)
    attach(loaded.model, settings)
    random_adapter(loaded.model)
    before, wanted = logits(load(TINY, device="cpu").model), logits(loaded.model)
    export_learned(loaded, settings, tmp_path, Around(loaded.model).state_dict())
    assert {f.name for f in tmp_path.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # as in models.adapters
        theirs = PeftModel.from_pretrained(load(TINY, device="cpu").model, str(tmp_path))
    assert (wanted - before).abs().max() > 0.1
    torch.testing.assert_close(logits(theirs), wanted)
    merged = load_adapted(TINY, str(tmp_path), device="cpu").model
    torch.testing.assert_close(logits(merged), wanted, atol=1e-4, rtol=1e-4)


def test_going_on_from_a_saved_adapter(loaded: LoadedModel, tmp_path: Path) -> None:
    settings = replace(LORA, lora_targets="q_proj,up_proj")
    attach(loaded.model, settings)
    random_adapter(loaded.model)
    export_learned(loaded, settings, tmp_path / "first", Around(loaded.model).state_dict())
    again = replace(loaded, model=load(TINY, device="cpu").model)
    own = LoraSettings(lora_dropout=0.0)  # rank 0: the adapter's own
    assert attach(again.model, own, str(tmp_path / "first"))
    torch.testing.assert_close(logits(again.model), logits(loaded.model))
    export_learned(again, own, tmp_path / "second", Around(again.model).state_dict())
    first, second = ((tmp_path / n / "adapter_model.safetensors").read_bytes() for n in ("first", "second"))
    assert first == second
    names = {name for name, p in again.model.named_parameters() if p.requires_grad}
    assert len(names) == 2 * 2 * 3


@pytest.mark.parametrize(("settings", "words"), [
    (replace(LORA, lora_r=8), "lora_r = 8 .*allowed: 4 as in 'mine'"),
    (replace(LORA, lora_alpha=16), "lora_alpha = 16 .*allowed: 8"),
    (replace(LORA, lora_targets="v_proj"), "lora_targets = 'v_proj' .*q_proj"),
])  # fmt: skip
def test_settings_that_disagree_with_the_adapter_are_errors(
    loaded: LoadedModel, tmp_path: Path, settings: LoraSettings, words: str
) -> None:
    folder = write_adapter(tmp_path / "mine", TINY)
    with pytest.raises(SettingError, match=words):
        attach(loaded.model, settings, str(folder))


def test_adapters_that_cannot_be_trained_are_named(loaded: LoadedModel, tmp_path: Path) -> None:
    head = write_adapter(tmp_path / "head", TINY, r"model\.transformer\.ff_out")
    with pytest.raises(ModelError, match="model.transformer.ff_out of adapter 'head' cannot be trained"):
        attach(loaded.model, LoraSettings(), str(head))
    wider = write_adapter(tmp_path / "wider", BUNDLED)
    with pytest.raises(ModelError, match="blocks.3.q_proj of adapter 'wider'"):
        attach(loaded.model, LoraSettings(), str(wider))


def test_the_adapter_is_off_inside_and_learns_again_behind(loaded: LoadedModel) -> None:
    before = logits(loaded.model)
    attach(loaded.model, LORA)
    random_adapter(loaded.model)
    with torch.no_grad(), adapter_off(loaded.model):
        assert torch.equal(logits(loaded.model), before)
    assert not torch.equal(logits(loaded.model), before)
    loaded.model.hidden(IDS).sum().backward()
    assert all(p.grad is not None for n, p in loaded.model.named_parameters() if ".lora_" in n)
    with pytest.raises(ValueError, match="no adapter"), adapter_off(load(TINY, device="cpu").model):
        pass


def test_a_whole_model_is_written_when_all_learned(tmp_path: Path) -> None:
    loaded = load(BUNDLED, device="cpu", dtype=torch.float32)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in loaded.model.parameters():
            parameter.copy_((parameter + 0.01 * torch.randn_like(parameter)).bfloat16().float())
    export_learned(loaded, LoraSettings(), tmp_path, Around(loaded.model).state_dict())
    again = load(str(tmp_path), device="cpu", dtype=torch.float32)
    assert torch.equal(logits(again.model), logits(loaded.model))
    assert (again.mask_id, again.eos_id, again.eot_id) == (loaded.mask_id, loaded.eos_id, loaded.eot_id)
    assert again.tokenizer is not None and loaded.tokenizer is not None
    assert again.tokenizer.get_vocab() == loaded.tokenizer.get_vocab()
    assert again.tokenizer.chat_template == loaded.tokenizer.chat_template


def test_in_bf16_what_is_frozen_is_rounded_and_what_learns_is_not(loaded: LoadedModel) -> None:
    attach(loaded.model, replace(LORA, precision="bf16"))
    learned = {p.dtype for p in loaded.model.parameters() if p.requires_grad}
    frozen = {p.dtype for p in loaded.model.parameters() if not p.requires_grad}
    assert (learned, frozen) == ({torch.float32}, {torch.bfloat16})
    with torch.autocast("cpu", torch.bfloat16):
        loaded.model(IDS).logits.float().square().mean().backward()
    grads = [p.grad for n, p in loaded.model.named_parameters() if ".lora_B." in n]
    assert all(g is not None and bool(g.abs().sum() > 0) for g in grads)


def test_a_quantised_model_is_not_trained(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match="a model in nf4 cannot learn; allowed: the plain weights, with quan"
    ):
        attach(load(TINY, "cpu", quantization="nf4").model, LORA)
    said = {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}}
    config = json.loads((VECTORS / "tiny_llada" / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | said))
    (tmp_path / "tokenizer.json").write_text("{}")
    sentence = (
        r"is gptq 4-bit \(group 128\) and cannot learn; allowed: the plain checkpoint, with quantize = 4bit"
    )
    with pytest.raises(ModelError, match=sentence):
        load_model(RunArguments(model=str(tmp_path), data=()), LORA)
    with pytest.raises(ModelError, match=sentence):
        new_reward(str(tmp_path))


@pytest.mark.parametrize("quantization", ["int8", "nf4"])
def test_an_adapter_is_not_merged_into_a_quantised_model(quantization: str, tmp_path: Path) -> None:
    adapter = str(write_adapter(tmp_path / "adapter", TINY))
    sentence = f"cannot be merged into a {quantization} model's weights; allowed: a plain model; .* merge"
    with pytest.raises(ModelError, match=sentence):
        load_adapted(TINY, adapter, "cpu", quantization=quantization)
    with pytest.raises(ModelError, match=sentence):
        apply_adapter(load(TINY, "cpu", quantization=quantization), adapter)
