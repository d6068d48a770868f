"""Linear layers in 8 bits (LLM.int8, 2208.07339) or 4 (NF4, 2305.14314), by bitsandbytes, as they are loaded.

Quantised: every linear layer of the blocks. Not: the embedding, the output head, and the norms (one number a
feature). A weight that is neither stays out of no list in silence: a matrix or a stack of matrices (the fused
experts of a mixture) that belongs to no linear layer is refused by name.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor, nn

from models.checkpoint import ModelError
from models.llada import LLaDAModelLM
from models.streaming import Keep

QUANTIZATIONS = ("", "int8", "nf4")
OUTLIER = 6.0
"""LLM.int8: features with a value beyond this are multiplied in 16 bits (the paper's choice)."""


def check_quantization(quantization: str) -> None:
    """ModelError: an unknown word, or bitsandbytes is not installed."""
    if quantization not in QUANTIZATIONS:
        allowed = "empty, int8, nf4; for a GPTQ model packed, dense, gptqmodel"
        raise ModelError(f"quantization = {quantization!r} is not known; allowed: {allowed}")
    if quantization:
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # a line a layer in every forward, else
        try:
            import bitsandbytes  # noqa: F401
        except ImportError:
            wanted = "empty, or install bitsandbytes"
            raise ModelError(f"quantization = {quantization!r}; allowed: {wanted}") from None


def linear_layers(name: str, model: nn.Module, head: nn.Module, quantization: str) -> list[str]:
    """The names of the layers to quantise: each nn.Linear but the head. ModelError names a weight of two or
    more dimensions that would stay as it is and is neither in an embedding nor in the head."""
    layers = [n for n, m in model.named_modules() if isinstance(m, nn.Linear) and m is not head]
    for key, weight in model.named_parameters():
        owner = model.get_submodule(key.rpartition(".")[0])
        stays = owner is head or isinstance(owner, nn.Embedding) or weight.ndim < 2
        if not stays and not (isinstance(owner, nn.Linear) and key.endswith(".weight")):
            what = f"weight {key} of {name!r}, shape {tuple(weight.shape)}, is no linear layer's"
            raise ModelError(f"quantization = {quantization!r}: {what}; allowed: empty for this model")
    return layers


def quantize(name: str, model: LLaDAModelLM, quantization: str, device: str, dtype: torch.dtype) -> Keep:
    """Replace the linear layers of a network on the meta device, in place, by empty quantised ones; how each
    tensor of the files becomes a weight of them. dtype: what they compute in."""
    head = model.get_output_embeddings()
    layers = linear_layers(name, model, head, quantization)
    for layer in layers:
        model.set_submodule(layer, _empty_layer(model.get_submodule(layer), quantization, dtype))
    model.quantized_as = quantization
    weights = {f"{layer}.weight" for layer in layers}

    def kept(key: str, tensor: Tensor) -> Tensor:
        if key in weights:
            return _packed(tensor.to(dtype, copy=True), quantization, device)
        return tensor.to(device, dtype, copy=True)

    return kept


def _empty_layer(plain: Any, quantization: str, dtype: torch.dtype) -> nn.Module:
    from bitsandbytes.nn import Linear4bit, Linear8bitLt

    sizes, bias = (plain.in_features, plain.out_features), plain.bias is not None
    if quantization == "nf4":
        layer = Linear4bit(*sizes, bias=bias, compute_dtype=dtype, quant_type="nf4", device="meta")
    else:
        layer = Linear8bitLt(*sizes, bias=bias, has_fp16_weights=False, threshold=OUTLIER, device="meta")
    return layer.eval()  # type: ignore[no-any-return]


def _packed(weight: Tensor, quantization: str, device: str) -> Tensor:
    """bitsandbytes packs a weight when it is moved to its device."""
    from bitsandbytes.nn import Int8Params, Params4bit

    if quantization == "nf4":
        return Params4bit(weight, requires_grad=False, quant_type="nf4").to(device)  # type: ignore[no-any-return]
    return Int8Params(weight, requires_grad=False, has_fp16_weights=False).to(device)  # type: ignore[no-any-return]
