"""Best-of-n: n whole answers as one batch, the best by a reward model wins.

The baseline for every sampler guided by a reward model: it shows whether back-masking is worth its cost.
Each answer is decoded as LLaDA does, at a temperature; one batched reward-model call scores all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from samplers.algorithms.contest import AGGREGATES, contest
from samplers.algorithms.rewarded import RewardedSettings
from samplers.blocks import BlockSettings
from samplers.events import Event
from samplers.registry import register
from samplers.run import Run
from samplers.settings import option


@register(
    "best_of_n",
    title="Best of n",
    summary="Decodes n whole answers and keeps the one a reward model likes best.",
    paper="the baseline of LLaDA R3, 2507.08018",
)
@dataclass(frozen=True)
class BestOfN(RewardedSettings):
    """Settings of best-of-n."""

    num_samples: int = option(5, "Whole answers decoded (n).", "Answers n", low=1, high=64)
    aggregate: str = option(
        "product", "What answers are compared by, over their blocks.", choices=tuple(AGGREGATES)
    )

    @property
    def most_candidates(self) -> int:
        """See BlockSettings."""
        return self.num_samples

    def fill(self, run: Run, stopped: Tensor) -> Iterator[Event]:
        """Decode all blocks of n copies; then one contest."""
        rows, n = run.canvas.masked.any(-1) & ~stopped, self.num_samples
        if not bool(rows.any()):
            return

        def decode(forked: Run) -> Iterator[Event]:
            return BlockSettings.fill(self, forked, ~rows.repeat_interleave(n))

        blocks = self.blocks_on(run.canvas)
        spans = self.spans(run.canvas, blocks)
        yield from contest(run, blocks - 1, rows, n, decode, spans, 0, AGGREGATES[self.aggregate])
        stopped |= self.stopped(run.canvas)
