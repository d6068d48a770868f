"""Window-score and batch-refine (LLaDA R3, 2507.08018).

The answer is decoded plainly; every `window` blocks, and once for what is left at the end, the
window is scored. If its lowest score is under the threshold, P over the window with
q = exp(alpha (1 - s)), and `num_refinement_samples` copies are refined as one batch; the best by
product or minimum wins. Deviations: as in back-masking.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from samplers.algorithms.low_confidence import LowConfidence
from samplers.algorithms.remasking import refine_probabilities
from samplers.algorithms.rewarded import RefinedSettings, Window
from samplers.blocks import Run, temperature_option
from samplers.events import Event
from samplers.registry import register
from samplers.settings import option


@register(
    "window_refine",
    title="LLaDA R3 · window refine",
    summary="Scores windows of blocks and refines the low ones as a batch of copies.",
    paper="LLaDA R3, 2507.08018",
)
@dataclass(frozen=True)
class WindowRefine(RefinedSettings):
    """Settings of window refinement, under R3's names."""

    temperature: float = temperature_option(0.8)
    window: int = option(8, "Blocks of a window (K).", "Window K", low=1, high=4096, unit="blocks")
    num_refinement_samples: int = option(12, "Copies refined as one batch (N).", "Copies N", low=1, high=64)
    backmasking_threshold: float = option(
        0.8, "A score under this (tau) triggers.", "Trigger threshold", low=0, high=1
    )
    backmasking_alpha: float = option(
        10.0, "How steeply low scores attract re-masking.", "Steepness alpha", low=0, high=100
    )
    backmasking_intensity: float = option(
        0.8, "Most of a block that is re-masked, as a share.", "Intensity", low=0, high=1
    )

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """Plain decoding, and a look at the window when it is full or the answer ends."""
        yield from LowConfidence.fill_block(self, run, block, active)
        done = block + 1
        if done % self.window and done != self.blocks:
            return
        window = Window(
            first=block // self.window * self.window,
            end=done,
            watched=done - block // self.window * self.window,
            threshold=self.backmasking_threshold,
            intensity=self.backmasking_intensity,
            probabilities=lambda scores: refine_probabilities(scores, self.backmasking_alpha),
            candidates=self.num_refinement_samples,
            most_steps=self.steps_per_block * self.window,
        )
        yield from self.refine(run, window, active)
