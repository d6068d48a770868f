"""How likely a model finds a token, by the token's place in a long text.

The texts are held-out problems of all tasks and levels with their worked answers, and held-out English
sentences, one after the other in one context. A token's log-likelihood is LLaDA's Monte Carlo estimate
(2502.09992, eq. 14; evaluation.likelihood.monte_carlo), place by place: the mean of log p of a masked token
over shares of masks that are spread evenly over (0, 1). Every bucket of positions has the same number of
masks, so that all of them are estimated equally well. Rows and masks are functions of the seed, the same for
every model: differences between models are paired.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from evaluation.statistics import paired_bootstrap
from models.llada import LLaDAModelLM
from models.loading import LoadedModel
from tasks.core import HELD_OUT, require
from tasks.english.texts import draw_sentence
from tasks.levels import LEVELS

ENGLISH_SHARE = 0.1


@dataclass(frozen=True)
class PositionPlan:
    """What is scored: `rows` texts of `length` tokens, in `buckets` of positions, each under `shares` draws
    of masks, the i-th of which hides (i + 1/2) / shares of all tokens. ValueError: sizes that do not fit."""

    length: int = 2048
    buckets: int = 16
    rows: int = 32
    shares: int = 8
    seed: int = 2026

    def __post_init__(self) -> None:
        for name, most in (("length", 1 << 20), ("rows", 100_000), ("shares", 1000)):
            require(1 <= getattr(self, name) <= most, name, getattr(self, name), f"1 to {most:,}")
        fits = 1 <= self.buckets <= self.length and self.length % self.buckets == 0
        require(fits, "buckets", self.buckets, f"a divisor of length = {self.length}")

    @property
    def width(self) -> int:
        """Tokens of a bucket."""
        return self.length // self.buckets


@dataclass(frozen=True)
class Estimate:
    """A mean over rows, in nats a token; low, high: its 95% bootstrap interval over the rows."""

    mean: float
    low: float
    high: float


def long_rows(loaded: LoadedModel, plan: PositionPlan) -> Tensor:
    """Int[rows, length]: held-out texts one after the other, EOS between them, cut at the row's end.
    ValueError for a model without a tokenizer."""
    tokenizer, eos = loaded.tokenizer, loaded.eos_id
    require(tokenizer is not None and eos is not None, "model", loaded.name, "a model with a tokenizer")
    assert tokenizer is not None and eos is not None
    rng, rows = random.Random(f"positions|{plan.seed}"), []
    for _ in range(plan.rows):
        ids: list[int] = []
        while len(ids) < plan.length:
            ids += [*tokenizer.encode(held_out_text(rng), add_special_tokens=False), eos]
        rows.append(ids[: plan.length])
    return torch.tensor(rows)


def held_out_text(rng: random.Random) -> str:
    """A problem of any task and level with its worked answer, or an English sentence."""
    if rng.random() < ENGLISH_SHARE:
        return draw_sentence(rng, HELD_OUT)
    task = rng.choice([task for levels in LEVELS.values() for task in levels.values()])
    problem = task.generate(rng, HELD_OUT)
    return f"{problem.prompt}\n{problem.solution}"


def even_masks(plan: PositionPlan, share: float, draw: torch.Generator) -> Tensor:
    """Bool[length]: the same number of masked cells in every bucket, at least one."""
    count = max(1, round(share * plan.width))
    order = torch.rand(plan.buckets, plan.width, generator=draw).argsort(-1).argsort(-1)
    return (order < count).flatten()


@torch.no_grad()
def bucket_likelihoods(
    model: LLaDAModelLM, mask_id: int, rows: Tensor, plan: PositionPlan,
    on_forward: Callable[[], None] = lambda: None,
) -> Tensor:  # fmt: skip
    """Mean log-likelihood of a token, Double[rows, buckets]; one forward of one row a share. rows: Int[rows,
    length]. A text may be longer than the model's context: what that does is the question."""
    found = torch.zeros(len(rows), plan.buckets, dtype=torch.double)
    for number, row in enumerate(rows.to(model.device)):
        draw = torch.Generator().manual_seed(plan.seed * 1_000_003 + number)
        for i in range(plan.shares):
            masked = even_masks(plan, (i + 0.5) / plan.shares, draw).to(model.device)
            places = masked.nonzero()[:, 0]  # Int[M], in order, as many of each bucket
            hidden = model.hidden(row.masked_fill(masked, mask_id)[None], places=places)  # [M, width]
            logits = model.head(hidden).float()  # Float[M, vocabulary]
            logits[:, mask_id] = -torch.inf  # as in decoding, the mask is never predicted
            log_p = logits.log_softmax(-1).gather(-1, row[places][:, None])  # Float[M, 1]
            found[number] += log_p.double().cpu().view(plan.buckets, -1).mean(-1) / plan.shares
            on_forward()
    return found


def estimate(values: Tensor, others: Tensor | None = None) -> Estimate:
    """The mean of a number a row, or of its difference from another one of the same row. Double[rows]."""
    first = values.tolist()
    second = [0.0] * len(first) if others is None else others.tolist()
    low, high = paired_bootstrap(first, second, 2000)
    return Estimate(float(np.mean(first) - np.mean(second)), low, high)


def drift(found: Tensor, plan: PositionPlan, context: int) -> Tensor:
    """How much less likely tokens behind the context are than those in it, Double[rows]: the mean over the
    buckets that begin at `context` or later, minus the mean over those before. ValueError where no bucket, or
    every one, is behind it."""
    first = -(-context // plan.width)
    allowed = f"between {plan.width} and length = {plan.length}, without the last {plan.width}"
    require(0 < first < plan.buckets, "context", context, allowed)
    return found[:, first:].mean(-1) - found[:, :first].mean(-1)
