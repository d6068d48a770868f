"""Vanilla-PRM: several candidates of each block, the best by a process reward model (LLaDA R3, 2507.08018).

Each block is decoded `num_candidates_per_block` times as one batch, scored with everything before
it in one batched reward-model call, and the best candidate goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from samplers.algorithms.rewarded import RewardedSettings
from samplers.events import Event
from samplers.registry import register
from samplers.run import Run
from samplers.settings import option


@register(
    "vanilla_prm",
    title="LLaDA R3 · vanilla PRM",
    summary="Decodes several candidates of each block and keeps the one a reward model likes best.",
    paper="LLaDA R3, 2507.08018",
)
@dataclass(frozen=True)
class VanillaPRM(RewardedSettings):
    """Settings of Vanilla-PRM."""

    num_candidates_per_block: int = option(
        5, "Candidates of each block.", "Candidates a block", low=1, high=64
    )

    @property
    def most_candidates(self) -> int:
        """See BlockSettings."""
        return self.num_candidates_per_block

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """The best of the candidates."""
        yield from self.best_block(run, block, active, self.num_candidates_per_block)
