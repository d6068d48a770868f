"""Small checkpoints with the names, the shards and the index of LLaDA-8B; nothing is downloaded.

The published index (tests/vectors/llada_8b) says what the weights are called and which of the six files
holds them. Here they are random, from a seed, at 1/16 of the width and in fewer layers; tokenizer and chat
template are the bundled model's, so prompts encode and answers decode.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from models.assets import assets
from models.checkpoint import INDEX
from models.config import LLaDAConfig
from models.llada import LLaDAModelLM

PUBLISHED = Path(__file__).parent / "vectors" / "llada_8b"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
SMALL = {
    "d_model": 256, "n_heads": 4, "n_kv_heads": 4, "mlp_hidden_size": 768, "n_layers": 2,
    "vocab_size": 2816, "embedding_size": 2816, "max_sequence_length": 1024,
    "mask_token_id": 2, "eos_token_id": 0, "pad_token_id": 0,
}  # fmt: skip
"""LLaDA-8B at 1/16 of its width, with the ids of the bundled tokenizer."""
GSAI = {"rope": True, "yarn": False}
"""GSAI-ML's own flavour of the configuration; the published one of LLada-Reasoning has YaRN."""


def published_index() -> dict[str, str]:
    """Weight -> file, of LLaDA-8B: 291 weights in six files."""
    index = json.loads((PUBLISHED / INDEX).read_text(encoding="utf-8"))
    return dict(index["weight_map"])


def checkpoint_config(**changes: Any) -> dict[str, Any]:
    """The published config.json at 1/16 of the width. changes: fields of it with other values."""
    published = json.loads((PUBLISHED / "config.json").read_text(encoding="utf-8"))
    return published | SMALL | GSAI | changes


def write_checkpoint(
    folder: Path,
    *,
    sharded: bool = True,
    dtype: torch.dtype = torch.bfloat16,
    seed: int = 0,
    tokenizer: bool = True,
    **changes: Any,
) -> Path:
    """Write a checkpoint and return its folder, which is made.

    sharded: as many of the six published files as its layers touch, and the index; else one file.
    changes: fields of config.json, as in checkpoint_config (n_kv_heads, weight_tying, yarn …).
    """
    config = checkpoint_config(**changes)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    if tokenizer:
        for name in TOKENIZER:
            shutil.copy(assets() / "models" / "tiny-llada" / name, folder / name)
    shapes = weight_shapes(config)
    published, layers = published_index(), int(config["n_layers"])
    where = {n: published[_published_name(n, layers)] if sharded else "model.safetensors" for n in shapes}
    generator, size = torch.Generator().manual_seed(seed), 0
    for file in sorted(set(where.values())):
        part = {n: _random(shapes[n], dtype, generator) for n in shapes if where[n] == file}
        size += sum(t.numel() * t.element_size() for t in part.values())
        save_file(part, folder / file, {"format": "pt"})
    if sharded:
        index = {"metadata": {"total_size": size}, "weight_map": where}
        (folder / INDEX).write_text(json.dumps(index, indent=2), encoding="utf-8")
    return folder


def weight_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The name and the shape of every weight that a configuration asks for."""
    with torch.device("meta"):
        network = LLaDAModelLM(LLaDAConfig(**config))
    return {name: tuple(t.shape) for name, t in network.state_dict().items()}


def linear_names(layers: int) -> Iterator[str]:
    """The full name of every linear layer of the blocks, as GPTQ quantises them."""
    for layer in range(layers):
        for name in ("q_proj", "k_proj", "v_proj", "attn_out", "ff_proj", "up_proj", "ff_out"):
            yield f"model.transformer.blocks.{layer}.{name}"


def _published_name(name: str, layers: int) -> str:
    """The weight of LLaDA-8B that one of these stands for: layer i of n for layer 32 i / n of 32."""
    parts = name.split(".")
    if "blocks" in parts:
        place = parts.index("blocks") + 1
        parts[place] = str(int(parts[place]) * 32 // layers)
    return ".".join(parts)


def _random(shape: tuple[int, ...], dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    """A norm's weights are near 1; a matrix keeps the size of what it is applied to."""
    if len(shape) == 1:
        return (1 + 0.1 * torch.randn(shape, generator=generator)).to(dtype)
    return (torch.randn(shape, generator=generator) / math.sqrt(shape[-1])).to(dtype)
