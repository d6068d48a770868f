"""LLaDA's sampler: commit the surest cells first, block after block; nothing is taken back.

LLaDA (2502.09992), algorithm 5 (semi-autoregressive, low-confidence "remasking"). Orderings
`margin` and `entropy` from Dream (2508.15487). Deviations: the mask token is never predicted; a
step whose quota is zero costs no forward.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch

from samplers.blocks import BlockSettings, changed
from samplers.canvas import Canvas
from samplers.denoiser import Denoiser
from samplers.drawing import ORDERINGS, ordering_scores, top_cells, transfer_schedule
from samplers.events import Event, Unmasked
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

    @torch.no_grad()
    def __call__(self, denoise: Denoiser, canvas: Canvas) -> Generator[Event, None, Canvas]:
        """Fill every mask of the canvas. One Unmasked event per denoiser call."""
        yield self.started(denoise, canvas)
        stopped, step = self.stopped(canvas), 0
        for block in range(self.blocks):
            cells = canvas.block_cells(block, self.block_length) & ~stopped[:, None]
            schedule = transfer_schedule(cells, self.steps_per_block)
            for k in schedule.unbind(-1):
                asked = cells & canvas.masked & (k > 0)[:, None]
                if not bool(asked.any()):
                    break
                guess = self.predict(denoise, canvas, asked)
                scores = ordering_scores(
                    self.confidence, guess.logits, guess.probability, guess.row, canvas.rng
                )
                tokens, probability, scores = guess.to_host(
                    self.defer_ends(canvas, scores, guess.tokens)
                )
                commit = top_cells(asked, scores, k)
                kept = commit[asked]
                canvas.write(commit, tokens[kept])
                event_cells = changed(commit, tokens[kept], probability[kept])
                yield Unmasked(nfe=denoise.nfe, block=block, step=step, cells=event_cells)
                step += 1
            stopped = stopped | self.stopped(canvas)
        last = self.fill_with_eos(denoise, canvas)
        if last is not None:
            yield last
        yield self.finished(denoise, canvas, stopped)
        return canvas
