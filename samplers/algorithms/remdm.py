"""ReMDM: the diffusion process itself, decided cells being re-masked at random (2503.00307, section 4).

Time t runs from 1 to 0 in steps of dt; alpha is the share of cells decided at t, sigma the probability that
a decided cell is re-masked in a step.

alpha = 1 - t, s = t - dt, sigma_max = min(1, (1 - alpha_s) / alpha_t). A decided cell is re-masked
with probability sigma; a masked cell stays masked with (1 - alpha_s - sigma alpha_t) / (1 -
alpha_t), else it is sampled. Schedules of sigma: cap, rescale, conf, loop. With conf, sigma of a masked
cell is 0, as in the paper. The published runs draw at `top_p=0.9` with one block; ReMDM's nucleus leaves
out the token with which the sum exceeds top_p, and so does this sampler (the others keep it).

Deviations: t runs from 1 to 0 within each block (one block is the paper's form); pinned cells never
change; a step that decides nothing costs no forward. Under conf the confidence of a cell is its raw
probability, theirs that within the nucleus. Under loop the step that reaches the loop stops at alpha = .9
(theirs goes past it, by .06 at 128 steps), and a run of fewer than 20 steps finishes within its last
step, where theirs leaves the rest to a noise removal pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from samplers.blocks import BlockSettings, temperature_option
from samplers.drawing import random_cells
from samplers.events import Event
from samplers.registry import Needs, register
from samplers.run import Run
from samplers.settings import option

SCHEDULES = ("cap", "rescale", "conf", "loop")
LOOP_ON, LOOP_OFF, LOOP_ALPHA = 0.55, 0.05, 0.9


@register(
    "remdm",
    title="ReMDM · re-masking diffusion",
    summary="Samples as the diffusion process says, and re-masks decided cells at random.",
    paper="ReMDM, 2503.00307",
)
@dataclass(frozen=True)
class ReMDM(BlockSettings):
    """Settings of ReMDM."""

    nucleus_crosses: ClassVar[bool] = False

    temperature: float = temperature_option(1.0)
    schedule: str = option("conf", "How the re-mask probability is set.", choices=SCHEDULES)
    cap: float = option(0.008, "Schedule cap: the most a cell is re-masked with a step.", low=0, high=1)
    rescale: float = option(0.015, "Schedule rescale: share of the greatest probability.", low=0, high=1)
    loop_sigma: float = option(
        0.02, "Schedule loop: re-mask probability while the loop lasts.", low=0, high=0.1
    )

    @property
    def needs(self) -> Needs:
        """It puts masks back."""
        return Needs(mask=True)

    def open_from(self, block: int) -> int:
        """Only the block in work changes."""
        return block

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """From t = 1 to 0 in steps_per_block steps.

        Shapes: R rows, L positions, n masked cells that are decided now, d decided ones that go.
        """
        canvas, steps = run.canvas, self.steps_per_block
        cells = canvas.block_cells(block, self.block_length) & active[:, None]  # Bool[R, L]
        confidence = torch.ones(cells.shape)  # Float[R, L], of each cell when it was decided
        for i in range(steps):
            # 1. The probabilities of this step.
            t, s = 1 - i / steps, 1 - (i + 1) / steps
            alpha_t, alpha_s, sigma = self.plan(t, s)
            masked, decided = cells & canvas.masked, cells & ~canvas.masked  # Bool[R, L]
            remask = sigma if self.schedule != "conf" else self.by_confidence(sigma, confidence, decided)
            posterior_sigma = 0.0 if self.schedule == "conf" else sigma
            stay = max(0.0, (1 - alpha_s - posterior_sigma * alpha_t) / (1 - alpha_t))
            # 2. Which cells change: chance alone decides, before the network is called.
            queried = random_cells(masked, 1 - stay, canvas.rng)  # Bool[R, L], n True
            dropped = random_cells(decided, remask, canvas.rng)  # Bool[R, L], d True
            # 3. One forward for those to be decided; then the others become masks.
            if bool(queried.any()):
                guess = self.predict(run.denoise, canvas, queried)
                tokens, probability = guess.to_host()  # [n] each
                confidence[queried] = probability
                yield run.unmasked(block, queried, tokens, probability)
            if bool(dropped.any()):
                yield run.remasked(block, dropped, confidence[dropped], "remdm")

    def plan(self, t: float, s: float) -> tuple[float, float, float]:
        """alpha_t, alpha_s and sigma of the step from t to s."""
        if self.schedule == "loop":
            return self.loop(t, s)
        alpha_t, alpha_s = 1 - t, 1 - s
        most = min(1.0, (1 - alpha_s) / alpha_t) if alpha_t > 0 else 1.0
        sigma = {"cap": min(self.cap, most), "rescale": self.rescale * most, "conf": most}[self.schedule]
        return alpha_t, alpha_s, sigma

    def loop(self, t: float, s: float) -> tuple[float, float, float]:
        """Unmask to alpha = .9, hold it there while re-masking, then finish."""
        if LOOP_OFF < t <= LOOP_ON and s > 0:
            return LOOP_ALPHA, LOOP_ALPHA, self.loop_sigma
        return loop_alpha(t), loop_alpha(s), 0.0

    def by_confidence(self, sigma: float, confidence: Tensor, decided: Tensor) -> Tensor:
        """Float[n decided]: softmax over the row's decided cells of minus the confidence, * sigma."""
        share = (-confidence).masked_fill(~decided, -torch.inf).softmax(-1)
        return share[decided] * sigma


def loop_alpha(t: float) -> float:
    """Alpha before and after the loop."""
    if t > LOOP_ON:
        return LOOP_ALPHA * (1 - t) / (1 - LOOP_ON)
    return LOOP_ALPHA if t > LOOP_OFF else 1 - t * (1 - LOOP_ALPHA) / LOOP_OFF
