"""A LLaDA network from a GPTQ checkpoint.

The network is our own class, so no remote code runs; only its linear layers are others. By one of three
routes: `packed`, where weights are unpacked in every forward; `dense`, where they are unpacked once;
`gptqmodel`, where its kernels multiply.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from models.checkpoint import ModelError, StoredTensor, read_tensors, stored_tensors
from models.config import LLaDAConfig
from models.gptq.kernels import stored_layer, use_kernels
from models.gptq.layout import Layout
from models.gptq.linear import QuantizedLinear, StoredLinear, unpacked
from models.llada import LLaDAModelLM
from models.memory import Use, free_memory, gigabytes, predict
from models.streaming import check_fits, set_weight

ROUTES = ("packed", "dense", "gptqmodel")
INTEGERS = ("qweight", "qzeros", "g_idx")
DENSE_SHARE = 0.7
"""On a CPU weights are unpacked once where that needs at most this share of the free memory."""


def load_gptq(
    name: str,
    config: LLaDAConfig,
    layout: Layout,
    device: str,
    dtype: torch.dtype,
    longest: int = 0,
    *,
    route: str = "",
    revision: str = "",
) -> LLaDAModelLM:
    """The network of a GPTQ folder or hub id; its `quantized_as` says how it was loaded.

    longest: the longest canvas in tokens, 0 for the network's own limit. route: one of ROUTES; "": gptqmodel
    on a GPU where it is installed and dtype has 16 bits; dense on a CPU where there is memory; else packed.
    ModelError: files that do not fit the network or the layout, too little memory, or a kernel of gptqmodel
    that computes something else than the weights say.
    """
    stored = stored_tensors(name, revision)
    if config.n_layers > len(stored):  # checked before that many layers are made
        raise ModelError(f"{name}: n_layers = {config.n_layers}; allowed: as many as there are weights for")
    with torch.device("meta"):
        network = LLaDAModelLM(config)
    network.to(dtype)
    layers = place_stored_layers(name, network, layout, stored)
    needs = predicted_bytes(network, layers, dtype, longest)
    route = choose_route(name, needs, device, dtype, route)
    fill(name, network, stored, device, dtype)
    kernel = ""
    if route == "gptqmodel":
        kernel = use_kernels(network, layers, dtype, longest or config.max_sequence_length)
    else:
        for key in layers:
            layer = stored_layer(network, key)
            network.set_submodule(
                key, QuantizedLinear(layer) if route == "packed" else unpacked(layer, dtype)
            )
    how = {"packed": "", "dense": ", unpacked once", "gptqmodel": f", {kernel}"}[route]
    network.quantized_as = f"{layout}{how}"
    network.eval()
    return network


def place_stored_layers(
    name: str, network: LLaDAModelLM, layout: Layout, stored: Mapping[str, StoredTensor]
) -> list[str]:
    """Put a StoredLinear in the place of each linear layer that the files have packed; their names.

    ModelError: nothing is packed, or tensors are missing, left over or of another shape.
    """
    layers = [
        key
        for key, module in network.named_modules()
        if isinstance(module, nn.Linear) and f"{key}.qweight" in stored
    ]
    if not layers:
        raise ModelError(f"model = {name!r} says it is {layout}, and has no layer with a qweight")
    for key in layers:
        plain = network.get_submodule(key)
        assert isinstance(plain, nn.Linear)
        bias = f"{key}.bias" in stored
        layer = StoredLinear(key, plain.in_features, plain.out_features, layout, bias)
        if not layout.desc_act and f"{key}.g_idx" not in stored:
            layer.leave_in_order()
        network.set_submodule(key, layer)
    check_fits(name, network, stored)
    return layers


def choose_route(name: str, needs: tuple[int, int], device: str, dtype: torch.dtype, route: str) -> str:
    """The route asked for, or the one that serves this device. needs: from `predicted_bytes`. ModelError: it
    cannot be taken here."""
    if route not in ("", *ROUTES):
        raise ModelError(f"quantization = {route!r} for a GPTQ model; allowed: empty, {', '.join(ROUTES)}")
    on_gpu, installed = torch.device(device).type == "cuda", find_spec("gptqmodel") is not None
    if route == "gptqmodel" and not installed:
        raise ModelError("quantization = 'gptqmodel' needs the extra gptq; allowed without it: packed, dense")
    if route == "gptqmodel" and dtype.itemsize != 2:
        raise ModelError("quantization = 'gptqmodel' computes in 16 bits; allowed: dtype = float16, bfloat16")
    if not route and on_gpu and installed and dtype.itemsize == 2:
        route = "gptqmodel"
    free = free_memory(device)
    packed, dense = needs
    if not route:
        route = "dense" if not on_gpu and dense <= DENSE_SHARE * free else "packed"
    needed = dense if route == "dense" else packed
    if needed > free:
        instead = f", or packed ({gigabytes(packed)})" if route == "dense" and packed < dense else ""
        asks = f"model = {name!r} needs {gigabytes(needed)} with {route} weights"
        raise ModelError(f"{asks}, and {gigabytes(free)} are free on {device}; allowed: more memory{instead}")
    return route


def predicted_bytes(
    network: LLaDAModelLM, layers: list[str], dtype: torch.dtype, longest: int = 0
) -> tuple[int, int]:
    """Memory to decode with (packed, dense) weights: they, beside them one layer unpacked for a moment, and
    the activations of a canvas of `longest` tokens.

    network: on the meta device, with a StoredLinear for each of these layers.
    """
    length = longest or min(Use.length, network.config.max_sequence_length)
    beside = predict(network.config, str(dtype).removeprefix("torch."), Use(length=length)).activations
    sizes = [
        stored_layer(network, key).in_features * stored_layer(network, key).out_features for key in layers
    ]
    beside += max(sizes) * dtype.itemsize
    packed, dense = kept_bytes(network, layers, dtype)
    return packed + beside, dense + beside


def kept_bytes(network: LLaDAModelLM, layers: list[str], dtype: torch.dtype) -> tuple[int, int]:
    """Memory of the (packed, dense) weights alone, as in `predicted_bytes`."""
    packed = dense = sum(p.numel() * p.element_size() for p in network.parameters())
    for key in layers:
        layer = stored_layer(network, key)
        packed += layer.packed_bytes()
        dense += layer.in_features * layer.out_features * dtype.itemsize
    return packed, dense


def fill(
    name: str, network: LLaDAModelLM, stored: Mapping[str, StoredTensor], device: str, dtype: torch.dtype
) -> None:
    """Stream every tensor of the files into its place on the device: floats as dtype, scales as float16 or
    float32 (they are few), packed words as they are. ModelError: tensors that cannot be unpacked."""
    for key, tensor in read_tensors(name, stored):
        owner, _, leaf = key.rpartition(".")
        module = network.get_submodule(owner)
        if not isinstance(module, StoredLinear):
            set_weight(network, key, tensor.to(device, dtype, copy=True))
        elif leaf in INTEGERS and tensor.dtype != torch.int32:
            raise ModelError(f"{key} of {name!r} is {_short(tensor)}; allowed: int32")
        elif leaf not in INTEGERS and not tensor.is_floating_point():
            raise ModelError(f"{key} of {name!r} is {_short(tensor)}; allowed: float16, bfloat16, float32")
        else:
            setattr(module, leaf, tensor.to(device, copy=True))
    for module in network.modules():
        if isinstance(module, StoredLinear):
            module.check(device)


def _short(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
