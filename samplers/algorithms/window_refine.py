"""Window refinement: score a window of blocks, decode low ones again (LLaDA R3, 2507.08018).

The answer is decoded plainly; every `window` blocks, and for what is left where the answer ends (also at
an early stop), the window is scored. If its lowest score is under the threshold, P over the window with
q = exp(alpha (1 - s)), and `num_refinement_samples` copies are refined as one batch; the best by
product or minimum wins. A refinement is decoded one token a step, in at most `refine_steps` steps, as the
authors' code does (their text does not say); 0 takes steps_per_block * window, the pace of the answer
itself. Deviations: as in back-masking; a trailing window is refined too, theirs is only scored; with
`whole_window` (our own) P is 1 and the blocks of a copy are decoded one after the other.

Every row with something to decode is scored at least once: a run without a BlockScored event for a row
is one with `max_refinements = 0`, or with nothing to decode.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from samplers.algorithms.low_confidence import LowConfidence
from samplers.algorithms.remasking import refine_probabilities
from samplers.algorithms.rewarded import RefinedSettings, Window
from samplers.blocks import temperature_option
from samplers.events import Event
from samplers.registry import register
from samplers.run import Run
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

    refine_steps: int = option(
        128, "Most steps of a refinement; 0: as many as the window's blocks have.", low=0, high=4096
    )

    @property
    def most_candidates(self) -> int:
        """See BlockSettings."""
        return self.num_refinement_samples

    def open_from(self, block: int) -> int:
        """The window in work changes, none before it."""
        return block // self.window * self.window

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """Decode plainly; score the window when it is full or the answer ends."""
        yield from LowConfidence.fill_block(self, run, block, active)
        blocks_done, first = block + 1, block // self.window * self.window
        if blocks_done % self.window and blocks_done != self.blocks_on(run.canvas):
            active = active & self.stopped(run.canvas)
        window = Window(
            first=first,
            end=blocks_done,
            watched=blocks_done - first,
            threshold=self.backmasking_threshold,
            intensity=self.backmasking_intensity,
            probabilities=lambda scores: refine_probabilities(scores, self.backmasking_alpha),
            candidates=self.num_refinement_samples,
            most_steps=self.refine_steps or self.steps_per_block * self.window,
        )
        yield from self.refine(run, window, active)
