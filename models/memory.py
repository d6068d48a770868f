"""How much memory a model takes, said before it is loaded; and how much there is.

Weights are counted from the shape. Activations are the largest sum of tensors that are alive at one moment of
a pass of models.llada, or of the logits behind it; a test counts them. Nothing is added for what CUDA and the
allocator keep for themselves.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import ModelError
from models.shape import Matrix, Shape, shape_of

PRECISIONS = ("float32", "bfloat16", "float16", "int8", "nf4", "gptq-4")
FULL = {"float32": 4, "bfloat16": 2, "float16": 2}
NF4_BLOCK = 64  # weights that share a scale
DRAW_BYTES = 64 * 2**20  # float64 probabilities are drawn from in pieces of this size (samplers/drawing.py)


@dataclass(frozen=True)
class Memory:
    """Bytes."""

    weights: int
    cache: int = 0
    activations: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.activations


@dataclass(frozen=True)
class Use:
    """What a model is used for. rows, length: of the canvas, prompt included; cells: whose logits are asked
    for at once, in each row (0: all); cache: none, prefix or dual; guided: classifier-free guidance doubles
    the rows; sampled: the temperature is above 0."""

    rows: int = 1
    length: int = 1024
    cells: int = 32
    cache: str = "none"
    guided: bool = False
    sampled: bool = False


PLAIN_USE = Use()


def predict(config: Any, precision: str, use: Use = PLAIN_USE, group: int = 128) -> Memory:
    """Bytes of a network while it decodes. config: a Shape, a configuration, or config.json's content;
    precision: one of PRECISIONS; group: weights that share a scale, for gptq-4.

    ModelError: the precision or the shape is not known.
    """
    shape = config if isinstance(config, Shape) else shape_of(config)
    number = FULL.get(precision, 2)  # bytes of a number of the activations
    rows = use.rows * (2 if use.guided else 1)
    cache = 0
    if use.cache != "none":
        cache = 2 * shape.layers * shape.kv_heads * shape.head * rows * use.length * number
    cells = use.rows * min(use.cells or use.length, use.length)
    peak = max(
        rows * use.length * _pass_bytes(shape, number, cached=cache > 0),
        _logit_bytes(shape, cells, use, number),
    )
    return Memory(weight_bytes(shape, precision, group), cache, peak)


def weight_bytes(shape: Shape, precision: str, group: int = 128) -> int:
    """Bytes of all weights. Embedding, head, norms and biases of a quantised network have 16 bits."""
    if precision not in PRECISIONS:
        raise ModelError(f"precision = {precision!r}; allowed: {', '.join(PRECISIONS)}")
    if precision in FULL:
        return shape.parameters * FULL[precision]
    return 2 * shape.outside + sum(_quantised(m, precision, group) * m.count for m in shape.matrices())


def _quantised(matrix: Matrix, precision: str, group: int) -> int:
    """Bytes of one linear layer: int8 with a float32 scale an output; NF4 with a float32 scale for 64
    weights; GPTQ with a float16 scale and a 4-bit zero for a group, and the group of every input."""
    numbers = matrix.inputs * matrix.outputs
    if precision == "int8":
        return numbers + 4 * matrix.outputs
    if precision == "nf4":
        return numbers // 2 + 4 * math.ceil(numbers / NF4_BLOCK)
    groups = math.ceil(matrix.inputs / group)
    return numbers // 2 + groups * matrix.outputs * 5 // 2 + 4 * matrix.inputs


def _pass_bytes(shape: Shape, number: int, cached: bool) -> int:
    """A position's share of the largest moment of a block: of a norm or a rotation (in float32), or its
    feed-forward part. cached: the block's keys and values are the cache's own."""
    wide = shape.width * number
    own, shared = shape.heads * shape.head, shape.kv_heads * shape.head
    attention = (own + (0 if cached else 2 * shared)) * number
    # Of keys: two float32 products, their sum, the halves the other way; beside the queries, turned already.
    turning = (3 * 4 + number) * shared + own * number
    if shared < own:
        turning = max(turning, (3 * 4 + number) * own)
    moments = (
        2 * wide + (8 if number == 4 else 10) * shape.width,
        2 * wide + attention + turning,
        # A block keeps its queries, keys, values and what they mixed until its end.
        3 * wide + attention + own * number + 3 * shape.active * number,
    )
    return max(moments)


def _logit_bytes(shape: Shape, cells: int, use: Use, number: int) -> int:
    """The largest moment after a pass: float32 logits with their softmax, or what guidance makes of two."""
    one = cells * shape.vocabulary
    both = one * (2 if use.guided else 1)
    # As the head gives them and in float32; then, with guidance, both, their difference and its multiple.
    moments = [both * (number + 4 if number != 4 else 4), 8 * one, 4 * both + (8 * one if use.guided else 0)]
    if use.sampled:
        moments.append(4 * one + min(8 * one, DRAW_BYTES))
    return max(moments)


def free_memory(device: str, root: Path = Path("/")) -> int:
    """Bytes that are free on a device: on a GPU what its driver says; else what Linux says is available, and
    no more than the control groups of this process allow. root: where the system's files are."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return min([*_available(root), *_group_rooms(root)], default=_all_memory())


