"""Linear layers in 8 and 4 bits, by bitsandbytes, which has kernels for a CPU too."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from torch import Tensor, nn

from llada_viz import decode
from models.checkpoint import ModelError
from models.loading import load
from models.quantized import linear_layers
from samplers.network import ModelNetwork
from tests.checkpoints import linear_names

LINEAR = list(linear_names(2))
IDS = torch.arange(40).reshape(2, 20)


def error(found: Tensor, wanted: Tensor) -> float:
    found, wanted = found.detach(), wanted.detach()
    return float((found.float() - wanted.float()).norm() / wanted.float().norm())


def unpacked(layer: Any) -> Tensor:
    """The weights that a quantised layer stands for."""
    if isinstance(layer, Linear4bit):
        return dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    weights: Tensor = layer.weight.CB.float() * layer.weight.SCB[:, None] / 127
    return weights


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("quantization", "each", "whole"), [("int8", 0.01, 0.06), ("nf4", 0.11, 0.05)])
def test_a_quantised_network_is_the_network_of_its_unpacked_weights(
    quantization: str, each: float, whole: float, dtype: torch.dtype, sharded: Path
) -> None:
    loaded = load(str(sharded), "cpu", dtype, quantization=quantization)
    assert loaded.precision == quantization and loaded.dtype == str(dtype).removeprefix("torch.")
    plain = load(str(sharded), "cpu", dtype).model
    for key, weight in loaded.model.named_parameters():
        if not key.endswith(tuple(f"{name}.weight" for name in LINEAR)):
            assert torch.equal(weight, plain.get_parameter(key))
    for name in LINEAR:
        weight = unpacked(loaded.model.get_submodule(name)).to(dtype)
        assert 1e-3 < error(weight, plain.get_parameter(f"{name}.weight")) < each
        plain.get_parameter(f"{name}.weight").data = weight
    with torch.no_grad():
        assert error(loaded.model(IDS).logits, plain(IDS).logits) < max(
            whole, 0.05 * (dtype != torch.float32)
        )
    assert decode(loaded, "2 + 3?", gen_length=8, block_length=8, steps=4).nfe == 4


def test_the_embedding_the_head_and_the_norms_stay_as_they_are(sharded: Path) -> None:
    model = load(str(sharded), "cpu", quantization="nf4").model
    plain = [n for n, p in model.named_parameters() if p.dtype == torch.float32]
    assert ModelNetwork(model).describe()["precision"] == "nf4"
    assert len(plain) == 2 + 2 * 2 + 1 and "model.transformer.ff_out.weight" in plain


class Experts(nn.Module):
    """A block whose experts are one fused tensor, as mixtures are published."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(8, 4)
        self.experts = nn.Parameter(torch.zeros(4, 8, 8))
        self.head = nn.Linear(8, 16)


def test_no_weight_is_skipped_in_silence() -> None:
    model = Experts()
    with pytest.raises(ModelError, match=r"'nf4': weight experts of 'moe', shape \(4, 8, 8\), is no linear"):
        linear_layers("moe", model, model.head, "nf4")
    model.experts = nn.Parameter(torch.zeros(8))
    assert linear_layers("moe", model, model.head, "nf4") == ["gate"]
    model.experts = nn.Parameter(torch.zeros(8, 8))
    with pytest.raises(ModelError, match="weight experts"):
        linear_layers("moe", model, model.head, "int8")


def test_an_unknown_word_and_a_missing_package_are_sentences(
    sharded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match="quantization = 'fp4' is not known; allowed: empty, int8, nf4"):
        load(str(sharded), "cpu", quantization="fp4")
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ModelError, match="'nf4'; allowed: empty, or install bitsandbytes"):
        load(str(sharded), "cpu", quantization="nf4")
