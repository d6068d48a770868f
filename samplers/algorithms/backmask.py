"""Back-masking: when recent blocks score low, part of the answer is decided again (LLaDA R3, 2507.08018).

Blocks are decoded as in Vanilla-PRM. After a block, if the lowest of the last `backmasking_lookback` scores
is under the threshold, every block so far gets a probability P, the higher the lower its score;
round(block_length * P * intensity) cells of each become masks, `num_demasking_candidates` candidates are
decoded in parallel, and the one with the best product of scores wins. Deviations: the original is among
the candidates; with equal scores P follows their mean; the cells that go are the least confident ones
(`choice = random` is the paper's); a bound on the number of windows; with `candidates_differ` (our own) no
candidate may be the original; with `whole_window` (our own) P is 1 and blocks are decoded one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from samplers.algorithms.remasking import backmask_probabilities
from samplers.algorithms.rewarded import RefinedSettings, Window
from samplers.events import Event
from samplers.registry import register
from samplers.run import Run
from samplers.settings import option


@register(
    "backmask",
    title="LLaDA R3 · back-masking",
    summary="Re-masks part of the answer when a reward model scores recent blocks low.",
    paper="LLaDA R3, 2507.08018",
    aliases=("backmasking",),
)
@dataclass(frozen=True)
class BackMask(RefinedSettings):
    """Settings of back-masking, under R3's names."""

    num_candidates_per_block: int = option(
        5, "Candidates of each block.", "Candidates a block", low=1, high=64
    )
    num_demasking_candidates: int = option(
        5, "Candidates of a re-masked window.", "Candidates a window", low=1, high=64
    )
    backmasking_lookback: int = option(
        3,
        "How many of the last blocks are checked.",
        "Look-back",
        low=1,
        high=4096,
        unit="blocks",
    )
    backmasking_threshold: float = option(
        0.9, "A score under this triggers.", "Trigger threshold", low=0, high=1
    )
    backmasking_alpha: float = option(
        5.0, "How steeply low scores attract re-masking.", "Steepness alpha", low=0, high=100
    )
    backmasking_intensity: float = option(
        0.5, "Most of a block that is re-masked, as a share.", "Intensity", low=0, high=1
    )
    backmasking_frequency: int = option(1, "Look back every so many blocks.", "Frequency", low=1, high=4096)

    @property
    def most_candidates(self) -> int:
        """See BlockSettings."""
        return max(self.num_candidates_per_block, self.num_demasking_candidates)

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """Keep the best of the candidates; then check the blocks so far."""
        yield from self.best_block(run, block, active, self.num_candidates_per_block)
        blocks_done, lookback = block + 1, self.backmasking_lookback
        if blocks_done < lookback or blocks_done % self.backmasking_frequency:
            return
        window = Window(
            first=0,
            end=blocks_done,
            watched=lookback,
            threshold=self.backmasking_threshold,
            intensity=self.backmasking_intensity,
            probabilities=lambda scores: backmask_probabilities(scores, self.backmasking_alpha),
            candidates=self.num_demasking_candidates,
            most_steps=self.steps_per_block * lookback,
        )
        yield from self.refine(run, window, active)
