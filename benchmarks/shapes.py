"""Networks of random weights for benchmarks: LLaDA-8B's exact shape, and a small one."""

from __future__ import annotations

import torch

from models.config import LLaDAConfig
from models.llada import LLaDAModelLM

PUBLISHED = {"d_model": 4096, "n_heads": 32, "n_layers": 32, "mlp_hidden_size": 12288,
             "vocab_size": 126464, "max_sequence_length": 4096}  # fmt: skip
TINY = {"d_model": 64, "n_heads": 4, "n_layers": 2, "mlp_hidden_size": 96, "vocab_size": 256,
        "max_sequence_length": 256}  # fmt: skip


def empty_network(shape: dict[str, int]) -> LLaDAModelLM:
    """A network without weights, on the meta device; the last id is the mask."""
    with torch.device("meta"):
        config = LLaDAConfig(mask_token_id=shape["vocab_size"] - 1, rope_theta=500000.0, **shape)
        return LLaDAModelLM(config)


def random_network(shape: dict[str, int], device: str, dtype: torch.dtype) -> LLaDAModelLM:
    """Random weights made on the device, at once in their type."""
    model = empty_network(shape).to(dtype).to_empty(device=device)
    generator = torch.Generator(device).manual_seed(0)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.data.normal_(0, 0.02, generator=generator)
        else:
            parameter.data.fill_(1.0)
    return model
