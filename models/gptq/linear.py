"""Linear layers of packed weights: as a file stores them, and as we decode with them.

`StoredLinear` is what is read from a file. It becomes one of three: `QuantizedLinear` (stays packed, unpacked
in every forward), an ordinary `nn.Linear` (unpacked once), or a layer of gptqmodel (models.gptq.kernels).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from models.checkpoint import ModelError
from models.gptq.layout import Layout
from models.gptq.packing import WORD, dequantize, unpack, zero_points

OUTPUTS_AT_ONCE = 1024
"""So many outputs of a layer are unpacked at a time when it is loaded: bounds the memory beside it."""
OUTPUTS_IN_CACHE = 512
"""So many in a forward on a CPU: their weights stay in its cache, and their memory is used again."""
ALL = slice(None)


class StoredLinear(nn.Module):
    """The tensors of one layer as a GPTQ file has them (models.gptq.packing), without a forward."""

    qweight: Tensor
    qzeros: Tensor
    scales: Tensor
    g_idx: Tensor
    bias: Tensor | None

    def __init__(self, name: str, inputs: int, outputs: int, layout: Layout, bias: bool = False) -> None:
        """name: of the layer, for messages. Its tensors are on the meta device until they are read.

        ModelError: groups that we do not unpack.
        """
        super().__init__()
        self.name, self.in_features, self.out_features, self.layout = name, inputs, outputs, layout
        self.group = inputs if layout.group_size == -1 else layout.group_size
        if inputs % self.group or self.group % 8:
            allowed = "-1, or a multiple of 8 that divides them"
            raise ModelError(
                f"group_size = {self.group} for the {inputs} inputs of {name}; allowed: {allowed}"
            )
        groups, bits = inputs // self.group, layout.bits
        shapes = {
            "qweight": (-(-inputs * bits // WORD), outputs),
            "qzeros": (groups, -(-outputs * bits // WORD)),
            "scales": (groups, outputs),
            "g_idx": (inputs,),
        } | ({"bias": (outputs,)} if bias else {})
        self.register_buffer("bias", None)
        for key, shape in shapes.items():
            dtype = torch.float16 if key in ("scales", "bias") else torch.int32
            self.register_buffer(key, torch.empty(shape, dtype=dtype, device="meta"))

    def leave_in_order(self) -> None:
        """Expect no g_idx in the files: inputs are in the order of their groups."""
        del self.g_idx

    def packed_bytes(self) -> int:
        """Memory of the layer as a QuantizedLinear."""
        width = 4 if self.layout.bits == 3 else self.layout.bits
        groups = self.in_features // self.group
        order = 8 * self.in_features if self.layout.desc_act else 0
        return self.in_features * self.out_features * width // 8 + 3 * groups * self.out_features + order

    def check(self, device: str) -> None:
        """ModelError unless the tensors that were read, on this device, can be unpacked."""
        in_order = torch.arange(self.in_features, device=device, dtype=torch.int32) // self.group
        if not hasattr(self, "g_idx"):
            self.register_buffer("g_idx", in_order)
        if not torch.equal(self.g_idx.sort().values, in_order):
            allowed = f"each group for {self.group} inputs"
            raise ModelError(f"g_idx of {self.name} is of an order that we do not know; allowed: {allowed}")
        if not self.scales.isfinite().all():
            raise ModelError(f"scales of {self.name} are not all finite; allowed: numbers")

    def zeros(self) -> Tensor:
        """The zero points, UInt8[groups, outputs]."""
        return zero_points(self.qzeros, self.layout.bits, self.out_features, self.layout.format)

    def columns(self) -> Iterator[slice]:
        """The outputs, some at a time."""
        for start in range(0, self.out_features, OUTPUTS_AT_ONCE):
            yield slice(start, start + OUTPUTS_AT_ONCE)

    def dequantized(self, dtype: torch.dtype) -> Tensor:
        """The layer's weights, Float[outputs, inputs]; computed in float32."""
        weight = torch.empty(self.out_features, self.in_features, dtype=dtype, device=self.qweight.device)
        zeros, scales, g_idx = self.zeros(), self.scales.float(), self.g_idx.long()
        for some in self.columns():
            part = dequantize(self.qweight[:, some], zeros[:, some], scales[:, some], g_idx, self.layout.bits)
            weight[some] = part.T
        return weight


