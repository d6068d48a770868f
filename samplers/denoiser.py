"""Denoisers: the one place where a network is called. They hold the network, add classifier-free guidance
(CFG) and a KV cache, and count what was evaluated."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from samplers.canvas import Canvas
from samplers.kv_cache import CachedNetwork
from samplers.network import ModelNetwork, Network, with_head, with_shadow
from samplers.settings import SettingError
from samplers.transfer import take


@dataclass(frozen=True)
class DenoiserSettings:
    """What a sampler's settings say about its denoiser; block_length matters to a cache alone."""

    cfg_scale: float = 0.0
    cache: str = "none"
    block_length: int = 1


class Denoiser(Protocol):
    """What a sampler sees of a network."""

    nfe: int  # sequences evaluated, CFG branches included
    calls: int  # times a sampler called it, by any of its methods
    forwards: int  # passes of the network, each over a batch
    row_nfe: Counter[int]  # sequences evaluated for each sample
    settings: DenoiserSettings  # a sampler refuses a denoiser that was built with others than its own
    network: Network

    def __call__(self, canvas: Canvas, cells: Tensor) -> Tensor:
        """cells: Bool[rows, length] -> logits, Float[n cells, vocab], row-major; mask_id at -inf."""
        ...

    def policy(self, canvas: Canvas, cells: Tensor, scored: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the cells, and UPS keep scores, Float[n_scored] in [0, 1], of `scored` cells."""
        ...

    def verify(self, canvas: Canvas, cells: Tensor, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Logits of the cells, and leave-one-out logits, Float[active rows * span, vocab], of the
        positions [start, stop) of every row that has a queried cell (WINO)."""
        ...

    def release(self) -> None:
        """Forget what was kept from call to call (the cache)."""
        ...

    def describe(self) -> dict[str, Any]:
        """What a trace should say about the network: model, dtype, device, guidance."""
        ...


class GuidedDenoiser:
    """Any network, with classifier-free guidance, a KV cache and counting.

    A queried cell is one whose logits or keep score the sampler wants; rows without a queried cell are
    not evaluated. Guidance (LLaDA, appendix B.1): l = l_u + (w + 1)(l_c - l_u), of the conditional logits
    l_c and the unconditional l_u, whose input has masks for its prompt; both branches go in one pass.
    mask_id is set to -inf after guidance, always. Keep scores are those of the conditional branch.
    """

    def __init__(
        self, network: Network, cfg_scale: float = 0.0, cache: str = "none", block_length: int = 1
    ) -> None:
        self.network, self.cfg_scale = network, float(cfg_scale)
        self.settings = DenoiserSettings(self.cfg_scale, cache, block_length)
        self.nfe, self.calls, self.forwards, self.row_nfe = 0, 0, 0, Counter[int]()
        self.cache: CachedNetwork | None = None
        if cache != "none":
            if not isinstance(network, ModelNetwork):
                raise SettingError("cache", cache, "none, for a network without keys and values to keep")
            self.cache = CachedNetwork(network, cache, block_length)

    def __call__(self, canvas: Canvas, cells: Tensor) -> Tensor:
        return self._logits(canvas, self._states(canvas, cells))

    def policy(self, canvas: Canvas, cells: Tensor, scored: Tensor) -> tuple[Tensor, Tensor]:
        """See Denoiser; one pass for both."""
        network, queried = with_head(self.network), cells | scored
        states = self._states(canvas, queried)
        logits = self._logits(canvas, [take(part, cells[queried]) for part in states])
        return logits, network.keep(take(states[0], scored[queried]))

    def verify(self, canvas: Canvas, cells: Tensor, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """See Denoiser; one pass for both. Rows evaluated: those with a queried cell."""
        network, active = with_shadow(self.network), cells.any(-1)
        tokens, attention, queried, branches = self._branches(canvas, active, cells)
        own, shadow = network.shadow_states(tokens, attention, queried, start, stop)
        self._count(canvas, active, branches, 1)
        width = shadow.shape[-1]
        return (
            self._logits(canvas, list(own.chunk(branches))),
            self._logits(canvas, [s.reshape(-1, width) for s in shadow.chunk(branches)]),
        )

    def _branches(self, canvas: Canvas, active: Tensor, cells: Tensor) -> tuple[Tensor, Tensor, Tensor, int]:
        """Tokens, attention mask and queried cells of the active rows, with guidance followed by the same
        rows with masks for their prompts; and the number of branches, 1 or 2."""
        tokens, attention, queried = (t[active] for t in (canvas.tokens, canvas.attention_mask, cells))
        if self.cfg_scale <= 0:
            return tokens, attention, queried, 1
        if canvas.mask_id is None:
            raise SettingError("cfg_scale", self.cfg_scale, "0 without a mask to hide the prompt with")
        empty, prompt = tokens.clone(), attention.clone()
        prompt[:, canvas.prompt_length :] = False
        empty[prompt] = canvas.mask_id
        return torch.cat((tokens, empty)), attention.repeat(2, 1), queried.repeat(2, 1), 2

    def _states(self, canvas: Canvas, cells: Tensor) -> list[Tensor]:
        """Of the queried cells, Float[n, d]: conditional, then (with guidance) unconditional."""
        active = cells.any(-1)
        tokens, attention, queried, branches = self._branches(canvas, active, cells)
        if self.cache is None:
            states, launches = self.network.states(tokens, attention, queried), 1
        else:
            copies: Counter[int] = Counter()
            keys: list[tuple[int, int]] = []
            for row, sample in enumerate(canvas.samples):
                if active[row]:
                    keys.append((sample, copies[sample]))
                copies[sample] += 1
            first = canvas.first_block(self.settings.block_length)
            cache_keys = [(*key, branch) for branch in range(branches) for key in keys]
            states, launches = self.cache.states(cache_keys, tokens, attention, queried, first)
        self._count(canvas, active, branches, launches)
        return list(states.chunk(branches))

    def _logits(self, canvas: Canvas, states: list[Tensor]) -> Tensor:
        logits = self.network.head(states[0] if len(states) == 1 else torch.cat(states))
        if len(states) == 2:
            conditional, unconditional = logits.chunk(2)
            logits = unconditional + (self.cfg_scale + 1) * (conditional - unconditional)
        if canvas.mask_id is not None:
            logits[:, canvas.mask_id] = -torch.inf
        return logits

    def _count(self, canvas: Canvas, active: Tensor, branches: int, launches: int) -> None:
        self.calls += 1
        self.forwards += launches
        for row in active.nonzero()[:, 0].tolist():
            self.nfe += branches
            self.row_nfe[canvas.samples[row]] += branches

    def release(self) -> None:
        """Empty the cache."""
        if self.cache is not None:
            self.cache.release()

    def describe(self) -> dict[str, Any]:
        description = self.network.describe() | {"cfg_scale": self.cfg_scale}
        if self.cache is not None:
            description["approximate"] = f"{self.cache.mode} KV cache, refreshed at each block's start"
        return description
