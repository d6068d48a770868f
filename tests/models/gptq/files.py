"""Small GPTQ checkpoints for tests: LLaDA-8B's names and layout, packed by rounding to the nearest.

A quantizer weighs its errors; these are plainly rounded, which is enough to read, unpack and multiply. Zero
points are asymmetric, zero among them, and act-order puts inputs into random groups.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.checkpoint import INDEX
from models.gptq.layout import QUANTIZE_CONFIG
from models.gptq.packing import WORD, pack
from tests.checkpoints import linear_names, write_checkpoint

PUBLIC = {"bits": 4, "group_size": 128, "desc_act": True, "sym": False}
"""As the public 4-bit LLaDA-8B is packed."""


def round_to_groups(
    weight: Tensor, bits: int, group_size: int, desc_act: bool, sym: bool, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(numbers [K, N], zeros [groups, N], scales [groups, N], g_idx [K]) of a weight Float[N, K]."""
    inputs, most = weight.shape[1], 2**bits - 1
    size = inputs if group_size == -1 else group_size
    g_idx = torch.arange(inputs) // size
    if desc_act:
        g_idx = g_idx[torch.randperm(inputs, generator=generator)]
    order = g_idx.argsort(stable=True)
    groups = weight.float().T[order].view(inputs // size, size, -1)
    low, high = groups.amin(1).clamp(max=0), groups.amax(1).clamp(min=0)
    if sym:
        high = torch.maximum(high, -low)
        low = -high
    scales = ((high - low) / most).clamp(min=1e-6).half()
    zeros = torch.full_like(low, (most + 1) // 2) if sym else (-low / scales).round().clamp(0, most)
    numbers = (groups / scales[:, None] + zeros[:, None]).round().clamp(0, most)
    unordered = torch.empty(inputs, weight.shape[0])
    unordered[order] = numbers.view(inputs, -1)
    return unordered, zeros, scales, g_idx.int()


def store_zeros(zeros: Tensor, bits: int, format: str) -> Tensor:
    """qzeros of a file of that format."""
    if format == "gptq_v2":
        return pack(zeros.T, bits).T.contiguous()
    if WORD % bits:
        return pack(((zeros - 1) % 2**bits).T, bits).T.contiguous()
    words = pack(zeros.T, bits).T.long() - sum(1 << i for i in range(0, WORD, bits))
    return ((words + 2**31) % 2**32 - 2**31).int().contiguous()


def write_gptq(folder: Path, *, sharded: bool = True, **fields: Any) -> Path:
    """Write a 2-layer checkpoint whose linear layers are packed; the folder, which is made.

    fields: of the layout, beside PUBLIC (format=gptq_v2, bits …). Its weights are those of write_checkpoint
    with the same arguments, rounded.
    """
    layout = PUBLIC | {"format": "gptq"} | fields
    write_checkpoint(folder, sharded=sharded)
    layers = {f"{name}.weight": name for name in linear_names(2)}
    generator, where = torch.Generator().manual_seed(1), {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors: dict[str, Tensor] = {}
        for key, tensor in load_file(file).items():
            if key not in layers:
                tensors[key] = tensor.half()
                continue
            packed = dict(PUBLIC) | {k: layout[k] for k in PUBLIC}
            numbers, zeros, scales, g_idx = round_to_groups(tensor, **packed, generator=generator)
            tensors[f"{layers[key]}.qweight"] = pack(numbers, layout["bits"])
            tensors[f"{layers[key]}.qzeros"] = store_zeros(zeros, layout["bits"], layout["format"])
            tensors[f"{layers[key]}.scales"] = scales
            tensors[f"{layers[key]}.g_idx"] = g_idx
        save_file({k: t.contiguous() for k, t in tensors.items()}, file, {"format": "pt"})
        where |= dict.fromkeys(tensors, file.name)
    if sharded:
        (folder / INDEX).write_text(json.dumps({"weight_map": where}), encoding="utf-8")
    said = layout | {"quant_method": "gptq", "checkpoint_format": layout["format"], "pack_dtype": "int32"}
    write_fields(folder, said)
    return folder


def write_fields(folder: Path, said: dict[str, Any]) -> None:
    """Say in both places how the weights are packed."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | {"quantization_config": said}
    path.write_text(json.dumps(config), encoding="utf-8")
    (folder / QUANTIZE_CONFIG).write_text(json.dumps(said), encoding="utf-8")
