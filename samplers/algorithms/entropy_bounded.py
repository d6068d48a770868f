"""Entropy-bounded unmasking (EB-sampler, 2505.24857, algorithm 1).

Sort the masked cells by entropy, ascending; accept the largest k with
sum_{i<=k} H_i - max_{i<=k} H_i <= gamma, and at least one: the bound on what is lost by deciding k
cells independently. Deviation: `steps` bounds the run, as in threshold decoding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from samplers.algorithms.threshold import ParallelSettings
from samplers.blocks import Prediction
from samplers.drawing import entropy
from samplers.forwards.transfer import spread, to_device
from samplers.registry import register
from samplers.settings import option


@register(
    "entropy_bounded",
    title="EB-sampler · entropy bound",
    summary="Commits as many cells at once as a bound on their joint entropy allows.",
    paper="EB-sampler, 2505.24857",
    aliases=("eb_sampler",),
)
@dataclass(frozen=True)
class EntropyBounded(ParallelSettings):
    """Settings of the EB-sampler."""

    gamma: float = option(0.1, "Bound in nats on the entropy given up in a step.", low=0, high=100)

    def sureness(self, guess: Prediction) -> Tensor:
        """Negative entropy, nats."""
        return -entropy(guess.logits)

    def accept(self, queried: Tensor, scores: Tensor) -> Tensor:
        """The longest run of ascending entropies within the bound; the last one is its maximum."""
        nats = spread(queried, -scores.double(), torch.inf)
        ascending, order = nats.sort(dim=-1, stable=True)
        before = torch.cat((torch.zeros_like(nats[:, :1]), ascending.cumsum(-1)[:, :-1]), -1)
        cells = to_device(queried, nats.device)
        return cells & torch.zeros_like(cells).scatter_(-1, order, before <= self.gamma)
