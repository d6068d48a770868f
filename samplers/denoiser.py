"""Denoisers: the one place where a network is called. They own weights, CFG and the NFE count."""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

import torch
from torch import Tensor

from samplers.canvas import Canvas


class Denoiser(Protocol):
    """What a sampler sees of a network."""

    nfe: int  # sequences evaluated, CFG branches included
    forwards: int  # launches
    row_nfe: Counter[int]  # sequences evaluated for each sample

    def __call__(self, canvas: Canvas, cells: Tensor) -> Tensor:
        """cells: Bool[rows, length] -> logits, Float[n_cells, vocab], row-major; mask_id at -inf."""
        ...

    def describe(self) -> dict[str, Any]:
        """What a trace should say about the network: model, dtype, device, guidance."""
        ...


class Network(Protocol):
    """A masked-token predictor: logits of chosen cells in one pass."""

    def logits(self, tokens: Tensor, attention_mask: Tensor, cells: Tensor) -> Tensor:
        """tokens: Int[rows, length]; cells: Bool[rows, length] -> Float[n_cells, vocab]."""
        ...

    def describe(self) -> dict[str, Any]: ...


class GuidedDenoiser:
    """Any network, with classifier-free guidance and counting.

    Rows without a cell asked for are not evaluated. Guidance (LLaDA, appendix B.1):
    l = l_u + (w + 1)(l_c - l_u); the unconditional input masks the prompt and keeps what was
    generated; both branches go in one pass. mask_id is set to -inf after guidance, always.
    """

    def __init__(self, network: Network, cfg_scale: float = 0.0) -> None:
        self.network, self.cfg_scale = network, float(cfg_scale)
        self.nfe, self.forwards, self.row_nfe = 0, 0, Counter[int]()

    def __call__(self, canvas: Canvas, cells: Tensor) -> Tensor:
        active = cells.any(-1)
        tokens, attention, asked = (
            t[active] for t in (canvas.tokens, canvas.attention_mask, cells)
        )
        branches = 2 if self.cfg_scale > 0 else 1
        if branches == 2:
            empty = tokens.clone()
            prompt = attention.clone()
            prompt[:, canvas.prompt_length :] = False
            empty[prompt] = canvas.mask_id
            tokens, attention, asked = (
                torch.cat(pair) for pair in ((tokens, empty), (attention, attention), (asked, asked))
            )
        logits = self.network.logits(tokens, attention, asked)
        if branches == 2:
            conditional, unconditional = logits.chunk(2)
            logits = unconditional + (self.cfg_scale + 1) * (conditional - unconditional)
        self._count(canvas, active, branches)
        logits[:, canvas.mask_id] = -torch.inf
        return logits

    def _count(self, canvas: Canvas, active: Tensor, branches: int) -> None:
        self.forwards += 1
        for row in active.nonzero()[:, 0].tolist():
            self.nfe += branches
            self.row_nfe[canvas.samples[row]] += branches

    def describe(self) -> dict[str, Any]:
        return self.network.describe() | {"cfg_scale": self.cfg_scale}


class ModelNetwork:
    """A LLaDA model (models.llada) as a network; logits come back in float32 on its device."""

    def __init__(self, model: Any, name: str = "") -> None:
        self.model, self.name = model, name

    def logits(self, tokens: Tensor, attention_mask: Tensor, cells: Tensor) -> Tensor:
        device = self.model.device
        mask = None if bool(attention_mask.all()) else attention_mask.to(device)
        hidden = self.model.hidden(tokens.to(device), mask)
        # Indices are found on the CPU, so that a GPU is not waited for here.
        index = cells.reshape(-1).nonzero()[:, 0].to(device)
        chosen = hidden.reshape(-1, hidden.shape[-1]).index_select(0, index)
        logits: Tensor = self.model.head(chosen).float()
        return logits

    def describe(self) -> dict[str, Any]:
        dtype = str(self.model.dtype).removeprefix("torch.")
        return {"model": self.name, "dtype": dtype, "device": str(self.model.device.type)}
