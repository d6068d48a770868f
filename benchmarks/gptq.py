"""Packed weights against unpacked ones: one block of LLaDA-8B's shape with random numbers, on a CPU or a GPU.

`python -m benchmarks.gptq [--device cpu] [--dtype float32] [--lengths 1 32 256] [--threads 1]`

Group 128, asymmetric, act-order. For each length (one row), the median time of a pass with ordinary linear
layers and with packed ones, by turns; what unpacking alone takes; and what the check of a kernel takes, with
our own unpacking in the kernel's place. Prints one line of JSON a length. On a CPU
times are the processor's, so other work on the machine matters less.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.config import LLaDAConfig
from models.gptq.kernels import check, reference
from models.gptq.layout import Layout
from models.gptq.linear import QuantizedLinear, StoredLinear, unpacked
from models.llada import Block

LAYOUT = Layout(bits=4, group_size=128, desc_act=True, sym=False)
REPEATS = 5


def seconds(device: str, work: Callable[[], object]) -> float:
    """How long a call takes: of the processor on a CPU; else to the end of what it started."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    begin = clock()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return clock() - begin


def random_stored(layer: nn.Linear, device: str, generator: torch.Generator) -> StoredLinear:
    """Random numbers in the layer's shape."""
    stored = StoredLinear("layer", layer.in_features, layer.out_features, LAYOUT)
    for key in ("qweight", "qzeros"):
        words = torch.randint(-(2**31), 2**31, getattr(stored, key).shape, generator=generator)
        setattr(stored, key, words.int().to(device))
    stored.scales = torch.full(stored.scales.shape, 0.002, dtype=torch.float16, device=device)
    order = torch.randperm(layer.in_features, generator=generator)
    stored.g_idx = (order // stored.group).int().to(device)
    return stored


def blocks(device: str, dtype: torch.dtype) -> tuple[Block, Block, list[StoredLinear]]:
    """(with ordinary layers, with packed ones, what both were made from)."""
    config = LLaDAConfig(d_model=4096, n_heads=32, mlp_hidden_size=12288)
    generator, made = torch.Generator().manual_seed(0), []
    with torch.device("meta"):
        dense, packed = Block(config), Block(config)
    for block in (dense, packed):
        for norm in (block.attn_norm, block.ff_norm):
            norm.weight = nn.Parameter(torch.ones(4096, dtype=dtype, device=device))
    for name, layer in list(dense.named_modules()):
        if isinstance(layer, nn.Linear):
            stored = random_stored(layer, device, generator)
            made.append(stored)
            dense.set_submodule(name, unpacked(stored, dtype))
            packed.set_submodule(name, QuantizedLinear(stored))
    return dense, packed, made


@torch.no_grad()
def measure(device: str, dtype: torch.dtype, lengths: list[int]) -> None:
    """Print the lines."""
    dense, packed, made = blocks(device, dtype)
    layers = [m for m in packed.modules() if isinstance(m, QuantizedLinear)]
    unpacking = [seconds(device, lambda: [m.weight_in_order(dtype) for m in layers]) for _ in range(REPEATS)]
    checking = seconds(
        device, lambda: [check("layer", unpacked(s, dtype), *reference(s, dtype)) for s in made]
    )
    kept = sum(b.numel() * b.element_size() for m in layers for b in m.buffers())
    weights = sum(m.in_features * m.out_features for m in layers)
    say(
        unpacking_s=round(statistics.median(unpacking), 4),
        check_7_layers_s=round(checking, 2),
        bits_a_weight=round(8 * kept / weights, 2),
    )
    for length in lengths:
        x = torch.randn(1, length, 4096, device=device).to(dtype)
        turn = torch.ones(1, 1, length, 128, device=device), torch.zeros(1, 1, length, 128, device=device)

        def run(block: Block, x: Tensor = x, turn: tuple[Tensor, Tensor] = turn) -> Tensor:
            return block(x, *turn, None)

        difference = float((run(packed) - run(dense)).float().norm() / run(dense).float().norm())
        times = [
            (seconds(device, lambda: run(dense)), seconds(device, lambda: run(packed)))
            for _ in range(REPEATS)
        ]
        plain, ours = (statistics.median(column) for column in zip(*times, strict=True))
        ratio = round(ours / plain, 2)
        say(length=length, dense_s=plain, packed_s=ours, ratio=ratio, difference=difference)


def say(**figures: float) -> None:
    """A line of JSON."""
    print(json.dumps(figures), flush=True)


def main() -> None:
    """Read the flags and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--lengths", type=int, nargs="+", default=[1, 32, 256])
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    measure(args.device, getattr(torch, args.dtype), args.lengths)


if __name__ == "__main__":
    main()