def _available(root: Path) -> Iterator[int]:
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024


def _all_memory() -> int:
    """Where Linux's files are missing: all memory of the machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _group_rooms(root: Path) -> Iterator[int]:
    """What is left below the limit of each control group that this process is in, version 2 or 1. Pages of
    files count as free: the kernel gives them up."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        base, limit, used, pages = root / "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "
        if controllers:
            base, limit, used = base / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            pages = "total_inactive_file "
        group = base / path.lstrip("/")
        for folder in (group, *group.parents):
            most, now = (_first_number(folder / name) for name in (limit, used))
            if most is not None and now is not None:
                files = [int(s.split()[1]) for s in _lines(folder / "memory.stat") if s.startswith(pages)]
                yield max(0, most - now + sum(files))
            if folder == base:
                break


def _first_number(path: Path) -> int | None:
    """None: no such file, or no limit."""
    words = _lines(path)
    return int(words[0]) if words and words[0].isdecimal() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def what_would_fit(
    name: str,
    config: Any,
    precision: str,
    free: int,
    device: str,
    use: Use = PLAIN_USE,
    others: Sequence[str] = ("bfloat16", "int8", "nf4"),
) -> str:
    """ "" where it fits, else a sentence that says what is missing and what would fit: a smaller precision of
    `others`, weights in main memory or on the disk, or a shorter canvas."""
    shape = config if isinstance(config, Shape) else shape_of(config)
    needed = predict(shape, precision, use)
    if needed.total <= free:
        return ""
    options = [
        f"{other} ({gigabytes(smaller)})"
        for other in others
        if (smaller := predict(shape, other, use).total) <= free and smaller < needed.total
    ]
    if needed.weights < free:
        least = next((n for n in range(use.length - 1, 0, -1) if _fits(shape, precision, use, n, free)), 0)
        if least:
            options.append(f"a canvas of at most {least:,} tokens")
    elif device != "cpu":
        options.append(f"{precision} with device_map = auto, which keeps what does not fit in main memory")
    else:
        options.append(f"{precision} with an offload folder, which keeps what does not fit on the disk")
    parts = f"weights {gigabytes(needed.weights)}, cache and activations "
    parts += gigabytes(needed.cache + needed.activations)
    asks = f"model = {name!r} needs {gigabytes(needed.total)} as {precision} ({parts})"
    return f"{asks}, and {gigabytes(free)} are free on {device}; what would fit: {', or '.join(options)}"


def _fits(shape: Shape, precision: str, use: Use, length: int, free: int) -> bool:
    shorter = Use(use.rows, length, min(use.cells or length, length), use.cache, use.guided, use.sampled)
    return predict(shape, precision, shorter).total <= free


def gigabytes(number: int) -> str:
    """16031162368 -> "16.0 GB" (decimal); under a tenth of one in MB."""
    return f"{number / 1e9:.1f} GB" if number >= 10**8 else f"{number / 1e6:.1f} MB"
