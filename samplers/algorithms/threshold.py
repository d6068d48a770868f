"""Fast-dLLM's parallel decoding: commit every cell that is sure enough at once (2505.22618, section 3.3).

Threshold: commit all masked cells with confidence >= tau. Factor: sort by confidence; rank r
(from 1) is accepted while confidence >= 1 - f / (r + 1), rank 1 always. Deviations: `steps` bounds
the run; a step commits at least ceil(masks left / steps left), which is one when steps = gen_length.
The published loop also accepts the last of all ranks when only that one fails, because it does not tell
running out of ranks from a rank that fails; so two masks always fall together. The paper's rule, and ours,
is the longest run of ranks that pass; `free_last_rank` decodes as the published code does. The softmax is
float32, theirs float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from samplers.blocks import BlockSettings, Prediction
from samplers.drawing import fair_share, ranks, top_cells
from samplers.events import Event
from samplers.forwards.transfer import spread, to_device
from samplers.registry import register
from samplers.run import Run
from samplers.settings import option


@dataclass(frozen=True)
class ParallelSettings(BlockSettings):
    """A block in as many steps as the confidences need, at most steps_per_block."""

    def open_from(self, block: int) -> int:
        """Nothing is taken back."""
        return self.blocks

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """Commit the cells that `accept` lets pass, and the surest others when these are too few."""
        canvas = run.canvas
        cells = canvas.block_cells(block, self.block_length) & active[:, None]
        for step in range(self.steps_per_block):
            queried = cells & canvas.masked
            if not bool(queried.any()):
                return
            guess = self.predict(run.denoise, canvas, queried)
            scores = self.defer_ends(canvas, self.sureness(guess), guess.tokens).float()
            least = fair_share(queried.sum(-1), self.steps_per_block - step)
            commit = self.accept(queried, scores) | top_cells(queried, scores, least)
            tokens, probability, commit = guess.to_host(commit)
            is_committed = commit[queried]
            yield run.unmasked(block, commit, tokens[is_committed], probability[is_committed])

    def sureness(self, guess: Prediction) -> Tensor:
        """Float[n], on the model's device: higher is surer."""
        return guess.sureness

    def accept(self, queried: Tensor, scores: Tensor) -> Tensor:
        """Bool[rows, length]: the queried cells whose scores, Float[n], are high enough; on their device."""
        raise NotImplementedError


@register(
    "threshold",
    title="Fast-dLLM · threshold",
    summary="Commits every cell that is sure enough at once, at least one a step.",
    paper="Fast-dLLM, 2505.22618",
)
@dataclass(frozen=True)
class Threshold(ParallelSettings):
    """Settings of threshold and factor decoding."""

    threshold: float = option(0.9, "Commit cells of at least this confidence.", low=0, high=1)
    factor: float = option(
        0.0,
        "Above 0, instead of the threshold: rank r needs a confidence of 1 - factor / (r + 1).",
        low=0,
        high=100,
    )
    free_last_rank: bool = option(
        False, "With a factor: commit all masks when only the last rank fails, as the published loop does."
    )

    def accept(self, queried: Tensor, scores: Tensor) -> Tensor:
        """Threshold, or the longest run of ranks that each pass their own."""
        if self.factor <= 0:
            return spread(queried, scores >= self.threshold, False)
        rank, cells = ranks(queried, scores), to_device(queried, scores.device)
        passed = cells & (spread(queried, scores, -torch.inf) >= 1 - self.factor / (rank + 2))
        if self.free_last_rank:  # the first rank is free as well, so that two masks fall together
            passed |= cells & ((rank == 0) | (rank == cells.sum(-1, keepdim=True) - 1))
        return leading(cells, passed, rank)


def leading(cells: Tensor, passed: Tensor, rank: Tensor) -> Tensor:
    """Bool[rows, length]: the cells before the first, in order of rank, that did not pass."""
    first_failed = rank.masked_fill(passed | ~cells, cells.shape[1]).amin(-1, keepdim=True)
    return cells & (rank < first_failed)
