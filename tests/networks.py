"""Small exact networks for tests: a float64 lookup table, and the conformance suite's toy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from models.config import LLaDAConfig
from models.llada import LLaDAModelLM
from samplers.canvas import Canvas
from samplers.events import Span

VECTORS = Path(__file__).parent / "vectors"


SMALL_MASK = 31


def small_llada(layers: int = 1) -> LLaDAModelLM:
    """A LLaDA of 32 tokens and width 16 on the CPU; the same random weights every time."""
    torch.manual_seed(0)
    config = LLaDAConfig(
        d_model=16, n_heads=2, n_layers=layers, mlp_hidden_size=16, vocab_size=32, mask_token_id=SMALL_MASK,
        max_sequence_length=32, init_std=0.5,
    )  # fmt: skip
    return LLaDAModelLM(config).eval().requires_grad_(False)


class TableNetwork:
    """logits[row, i] = table[hash of the row's real tokens and the real position i]: exact, so a
    batch equals its rows; it depends on every token, so a wrong canvas gives other tokens."""

    def __init__(self, vocab: int = 23, seed: int = 0, size: int = 4099) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.randn(size, vocab, generator=generator, dtype=torch.float64) * 3
        self.calls = 0
        self.sequences = 0

    def states(self, tokens: Tensor, attention_mask: Tensor, cells: Tensor) -> Tensor:
        self.calls += 1
        self.sequences += len(tokens)
        position = attention_mask.long().cumsum(-1)
        terms = (tokens + 1) * (position * 7919 + 104729) * attention_mask
        return self._rows(terms.sum(-1, keepdim=True), position)[cells]

    def shadow_states(
        self, tokens: Tensor, attention_mask: Tensor, cells: Tensor, start: int, stop: int
    ) -> tuple[Tensor, Tensor]:
        position = attention_mask.long().cumsum(-1)
        weight = (position * 7919 + 104729) * attention_mask
        total = ((tokens + 1) * weight).sum(-1, keepdim=True)
        without = total - ((tokens + 1) * weight)[:, start:stop]  # each cell's own token left out
        return self.states(tokens, attention_mask, cells), self._rows(without, position[:, start:stop])

    def _rows(self, state: Tensor, position: Tensor) -> Tensor:
        return self.table[(state * 31 + position * 17) % len(self.table)]

    def head(self, states: Tensor) -> Tensor:
        return states.clone()

    def keep(self, states: Tensor) -> Tensor:
        return states[:, 0].sigmoid()

    def describe(self) -> dict[str, Any]:
        return {"model": "table"}


class ToyNetwork:
    """The conformance suite's toy mask predictor, in float64."""

    def __init__(self) -> None:
        self.weights = load_file(VECTORS / "toy" / "toy_mask_predictor.safetensors")

    def states(self, tokens: Tensor, attention_mask: Tensor, cells: Tensor) -> Tensor:
        w, length = self.weights, tokens.shape[1]
        mix = attention_mask[:, None, :].double() * w["mix"][:length, :length]
        return torch.tanh(mix @ w["embed"][tokens] + w["pos"][:length])[cells]

    def head(self, states: Tensor) -> Tensor:
        return states @ self.weights["head"] + self.weights["bias"]

    def describe(self) -> dict[str, Any]:
        return {"model": "toy"}


class TableScorer:
    """Scores in [0, 1] that are a hash of everything up to a span's end; counts like a real one."""

    name = "table"

    def __init__(self) -> None:
        self.calls, self.row_calls = 0, Counter[int]()
        self.known: set[tuple[int, ...]] = set()

    def __call__(self, canvas: Canvas, spans: Sequence[Span], rows: Tensor) -> list[list[float]]:
        found = []
        for row in rows.nonzero()[:, 0].tolist():
            real = canvas.attention_mask[row]
            tokens, padding = canvas.tokens[row][real].tolist(), int((~real).sum())
            key = (canvas.samples[row], *tokens[: spans[-1][1] - padding])
            self.calls += key not in self.known
            self.row_calls[canvas.samples[row]] += key not in self.known
            self.known.add(key)
            found.append([hash(tuple(tokens[: stop - padding])) % 1009 / 1008 for _, stop in spans])
        return found

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}
