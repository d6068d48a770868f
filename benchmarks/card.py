"""What a device can do at most, measured on it, and what a pass through a network needs at least."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from models.llada import LLaDAModelLM


@dataclass(frozen=True)
class Card:
    """bandwidth: bytes a second that a copy reads and writes; peak: FLOP/s of a matrix product, both in the
    type of the weights."""

    name: str
    memory: int
    bandwidth: float
    peak: float

    def __str__(self) -> str:
        size = f", {self.memory / 2**30:.0f} GiB" if self.memory else ""
        return (
            f"{self.name}{size}: {self.bandwidth / 1e9:.0f} GB/s of a copy, "
            f"{self.peak / 1e12:.2f} TFLOP/s of a matrix product"
        )


def wait(device: torch.device) -> None:
    """Until the device has done what it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """The median, after two turns to warm up."""
    found = []
    for _ in range(repeats + 2):
        wait(device)
        began = time.perf_counter()
        work()
        wait(device)
        found.append(time.perf_counter() - began)
    return statistics.median(found[2:])


def measure_card(device: torch.device, dtype: torch.dtype) -> Card:
    """A copy of 1 GiB and a product of 8,192 x 8,192; on a CPU 64 MiB and 512 x 512."""
    on_gpu = device.type == "cuda"
    source = torch.empty(2**30 if on_gpu else 2**26, dtype=torch.uint8, device=device)
    target, side = torch.empty_like(source), 8192 if on_gpu else 512
    copy = seconds_of(lambda: target.copy_(source), device, 10)
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    product = seconds_of(lambda: left @ right, device, 10)
    name, memory = "CPU", 0
    if on_gpu:
        found = torch.cuda.get_device_properties(device)
        name, memory = found.name, found.total_memory
    return Card(name, memory, 2 * source.numel() / copy, 2 * side**3 / product)


@dataclass(frozen=True)
class PassShape:
    """rows x length tokens are evaluated, which attend to `positions` each; cells: logits that are made."""

    rows: int
    length: int
    positions: int
    cells: int


@dataclass(frozen=True)
class Cost:
    """What a pass through a network multiplies with and reads.

    products: weights of the blocks' linear layers; read: their bytes; head, head_read: those of the output
    head; layers, width, kept: blocks, width of a state, and bytes of keys and values of a position in all
    blocks.
    """

    products: int
    read: int
    head: int
    head_read: int
    layers: int
    width: int
    kept: int

    @classmethod
    def of(cls, model: LLaDAModelLM) -> Cost:
        """Of a network with plain or packed linear layers."""
        linear = [m for block in model.blocks for m in block.modules() if hasattr(m, "in_features")]
        head = model.get_output_embeddings()
        first = model.blocks[0]
        itemsize = model.dtype.itemsize
        return cls(
            products=sum(int(m.in_features) * int(m.out_features) for m in linear),  # type: ignore[arg-type]
            read=sum(bytes_of(m) for m in linear),
            head=model.config.d_model * model.config.embedding_size,
            head_read=bytes_of(head),
            layers=len(model.blocks),
            width=model.config.d_model,
            kept=2 * len(model.blocks) * first.n_kv_heads * first.head * itemsize,
        )

    def least_seconds(self, shape: PassShape, card: Card) -> float:
        """The longer of computing and reading, each at the measured most."""
        tokens = shape.rows * shape.length
        flops = 2 * tokens * self.products + 4 * tokens * shape.positions * self.width * self.layers
        flops += 2 * shape.cells * self.head
        read = self.read + self.head_read
        if shape.length < shape.positions:
            read += shape.rows * shape.positions * self.kept
        return max(flops / card.peak, read / card.bandwidth)


def bytes_of(module: nn.Module) -> int:
    """Bytes of parameters and buffers."""
    return sum(t.nbytes for t in (*module.parameters(), *module.buffers()))
