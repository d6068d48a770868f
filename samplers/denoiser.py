"""Denoisers: the one place where a network is called. They hold the network, add classifier-free guidance
(CFG) and a KV cache, keep drafts where these are wanted, and count what was evaluated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from samplers.canvas import Canvas
from samplers.drafts import Drafts, draft
from samplers.forwards.kv_cache import CachedNetwork
from samplers.forwards.transfer import take
from samplers.network import ModelNetwork, Network, with_head, with_shadow
from samplers.settings import SettingError


@dataclass(frozen=True)
class DenoiserSettings:
    """What a sampler's settings say about its denoiser; block_length matters to a cache alone; drafts: how
    many a cell."""

    cfg_scale: float = 0.0
    cache: str = "none"
    block_length: int = 1
    drafts: int = 0


@dataclass(frozen=True)
class States:
    """What a forward made. cells: Bool[rows, length], n True; parts: their hidden states, Float[n, d],
    conditional, then (with guidance) unconditional; undecided: Bool[rows, length], those of which drafts are
    wanted."""

    cells: Tensor
    parts: list[Tensor]
    undecided: Tensor | None

    def of(self, cells: Tensor) -> list[Tensor]:
        """Those of some of the cells."""
        if cells is self.cells:
            return self.parts
        return [take(part, cells[self.cells]) for part in self.parts]


class Denoiser(Protocol):
    """What a sampler sees of a network."""

    nfe: int  # sequences evaluated, CFG branches included
    calls: int  # times a sampler called it, by any of its methods
    forwards: int  # passes of the network, each over a batch
    row_nfe: Counter[int]  # sequences evaluated for each sample
    row_forwards: Counter[int]  # passes that each sample was in, with all its candidates
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

    def fresh_drafts(self) -> list[Drafts]:
        """Of each call since this was asked last: what the network would write in the undecided cells whose
        states it made. None unless the settings want drafts."""
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
        self,
        network: Network,
        cfg_scale: float = 0.0,
        cache: str = "none",
        block_length: int = 1,
        drafts: int = 0,
    ) -> None:
        self.network, self.cfg_scale = network, float(cfg_scale)
        self.settings = DenoiserSettings(self.cfg_scale, cache, block_length, drafts)
        self.nfe, self.calls, self.forwards, self.row_nfe = 0, 0, 0, Counter[int]()
        self.row_forwards = Counter[int]()
        self.cache: CachedNetwork | None = None
        self._drafts: list[Drafts] = []
        if cache != "none":
            if not isinstance(network, ModelNetwork):
                raise SettingError("cache", cache, "none, for a network without keys and values to keep")
            self.cache = CachedNetwork(network, cache, block_length)

    def __call__(self, canvas: Canvas, cells: Tensor) -> Tensor:
        return self._logits(canvas, cells, self._states(canvas, cells))

    def policy(self, canvas: Canvas, cells: Tensor, scored: Tensor) -> tuple[Tensor, Tensor]:
        """See Denoiser; one pass for both."""
        network = with_head(self.network)
        states = self._states(canvas, cells | scored)
        return self._logits(canvas, cells, states), network.keep(states.of(scored)[0])

    def verify(self, canvas: Canvas, cells: Tensor, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """See Denoiser; one pass for both. Rows evaluated: those with a queried cell."""
        network, active = with_shadow(self.network), cells.any(-1)
        undecided = self._undecided(canvas, cells)
        wanted = union(cells, undecided)
        tokens, attention, branches = self._branches(canvas, active)
        queried = wanted[active].repeat(branches, 1)
        own, shadow = network.shadow_states(tokens, attention, queried, start, stop)
        self._count(canvas, active, branches)
        width = shadow.shape[-1]
        return (
            self._logits(canvas, cells, States(wanted, list(own.chunk(branches)), undecided)),
            self._guided(canvas, [s.reshape(-1, width) for s in shadow.chunk(branches)]),
        )

    def fresh_drafts(self) -> list[Drafts]:
        """See Denoiser."""
        drafts, self._drafts = self._drafts, []
        return drafts

    def _undecided(self, canvas: Canvas, cells: Tensor) -> Tensor | None:
        """Bool[rows, length]: with drafts, the undecided cells of the rows that have queried ones; `cells`
        itself where that is all of them. None without drafts."""
        if not self.settings.drafts:
            return None
        undecided = canvas.masked & cells.any(-1, keepdim=True)
        return cells if torch.equal(undecided, cells) else undecided

    def _branches(self, canvas: Canvas, active: Tensor) -> tuple[Tensor, Tensor, int]:
        """Tokens and attention mask of the active rows, with guidance followed by the same rows with masks
        for their prompts; and the number of branches, 1 or 2."""
        tokens, attention = canvas.tokens[active], canvas.attention_mask[active]
        if self.cfg_scale <= 0:
            return tokens, attention, 1
        if canvas.mask_id is None:
            raise SettingError("cfg_scale", self.cfg_scale, "0 without a mask to hide the prompt with")
        empty, prompt = tokens.clone(), attention.clone()
        prompt[:, canvas.prompt_length :] = False
        empty[prompt] = canvas.mask_id
        return torch.cat((tokens, empty)), attention.repeat(2, 1), 2

    def _states(self, canvas: Canvas, cells: Tensor) -> States:
        """Of the queried cells, and of those that are wanted beside them."""
        active, undecided = cells.any(-1), self._undecided(canvas, cells)
        made = union(cells, undecided)
        tokens, attention, branches = self._branches(canvas, active)
        wanted = made[active].repeat(branches, 1)
        if self.cache is None:
            states, passes = self.network.states(tokens, attention, wanted), None
        else:
            copies: Counter[int] = Counter()
            keys: list[tuple[int, int]] = []
            for row, sample in enumerate(canvas.samples):
                if active[row]:
                    keys.append((sample, copies[sample]))
                copies[sample] += 1
            first = canvas.first_block(self.settings.block_length)
            cache_keys = [(*key, branch) for branch in range(branches) for key in keys]
            queried = cells[active].repeat(branches, 1)
            states, evaluated, passes = self.cache.states(
                cache_keys,
                tokens,
                attention,
                queried,
                first,
                None if made is cells else wanted,
            )
            if undecided is not None and made is not cells:
                made[active] = evaluated[: len(keys)]
                undecided = made & undecided
        self._count(canvas, active, branches, passes)
        return States(made, list(states.chunk(branches)), undecided)

    def _logits(self, canvas: Canvas, cells: Tensor, states: States) -> Tensor:
        """Of the queried cells; drafts of all that are undecided are kept."""
        logits = self._guided(canvas, states.of(cells))
        if states.undecided is not None:

            def others(rest: Tensor, size: int) -> Iterator[Tensor]:
                for part in zip(*(torch.split(s, size) for s in states.of(rest)), strict=True):
                    yield self._guided(canvas, list(part))

            k = min(self.settings.drafts, logits.shape[-1] - (canvas.mask_id is not None))
            drafts = draft(cells, logits, states.undecided, k, others)
            self._drafts += [drafts] * bool(len(drafts.tokens))
        return logits

    def _guided(self, canvas: Canvas, states: list[Tensor]) -> Tensor:
        """Float[n, vocab], of the states of one or two branches, Float[n, d]."""
        logits = self.network.head(states[0] if len(states) == 1 else torch.cat(states))
        if len(states) == 2:
            conditional, unconditional = logits.chunk(2)
            logits = unconditional + (self.cfg_scale + 1) * (conditional - unconditional)
        if canvas.mask_id is not None:
            logits[:, canvas.mask_id] = -torch.inf
        return logits

    def _count(
        self, canvas: Canvas, active: Tensor, branches: int, passes: list[list[int]] | None = None
    ) -> None:
        """A call for the active rows. passes: which of them, all of a branch in front of the next, were in
        each; None: all in one."""
        self.calls += 1
        rows = active.nonzero()[:, 0].tolist()
        for row in rows:
            self.nfe += branches
            self.row_nfe[canvas.samples[row]] += branches
        for places in [list(range(len(rows)))] if passes is None else passes:
            self.forwards += 1
            self.row_forwards.update({canvas.samples[rows[place % len(rows)]] for place in places})

    def count_on(self, nfe: int, forwards: int, calls: int) -> None:
        """Begin with the costs of an earlier run of one sample, which this one goes on from."""
        self.nfe, self.forwards, self.calls = nfe, forwards, calls
        self.row_nfe[0], self.row_forwards[0] = nfe, forwards

    def release(self) -> None:
        """Empty the cache."""
        self._drafts.clear()
        if self.cache is not None:
            self.cache.release()

    def describe(self) -> dict[str, Any]:
        description = self.network.describe() | {"cfg_scale": self.cfg_scale}
        if self.cache is not None:
            description["approximate"] = f"{self.cache.mode} KV cache, refreshed at each block's start"
        return description


def union(cells: Tensor, more: Tensor | None) -> Tensor:
    """Bool[rows, length]: cells or more; `cells` itself where there is nothing more."""
    if more is None or more is cells:
        return cells
    both = cells | more
    return cells if torch.equal(both, cells) else both
