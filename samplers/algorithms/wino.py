"""WINO: draft widely, verify against everything else, revoke what does not hold (2507.18578, algorithm 1).

A shadow copy of the block, all masks, stands at the same positions: real cells cannot see it;
shadow cell i sees everything except real cell i. Each step drafts the masked cells with confidence
> tau1, at most min(max(0.7 * masks, 5), 20) and at least one; when more than one was drafted, block
cells decided in earlier steps whose token has a shadow probability < tau2 are re-masked, lowest first,
fewer than were drafted in the step before (30 at a block's first step). That is the authors' cap
(`revoke_cap = last_step`): a step may take back more than it drafts, and the sum of masks and of the
last drafts still falls, so a block ends within its length + 30 steps. The paper names no cap; `this_step`
takes back fewer than the step itself drafts, so that masks fall every step.

Deviations: `steps` is the most steps, after which what is left is committed without verification.
With EOS forbidden, the shadow's probabilities keep EOS in their denominator. The published draft
thresholds are .5 to .8 with blocks of 128.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from samplers.blocks import BlockSettings, Run
from samplers.drawing import probability_of, ranks, top_cells
from samplers.events import Event
from samplers.registry import Needs, register
from samplers.settings import option

MOST_SHARE, LEAST_CAP, MOST_CAP = 0.7, 5, 20
FIRST_CAP = 30  # drafts that the step before a block's first one is said to have made


@register(
    "wino",
    title="WINO · wide-in, narrow-out",
    summary="Drafts many cells at once and takes back those that the rest of the text refutes.",
    paper="WINO, 2507.18578",
)
@dataclass(frozen=True)
class Wino(BlockSettings):
    """Settings of WINO."""

    draft_threshold: float = option(0.6, "Draft cells above this confidence.", low=0, high=1)
    verify_threshold: float = option(
        0.9, "Take back cells whose token is less likely than this, seen from the rest.", low=0, high=1
    )
    revoke_cap: str = option(
        "last_step",
        "A step takes back fewer cells than this step drafted: the one before (as published), or itself.",
        choices=("last_step", "this_step"),
    )
    cache: str = option(
        "none", "WINO sees the block twice; a KV cache does not serve it.", "KV cache", choices=("none",)
    )

    @property
    def needs(self) -> Needs:
        """A second sight of the block."""
        return Needs(shadow=True)

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """Draft and verify until no mask is left.

        Shapes: R rows, L positions, n masked cells of the block, A rows that have such, B block length.
        """
        canvas = run.canvas
        start, stop = canvas.block_span(block, self.block_length)
        cells = canvas.block_cells(block, self.block_length) & active[:, None]  # Bool[R, L]
        last = torch.full((len(cells),), FIRST_CAP)  # Int[R], drafts of the step before
        for step in range(self.steps_per_block):
            final = step == self.steps_per_block - 1
            asked = cells & canvas.masked  # Bool[R, L], n True
            if not bool(asked.any()):
                return
            # 1. One forward for both: logits of the cells and of the shadow of every row asked.
            logits, shadow = run.denoise.verify(canvas, asked, start, stop)  # Float[n | A * B, vocab]
            self.forbid_ends(canvas, logits)
            # 2. A token and its confidence for each mask; the shadow's probability of what stands.
            guess = self.guess(canvas, asked, logits)
            rows = asked.any(-1)
            standing = canvas.tokens[rows, start:stop].reshape(-1).to(shadow.device)  # Int[A * B]
            held = probability_of(shadow, standing).cpu().float().reshape(-1, stop - start)  # Float[A, B]
            scores = self.defer_ends(canvas, guess.sureness, guess.tokens)
            tokens, probability, scores = guess.to_host(scores)  # [n] each
            # 3. Draft: all above tau1 up to the cap, the surest in any case.
            draft = asked if final else drafted(asked, scores, self.draft_threshold)
            # 4. Revoke: decided cells of the block that the rest of the text refutes.
            verified = torch.ones(asked.shape)  # Float[R, L]
            verified[rows, start:stop] = held
            drafts = draft.sum(-1)
            cap = drafts if self.revoke_cap == "this_step" else torch.where(drafts > 1, last, 0)
            revoked = refuted(cells & ~asked, verified, self.verify_threshold, cap)
            last = drafts
            # 5. Write, then take back.
            kept = draft[asked]
            yield run.unmasked(block, draft, tokens[kept], probability[kept])
            if not final and bool(revoked.any()):
                yield run.remasked(block, revoked, verified[revoked], "wino")


def drafted(asked: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Bool[rows, length]: cells above the threshold, the surest first, at most the cap, at least one."""
    masks = asked.sum(-1)
    cap = (MOST_SHARE * masks.double()).floor().clamp(LEAST_CAP, MOST_CAP).long()
    above = asked.clone()
    above[asked] = scores > threshold
    return top_cells(asked, scores, torch.minimum(above.sum(-1), cap).clamp(min=1))


def refuted(decided: Tensor, verified: Tensor, threshold: float, cap: Tensor) -> Tensor:
    """Bool[rows, length]: decided cells under the threshold, the least likely first, fewer than
    `cap`, Int[rows]. verified: Float[rows, length]."""
    low = decided & (verified < threshold)
    return low & (ranks(low, -verified[low]) < (cap - 1)[:, None])
