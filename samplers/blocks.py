"""What all samplers that fill the answer block after block share: settings, checks, first and last event."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from samplers.canvas import Canvas
from samplers.denoiser import Denoiser, GuidedDenoiser
from samplers.drafts import MOST_K, check_drafts, with_drafts
from samplers.drawing import Cut, draw_tokens, finished_rows, probability_of
from samplers.events import SCHEMA, Event, Finished, Started, Unmasked
from samplers.forwards.kv_cache import MODES
from samplers.forwards.transfer import to_host
from samplers.network import Network, with_head, with_shadow
from samplers.registry import Needs
from samplers.run import Run, Standing, changed
from samplers.scoring import Scorer
from samplers.settings import SettingError, check, count_of, describe, option

DEFERRALS = ("last", "renormalised")


def temperature_option(default: float) -> Any:
    """The temperature, with a sampler's own default."""
    return option(default, "0 takes the likeliest token; above 0 tokens are drawn.", low=0, high=10)


@dataclass(frozen=True)
class BlockSettings:
    """Settings of block-wise decoding, under LLaDA's names and with its defaults."""

    name: ClassVar[str] = ""
    nucleus_crosses: ClassVar[bool] = True  # the token that carries the sum over top_p may be drawn

    steps: int = option(128, "Denoiser steps for the whole answer.", low=1, high=4096)
    gen_length: int = option(128, "Tokens of the answer.", "Answer length", low=1, high=4096)
    block_length: int = option(
        128, "Tokens of a block; blocks are filled from left to right.", low=1, high=4096
    )
    temperature: float = temperature_option(0.0)
    top_p: float = option(
        1.0, "Draw among the likeliest tokens that make up this probability; 1: all.", "Top p", low=0, high=1
    )
    top_k: int = option(0, "Draw among so many likeliest tokens; 0: all.", "Top k", low=0, high=262_144)
    cfg_scale: float = option(
        0.0, "Classifier-free guidance; above 0 each step costs twice.", "Guidance", low=0, high=20
    )
    logits_eos_inf: bool = option(False, "Never write the end of the text.", "Forbid EOS")
    confidence_eos_eot_inf: bool = option(False, "Commit end-of-text cells last of all.", "Defer EOS and EoT")
    eos_gating: bool = option(False, "Both EOS options at once.", "EOS gating")
    eos_deferral: str = option(
        "last",
        "How they come last: put there, or, as published, p(EOS) and p(EoT) taken out of the probabilities "
        "that rank.",
        "EOS deferral",
        choices=DEFERRALS,
    )
    early_stop: bool = option(
        False, "Stop once an EOS stands with no mask before it; the rest becomes EOS.", "Early stop"
    )
    cache: str = option(
        "none",
        "Keep keys and values from each block's start: faster, and approximate.",
        "KV cache",
        choices=MODES,
    )
    drafts: int = option(
        0,
        "Note at every step so many of the likeliest tokens of each undecided cell; 0: none. Nothing else "
        "changes.",
        low=0,
        high=MOST_K,
        counted=True,
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "drafts", count_of(self.drafts))
        check(self)
        self._check_sizes()

    def _check_sizes(self) -> None:
        """SettingError unless blocks, steps and what is counted in blocks fit the answer."""
        length, size = self.gen_length, self.block_length
        if length % size:
            advice = f"Block length {size} does not divide the answer length {length}. "
            advice += f"Try {' or '.join(map(str, near_divisors(length, size)))}."
            allowed = f"a divisor of gen_length = {length}"
            fixes = near_divisors(length, size)
            raise SettingError("block_length", size, allowed, advice=advice, fixes=fixes)
        if self.steps % self.blocks:
            advice = f"Steps must be a multiple of {self.blocks}, one share for each block. "
            near = max(round(self.steps / self.blocks), 1) * self.blocks
            advice += f"Try {near}."
            allowed = f"a multiple of {self.blocks}, the number of blocks"
            raise SettingError("steps", self.steps, allowed, advice=advice, fixes=(near,))
        for d in describe(type(self)):
            value = getattr(self, d.name)
            if d.unit == "blocks" and value > self.blocks:
                allowed = f"at most {self.blocks}, the blocks of the answer"
                raise SettingError(d.name, value, allowed, d.label, fixes=(self.blocks,))
        check_drafts(self.drafts, self.steps, self.gen_length * self.most_candidates)

    @property
    def most_candidates(self) -> int:
        """Candidates of a row that are decoded at once, at most."""
        return 1

    @property
    def needs(self) -> Needs:
        """What a run needs besides a plain network."""
        return Needs()

    def open_from(self, block: int) -> int:
        """See Sampler. 0: any token may change up to the end, unless a sampler promises more."""
        return 0

    def denoiser(self, network: Network) -> GuidedDenoiser:
        """The denoiser with this guidance and cache, of a network that has what the sampler needs."""
        self._check_network(network)
        return GuidedDenoiser(network, self.cfg_scale, self.cache, self.block_length, self.drafts)

    def _check_network(self, network: Network) -> None:
        if self.needs.head:
            with_head(network)
        if self.needs.shadow:
            with_shadow(network)

    def _check_denoiser(self, denoise: Denoiser) -> None:
        """SettingError unless it has the guidance, the cache and the drafts that the settings name."""
        self._check_network(denoise.network)
        for name in ("cfg_scale", "cache", "drafts") + ("block_length",) * (self.cache != "none"):
            value, built = getattr(self, name), getattr(denoise.settings, name)
            if value != built:
                allowed = (
                    f"{built!r}, which the denoiser has; sampler.denoiser(network) builds one that agrees"
                )
                raise SettingError(name, value, allowed)

    @property
    def blocks(self) -> int:
        return self.gen_length // self.block_length

    @property
    def steps_per_block(self) -> int:
        return self.steps // self.blocks

    @property
    def cells_at_start(self) -> int:
        """Cells of the answer that the canvas begins with: all of them, unless a sampler lets it grow."""
        return self.gen_length

    def blocks_on(self, canvas: Canvas) -> int:
        """Blocks of the answer on a canvas: one more where an absolute grid cuts the first one."""
        return canvas.blocks(self.block_length, self.gen_length)

    def spans(self, canvas: Canvas, blocks: int) -> list[tuple[int, int]]:
        """Absolute positions of the first blocks."""
        return [canvas.block_span(block, self.block_length) for block in range(blocks)]

    @torch.no_grad()
    def __call__(
        self,
        denoise: Denoiser,
        canvas: Canvas,
        score: Scorer | None = None,
        standing: Standing | None = None,
    ) -> Generator[Event, None, Canvas]:
        """Fill every mask of the canvas. One Unmasked event per denoiser call, and with drafts a Predicted
        before it. standing: what the canvas holds already (samplers.branch)."""
        standing = standing or Standing(torch.ones(canvas.tokens.shape))
        run = Run(denoise, canvas, standing.confidence, score, first_block=standing.block)
        yield self.started(run)
        try:
            stopped = self.stopped(canvas)
            events = self.fill(run, stopped)
            yield from with_drafts(events, canvas, denoise.fresh_drafts) if self.drafts else events
        finally:
            denoise.release()
        last = self.fill_with_eos(denoise, canvas, stopped)
        if last is not None:
            yield last
        yield self.finished(denoise, canvas, stopped)
        return canvas

    def fill(self, run: Run, stopped: Tensor) -> Iterator[Event]:
        """Block after block; `stopped`, Bool[rows], is updated in place."""
        for block in range(run.first_block, self.blocks_on(run.canvas)):
            yield from self.fill_block(run, block, ~stopped)
            stopped |= self.stopped(run.canvas)

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """Decide every masked cell of a block in the rows active, Bool[rows]."""
        raise NotImplementedError

    def started(self, run: Run) -> Started:
        """The first event; raises before any forward if denoiser, canvas and settings do not fit."""
        denoise, canvas = run.denoise, run.canvas
        self._check_denoiser(denoise)
        if self.needs.scorer and run.score is None:
            raise SettingError("scorer", None, f"a scorer, which {self.name} needs: checker or prm")
        self._check_canvas(canvas)
        wants_eos = self.eos_gating or self.logits_eos_inf or self.confidence_eos_eot_inf or self.early_stop
        if wants_eos and canvas.eos_id is None:
            raise SettingError("eos_token_id", None, "a model that names its EOS, for the EOS options")
        holds_nothing = canvas.masked if canvas.mask_id is None else canvas.tokens == canvas.mask_id
        answer = slice(canvas.prompt_length, None)
        decided_is_pinned = torch.equal(canvas.pinned[:, answer], ~holds_nothing[:, answer])
        return Started(
            nfe=denoise.nfe,
            forwards=denoise.forwards,
            tokens=canvas.token_rows(),
            attention_mask=canvas.cut(canvas.attention_mask),
            mask_id=canvas.mask_id,
            prompt_length=canvas.prompt_length,
            noise=() if canvas.noise is None else canvas.cut(canvas.noise),
            pinned=() if decided_is_pinned else canvas.cut(canvas.pinned),
            grid=canvas.grid,
            settings={
                "sampler": self.name,
                **asdict(self),
                "seeds": [g.initial_seed() for g in canvas.rng],
                "network": denoise.describe(),
                **({"scorer": run.score.describe()} if run.score is not None else {}),
                "versions": {n: importlib.metadata.version(n) for n in ("torch", "transformers")},
                "schema": SCHEMA,
            },
        )

    def _check_canvas(self, canvas: Canvas) -> None:
        """SettingError unless it is of the kind and the size that the settings ask for."""
        if canvas.mask_id is None and self.cfg_scale > 0:
            raise SettingError("cfg_scale", self.cfg_scale, "0 without a mask to hide the prompt with")
        if canvas.mask_id is None and self.needs.mask:
            advice = f"Sampler {self.name} puts masks back, and this model knows no mask."
            raise SettingError("mask_id", None, f"a mask, which {self.name} puts back", advice=advice)
        if canvas.mask_id is not None and self.needs.noise:
            advice = f"Sampler {self.name} puts noise back; it is for models without a mask."
            raise SettingError("mask_id", canvas.mask_id, f"none with {self.name}", advice=advice)
        if canvas.gen_length != self.cells_at_start:
            raise SettingError("gen_length", self.gen_length, f"the canvas's {canvas.gen_length}")
        canvas.first_block(self.block_length)

    def predict(self, denoise: Denoiser, canvas: Canvas, cells: Tensor) -> Prediction:
        """One denoiser call and the drawn token of every queried cell."""
        logits = denoise(canvas, cells)
        self.forbid_ends(canvas, logits)
        return self.guess(canvas, cells, logits)

    def guess(self, canvas: Canvas, cells: Tensor, logits: Tensor) -> Prediction:
        """A token for each of the cells, Bool[rows, length], from their logits, Float[n, vocab]."""
        row = cells.nonzero()[:, 0].tolist()
        tokens = self.draw(canvas, logits, row)
        probability = probability_of(logits, tokens)
        sureness = self.sureness_of(canvas, logits, tokens, probability)
        return Prediction(row, logits, tokens, probability, sureness)

    def draw(self, canvas: Canvas, logits: Tensor, row: list[int]) -> Tensor:
        """Int[n]: see draw_tokens."""
        cut = Cut(self.top_p, self.top_k, self.nucleus_crosses)
        return draw_tokens(logits, self.temperature, row, canvas.rng, cut)

    def sureness_of(self, canvas: Canvas, logits: Tensor, tokens: Tensor, probability: Tensor) -> Tensor:
        """Float[n]: the score by which cells are ranked, the probability of their tokens. With `eos_deferral
        = renormalised` it is the probability among all tokens but EOS and EoT, and 0 for these two
        (LLaDA's generate.py at T = 0)."""
        ends = self.ends(canvas)
        if not ends or self.eos_deferral == "last":
            return probability
        kept = [logits[:, end].clone() for end in ends]
        for end in ends:
            logits[:, end] = -torch.inf
        sureness = probability_of(logits, tokens)
        for end, column in zip(ends, kept, strict=True):
            logits[:, end] = column
        return sureness

    def ends(self, canvas: Canvas) -> list[int]:
        """The ids, EOS and EoT, that the settings defer."""
        deferred = self.confidence_eos_eot_inf or self.eos_gating
        return [i for i in (canvas.eos_id, canvas.eot_id) if deferred and i is not None]

    def forbid_ends(self, canvas: Canvas, logits: Tensor) -> None:
        """EOS at -inf in logits, Float[n, vocab], where the settings ask for it."""
        if (self.logits_eos_inf or self.eos_gating) and canvas.eos_id is not None:
            logits[:, canvas.eos_id] = -torch.inf

    def defer_ends(self, canvas: Canvas, scores: Tensor, tokens: Tensor) -> Tensor:
        """Scores with EOS and EoT cells lowest, where the settings ask for it (deferred only). Renormalised
        probabilities have them at 0 already, and the published code defers nothing else."""
        if self.eos_deferral == "renormalised":
            return scores
        ends = torch.zeros_like(tokens, dtype=torch.bool)
        for token in self.ends(canvas):
            ends |= tokens == token
        return scores.masked_fill(ends, torch.finfo(torch.float32).min)

    def stopped(self, canvas: Canvas) -> Tensor:
        """Bool[rows]: rows that need no further block."""
        if not self.early_stop:
            return torch.zeros(canvas.rows, dtype=torch.bool)
        return finished_rows(canvas)

    def fill_with_eos(self, denoise: Denoiser, canvas: Canvas, stopped: Tensor) -> Unmasked | None:
        """After an early stop: the cells never decoded become EOS (confidence 0: the network never
        predicted them)."""
        undecided = canvas.masked & stopped[:, None]
        if not bool(undecided.any()) or canvas.eos_id is None:
            return None
        eos = torch.full((int(undecided.sum()),), canvas.eos_id)
        cells = changed(undecided, eos, torch.zeros(len(eos)))
        canvas.write(undecided, eos)
        return Unmasked(
            nfe=denoise.nfe,
            forwards=denoise.forwards,
            block=self.blocks_on(canvas) - 1,
            step=-1,
            cells=cells,
        )

    def finished(self, denoise: Denoiser, canvas: Canvas, stopped: Tensor) -> Finished:
        """The last event."""
        has_masks = canvas.masked.any(-1)
        rows = zip(stopped.tolist(), has_masks.tolist(), strict=True)
        return Finished(
            nfe=denoise.nfe,
            forwards=denoise.forwards,
            tokens=canvas.token_rows(),
            stop_reasons=tuple("eos" if stop else "left" if masked else "steps" for stop, masked in rows),
            row_nfe=tuple(denoise.row_nfe[sample] for sample in canvas.samples),
        )


def near_divisors(length: int, size: int) -> tuple[int, ...]:
    """The two divisors of a length next to a size that is none, the nearest first."""
    divisors = [n for n in range(1, length + 1) if length % n == 0]
    nearest = sorted(divisors, key=lambda n: (abs(n - size), n))
    return tuple(nearest[:2])


@dataclass(frozen=True)
class Prediction:
    """For the n queried cells, row-major. row: the row of each; logits: Float[n, vocab];
    tokens: Int[n] as drawn; probability: Float[n] of the drawn tokens (raw softmax); sureness:
    Float[n], the probability that ranks them (see BlockSettings.sureness_of)."""

    row: list[int]
    logits: Tensor
    tokens: Tensor
    probability: Tensor
    sureness: Tensor

    def to_host(self, *others: Tensor) -> list[Tensor]:
        """tokens, probability (as float32) and others on the host, in the one transfer of a step."""
        return to_host(self.tokens, self.probability.float(), *others)
