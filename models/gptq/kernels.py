"""gptqmodel's kernels in our network, and the check that they compute what the weights say.

A kernel can be wrong in silence: in 7.6 one that is chosen for float32 on a CPU is 71 % off where zero points
are asymmetric (docs/log.md). So a kernel is named where we know which, and its output is compared.
"""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from models.checkpoint import ModelError
from models.gptq.linear import StoredLinear
from models.gptq.package import library
from models.llada import LLaDAModelLM

TOLERANCE = 0.02
"""Relative error that a kernel's output may have. Rounding to 16 bits makes 0.1 to 0.5 %."""
CHECKED_ROWS = 16


def use_kernels(network: LLaDAModelLM, layers: list[str], dtype: torch.dtype, longest: int) -> str:
    """Put a layer of gptqmodel in the place of each of these StoredLinear, in place; the name of its class.

    dtype: what they compute in, 16 bits. longest: the longest canvas in tokens, for which exllama keeps room.
    ModelError: no kernel serves these weights here, or one computes something else than they say.
    """
    found = library()
    first = stored_layer(network, layers[0])
    kind = choose_kernel(found, first, dtype)
    references: dict[tuple[int, int], tuple[str, Tensor, Tensor]] = {}
    try:
        for name in layers:
            stored = stored_layer(network, name)
            if (shape := (stored.in_features, stored.out_features)) not in references:
                references[shape] = (name, *reference(stored, dtype))
            network.set_submodule(name, kernel_layer(kind, stored, dtype, name))
        _finish(found, kind, network, first, longest)
        for name, x, wanted in references.values():
            check(name, network.get_submodule(name), x, wanted)
    except ModelError:
        raise
    except Exception as error:  # kernels are compiled here, each in its own way
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        raise ModelError(
            f"{kind.__name__} of gptqmodel does not run here ({reason}); allowed: quantization = packed"
        ) from None
    return str(kind.__name__)


def choose_kernel(found: SimpleNamespace, stored: StoredLinear, dtype: torch.dtype) -> Any:
    """The class of gptqmodel for such layers: on a CPU its plain torch one, on a GPU its own choice."""
    device, layout = stored.qweight.device, stored.layout
    try:
        return found.select(
            bits=layout.bits,
            group_size=layout.group_size,
            desc_act=layout.desc_act,
            sym=layout.sym,
            format=layout.format,
            quant_method="gptq",
            dtype=dtype,
            pack=False,
            device_map={"": str(device)},
            backend="gptq_torch" if device.type == "cpu" else "auto",
        )
    except Exception as error:  # each kernel has its own
        raise ModelError(
            f"gptqmodel has no kernel for {layout} on {device} ({error}); allowed: quantization = packed"
        ) from None


def kernel_layer(kind: Any, stored: StoredLinear, dtype: torch.dtype, name: str) -> Any:
    """A layer of this class with the tensors of `stored`, not yet ready to multiply."""
    layout = stored.layout
    layer = kind(
        bits=layout.bits,
        group_size=layout.group_size,
        desc_act=layout.desc_act,
        sym=layout.sym,
        in_features=stored.in_features,
        out_features=stored.out_features,
        bias=stored.bias is not None,
        pack_dtype=torch.int32,
        dtype=dtype,
        name=name,
        format=layout.format,
    )
    for key, tensor in stored.named_buffers():
        put(layer, key, tensor.to(dtype) if tensor.is_floating_point() else tensor)
    layer.to(stored.qweight.device)  # what it has beside them
    if layout.format == "gptq_v2":
        layer.qzero_format(format=2)
    if stored.qweight.device.type == "cpu":
        layer.optimized = True  # no torch.compile: it would need a C compiler
    return layer.eval()


def put(layer: nn.Module, key: str, tensor: Tensor) -> None:
    """Give a layer a tensor: some kernels of gptqmodel keep theirs as buffers, some as parameters."""
    if key in dict(layer.named_parameters(recurse=False)):
        setattr(layer, key, nn.Parameter(tensor, requires_grad=False))
    else:
        setattr(layer, key, tensor)


def _finish(
    found: SimpleNamespace, kind: Any, network: LLaDAModelLM, first: StoredLinear, longest: int
) -> None:
    """Bring zero points into the form that the kernels want, and let them set themselves up."""
    layout = first.layout
    for module in network.modules():
        if isinstance(module, kind) and kind.REQUIRES_FORMAT_V2 and layout.format == "gptq":
            found.to_format_2(module, bits=layout.bits, pack_dtype=torch.int32)
        set_longest(module, longest)
    found.post_init(network, use_act_order=layout.desc_act, max_input_length=longest)


def set_longest(module: Any, longest: int) -> None:
    """Let exllama keep room for canvases of so many tokens. gptqmodel 7.6 takes a `max_input_length` and
    passes it to AWQ layers alone, so those of GPTQ would keep room for 8 rows of 2,048 tokens (0.8 GB for
    LLaDA-8B). More rows are multiplied all the same: the kernel uses the room for unpacked weights alone."""
    room = getattr(type(module), "scratch_space_fixed", None)
    if room is not None and hasattr(module, "q_handle"):
        module.scratch_space_fixed = partial(room, module, max_input_len=longest, max_batch_size=1)


def reference(stored: StoredLinear, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Random inputs, Float[rows, inputs] as dtype, and what the weights make of them in float32."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(CHECKED_ROWS, stored.in_features, generator=generator).to(stored.qweight.device, dtype)
    wanted = x.float() @ stored.dequantized(torch.float32).T
    return x, wanted if stored.bias is None else wanted + stored.bias.float()


@torch.no_grad()
def check(name: str, layer: nn.Module, x: Tensor, wanted: Tensor) -> None:
    """ModelError unless a layer's output is within TOLERANCE of what its weights say."""
    given = layer(x).float()
    error = float((given - wanted).norm() / wanted.norm().clamp(min=1e-12))
    if not error <= TOLERANCE:  # NaN too
        raise ModelError(
            f"{type(layer).__name__} of gptqmodel is {error:.1%} off the weights of {name}; allowed: "
            f"{TOLERANCE:.0%}. quantization = packed uses our own"
        )


def stored_layer(network: LLaDAModelLM, name: str) -> StoredLinear:
    """The layer of that name, not yet replaced."""
    layer = network.get_submodule(name)
    assert isinstance(layer, StoredLinear)
    return layer
