"""LLaDA's sampler: commit the surest cells first, block after block; nothing is taken back.

LLaDA (2502.09992), algorithm 5 (semi-autoregressive, low-confidence "remasking"). Orderings
`margin`, `entropy` and `origin` from Dream (2508.15487); `origin` decides at random which cells
fall, p = 1 - s / t. Deviations: the mask token is never predicted; a step that commits nothing
costs no forward.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from samplers.blocks import BlockSettings, Run
from samplers.drawing import ORDERINGS, ordering_scores, random_cells, top_cells, transfer_schedule
from samplers.events import Event
from samplers.registry import register
from samplers.settings import option


@register(
    "low_confidence",
    title="LLaDA · low confidence",
    summary="Commits the surest cells first, block after block. Nothing is taken back.",
    paper="LLaDA, 2502.09992",
    aliases=("llada",),
)
@dataclass(frozen=True)
class LowConfidence(BlockSettings):
    """Settings of LLaDA's sampler."""

    confidence: str = option(
        "probability", "The order in which cells are committed.", "Ordering", choices=ORDERINGS
    )

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """The block's masks, as many a step as the quota says."""
        cells = run.canvas.block_cells(block, self.block_length) & active[:, None]
        yield from self.fill_cells(run, block, cells, self.steps_per_block)

    def fill_cells(self, run: Run, block: int, cells: Tensor, steps: int | Tensor) -> Iterator[Event]:
        """Any masked cells, Bool[rows, length], in `steps` steps (one, or Int[rows])."""
        canvas = run.canvas
        for step, k in enumerate(transfer_schedule(cells, steps).unbind(-1)):
            asked = cells & canvas.masked & (k > 0)[:, None]
            if self.confidence == "origin":
                masks = cells & canvas.masked
                left = (torch.as_tensor(steps).expand(len(cells)) - step).clamp(min=1)
                asked = random_cells(masks, 1 / left[masks.nonzero()[:, 0]], canvas.rng)
                k = asked.sum(-1)
            if not bool(asked.any()):
                continue
            guess = self.predict(run.denoise, canvas, asked)
            scores = ordering_scores(self.confidence, guess.logits, guess.probability, guess.row, canvas.rng)
            tokens, probability, scores = guess.to_host(self.defer_ends(canvas, scores, guess.tokens))
            commit = top_cells(asked, scores, k)
            kept = commit[asked]
            yield run.unmasked(block, commit, tokens[kept], probability[kept])
