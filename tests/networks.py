"""Small exact networks for tests: a float64 lookup table, and the conformance suite's toy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

VECTORS = Path(__file__).parent / "vectors"


class TableNetwork:
    """logits[row, i] = table[hash of the row's real tokens and the real position i]: exact, so a
    batch equals its rows; it depends on every token, so a wrong canvas gives other tokens."""

    def __init__(self, vocab: int = 23, seed: int = 0, size: int = 4099) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.randn(size, vocab, generator=generator, dtype=torch.float64) * 3
        self.calls = 0
        self.sequences = 0

    def logits(self, tokens: Tensor, attention_mask: Tensor, cells: Tensor) -> Tensor:
        self.calls += 1
        self.sequences += len(tokens)
        position = attention_mask.long().cumsum(-1)
        state = ((tokens + 1) * (position * 7919 + 104729) * attention_mask).sum(-1, keepdim=True)
        index = (state * 31 + position * 17) % len(self.table)
        return self.table[index][cells].clone()

    def describe(self) -> dict[str, Any]:
        return {"model": "table"}


class ToyNetwork:
    """The conformance suite's toy mask predictor, in float64."""

    def __init__(self) -> None:
        self.weights = load_file(VECTORS / "toy" / "toy_mask_predictor.safetensors")

    def logits(self, tokens: Tensor, attention_mask: Tensor, cells: Tensor) -> Tensor:
        w, length = self.weights, tokens.shape[1]
        mix = attention_mask[:, None, :].double() * w["mix"][:length, :length]
        hidden = torch.tanh(mix @ w["embed"][tokens] + w["pos"][:length])
        return (hidden @ w["head"] + w["bias"])[cells]

    def describe(self) -> dict[str, Any]:
        return {"model": "toy"}
