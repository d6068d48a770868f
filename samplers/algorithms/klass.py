"""KLASS: commit cells whose prediction is sure and has stopped moving (KL-adaptive stability).

Per cell the last two values of KL(p_now || p_before) are kept. A step commits the cells with
confidence > tau all of whose KLs are < epsilon, never before the second step of a block; when none
qualify, the quota's surest cells. Deviation: `steps` bounds the run, as in threshold decoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from samplers.blocks import BlockSettings, Run
from samplers.drawing import fair_share, quota, top_cells
from samplers.events import Event
from samplers.registry import register
from samplers.settings import option

HISTORY = 2


@register(
    "klass",
    title="KLASS · stable predictions",
    summary="Commits cells that are sure and whose prediction has stopped moving.",
    paper="KLASS, 2511.05664",
)
@dataclass(frozen=True)
class Klass(BlockSettings):
    """Settings of KLASS."""

    confidence_threshold: float = option(0.9, "Commit only above this confidence.", low=0, high=1)
    kl_threshold: float = option(0.01, "Commit only below this divergence, in nats.", low=0, high=100)

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """Stable cells at once, else the quota."""
        canvas = run.canvas
        cells = canvas.block_cells(block, self.block_length) & active[:, None]
        quotas = [quota(n, self.steps_per_block)[0] for n in cells.sum(-1).tolist()]
        moved = torch.zeros(HISTORY, *cells.shape)
        before, asked_before = torch.empty(0), cells
        for step in range(self.steps_per_block):
            asked = cells & canvas.masked
            if not bool(asked.any()):
                return
            guess = self.predict(run.denoise, canvas, asked)
            logs = guess.logits.log_softmax(-1)
            kl = torch.zeros(len(logs), device=logs.device)
            if step:
                kl = divergence(logs, before[asked[asked_before].to(logs.device)])
            before, asked_before = logs, asked
            tokens, probability, kl = guess.to_host(kl)
            moved = moved.roll(-1, 0)
            moved[-1][asked] = kl
            scores = self.defer_ends(canvas, probability, tokens)
            stable = asked & bool(step) & (moved < self.kl_threshold).all(0)
            stable[asked] &= scores > self.confidence_threshold
            share = torch.where(stable.any(-1), 0, torch.tensor(quotas).clamp(min=1))
            least = fair_share(asked.sum(-1), self.steps_per_block - step)
            commit = stable | top_cells(asked, scores, share.maximum(least))
            kept = commit[asked]
            yield run.unmasked(block, commit, tokens[kept], probability[kept])


def divergence(now: Tensor, before: Tensor) -> Tensor:
    """KL(now || before) of log-probabilities Float[n, vocab], in nats; Float[n], never negative."""
    gap = (now - before).masked_fill(now == -torch.inf, 0)
    return (now.exp() * gap).sum(-1).clamp(min=0)