class QuantizedLinear(nn.Module):
    """x W + b with W packed: unpacked in every forward, in the input's type, and let go.

    Inputs are put in the order of their groups once, so that scales and zero points are spread over a group
    instead of being looked up for each input. Memory: the packed numbers (3 bits take the room of 4), zero
    points and scales; and in a forward, in the input's type, one layer's weights on a GPU, those of some
    outputs on a CPU. No step waits for the device.
    """

    numbers: Tensor
    zeros: Tensor
    scales: Tensor
    order: Tensor | None
    bias: Tensor | None

    def __init__(self, stored: StoredLinear) -> None:
        """The same layer as `stored`, on the same device."""
        super().__init__()
        self.in_features, self.out_features, self.group = (
            stored.in_features,
            stored.out_features,
            stored.group,
        )
        self.width = 4 if stored.layout.bits == 3 else stored.layout.bits  # bits that a number takes here
        self.per_byte = 8 // self.width
        order = stored.g_idx.sort(stable=True).indices
        in_order = torch.equal(order, torch.arange(len(order), device=order.device))
        numbers = torch.empty(
            self.in_features // self.per_byte, self.out_features, dtype=torch.uint8, device=order.device
        )
        for some in stored.columns():
            numbers[:, some] = self._bytes(
                unpack(stored.qweight[:, some], stored.layout.bits, len(order))[order]
            )
        self.register_buffer("numbers", numbers)
        self.register_buffer("zeros", stored.zeros().contiguous())
        self.register_buffer("scales", stored.scales)
        self.register_buffer("order", None if in_order else order)
        self.register_buffer("bias", stored.bias)

    def _bytes(self, numbers: Tensor) -> Tensor:
        """UInt8[inputs / per_byte, outputs]: neighbours in one byte, the first in its lowest bits."""
        places = numbers.view(-1, self.per_byte, numbers.shape[1])
        shifts = torch.arange(0, 8, self.width, dtype=torch.uint8, device=numbers.device)
        return (places << shifts[:, None]).sum(1, dtype=torch.uint8)

    def weight_in_order(self, dtype: torch.dtype, some: slice = ALL) -> Tensor:
        """Float[inputs, some outputs], inputs in the order of their groups."""
        packed = self.numbers[:, some]
        weight = torch.empty(self.in_features, packed.shape[1], dtype=dtype, device=packed.device)
        places = weight.view(-1, self.per_byte, packed.shape[1])
        for place in range(self.per_byte):
            lowest = packed >> (place * self.width) if place else packed
            places[:, place] = lowest & (2**self.width - 1) if place + 1 < self.per_byte else lowest
        zeros, scales = self.zeros[:, some].to(dtype), self.scales[:, some].to(dtype)
        weight.view(len(zeros), self.group, -1).sub_(zeros[:, None]).mul_(scales[:, None])
        return weight

    def forward(self, x: Tensor) -> Tensor:
        """Float[…, outputs] of Float[…, inputs]."""
        ordered = x if self.order is None else x.index_select(-1, self.order)
        if x.is_cuda:
            out = ordered @ self.weight_in_order(x.dtype)
        else:
            starts = range(0, self.out_features, OUTPUTS_IN_CACHE)
            parts = (slice(start, start + OUTPUTS_IN_CACHE) for start in starts)
            out = torch.cat([ordered @ self.weight_in_order(x.dtype, part) for part in parts], -1)
        return out if self.bias is None else out + self.bias.to(x.dtype)

    def extra_repr(self) -> str:
        """For a print of the network."""
        return f"{self.in_features}, {self.out_features}, bits={self.width}, group={self.group}"


def unpacked(stored: StoredLinear, dtype: torch.dtype) -> nn.Linear:
    """The same layer with ordinary weights."""
    linear = nn.Linear(stored.in_features, stored.out_features, stored.bias is not None, device="meta")
    linear.weight = nn.Parameter(stored.dequantized(dtype))
    if stored.bias is not None:
        linear.bias = nn.Parameter(stored.bias.to(dtype))
    return linear
