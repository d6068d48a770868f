"""WINO: draft many cells, check each against the rest of the text, take back what does not hold.

WINO, wide-in narrow-out (2507.18578, algorithm 1).

The network is given a second copy of the block, all masks, at the same positions: the shadow. Real cells
cannot see it; shadow cell i sees everything except real cell i, so it tells what the rest of the text
would write there. To draft a cell is to write its token for now; to revoke it is to re-mask it.

Each step drafts the masked cells with confidence > tau1 (`draft_threshold`), at most
min(max(0.7 * masks, 5), 20) and at least one. When more than one was drafted, cells of the block that were
decided in earlier steps, and whose token has a shadow probability < tau2 (`verify_threshold`), are
revoked, lowest first, fewer than were drafted in the step before (30 at a block's first step). That is the
authors' cap (`revoke_cap = last_step`): a step may take back more than it drafts, and the sum of masks and
of the last drafts still falls, so a block ends within its length + 30 steps. The paper names no cap;
`this_step` takes back fewer than the step itself drafts, so there are fewer masks after every step.

Deviations: `steps` is the most steps, after which what is left is committed without verification.
With EOS forbidden, the shadow's probabilities keep EOS in their denominator. The published draft
thresholds are .5 to .8 with blocks of 128.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from samplers.blocks import BlockSettings
from samplers.drawing import probability_of, ranks, top_cells
from samplers.events import Event
from samplers.forwards.transfer import to_device
from samplers.registry import Needs, register
from samplers.run import Run
from samplers.settings import option

MOST_SHARE, LEAST_CAP, MOST_CAP = 0.7, 5, 20
FIRST_CAP = 30  # what stands for the drafts of the step before, at a block's first step


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
        """A network that can see the block twice, and masks to put back."""
        return Needs(shadow=True, mask=True)

    def open_from(self, block: int) -> int:
        """Only the block in work changes."""
        return block

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """Draft and verify until no mask is left.

        Shapes: R rows, L positions, n masked cells of the block, A rows that have such, B block length.
        """
        canvas = run.canvas
        start, stop = canvas.block_span(block, self.block_length)
        cells = canvas.block_cells(block, self.block_length) & active[:, None]  # Bool[R, L]
        last_drafts = torch.full((len(cells),), FIRST_CAP)  # Int[R], drafts of the step before
        for step in range(self.steps_per_block):
            final = step == self.steps_per_block - 1
            queried = cells & canvas.masked  # Bool[R, L], n True
            if not bool(queried.any()):
                return
            # 1. One forward for both: logits of the cells, and of the shadow block of every row that has one.
            logits, shadow = run.denoise.verify(canvas, queried, start, stop)  # Float[n | A * B, vocab]
            self.forbid_ends(canvas, logits)
            # 2. A token and its confidence for each mask; the shadow's probability of what stands.
            guess = self.guess(canvas, queried, logits)
            rows = queried.any(-1)
            standing = to_device(canvas.tokens[rows, start:stop].reshape(-1), shadow.device)  # Int[A * B]
            verified_rows = probability_of(shadow, standing).float()  # Float[A * B]
            scores = self.defer_ends(canvas, guess.sureness, guess.tokens).float()
            tokens, probability, scores, verified_rows = guess.to_host(scores, verified_rows)  # [n], [A * B]
            # 3. Draft: all above tau1 up to the cap, the surest in any case.
            draft = queried if final else drafted(queried, scores, self.draft_threshold)
            # 4. Revoke: decided cells of the block that the rest of the text refutes.
            verified = torch.ones(queried.shape)  # Float[R, L]
            verified[rows, start:stop] = verified_rows.reshape(-1, stop - start)  # [A, B]
            drafts = draft.sum(-1)
            cap = drafts if self.revoke_cap == "this_step" else torch.where(drafts > 1, last_drafts, 0)
            revoked = refuted(cells & ~queried, verified, self.verify_threshold, cap)
            last_drafts = drafts
            # 5. Write, then take back.
            is_draft = draft[queried]
            yield run.unmasked(block, draft, tokens[is_draft], probability[is_draft])
            if not final and bool(revoked.any()):
                yield run.remasked(block, revoked, verified[revoked], "wino")


def drafted(queried: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Bool[rows, length]: the queried cells above the threshold, the surest first, at most the cap, at
    least one. scores: Float[n queried]."""
    masks = queried.sum(-1)
    cap = (MOST_SHARE * masks.double()).floor().clamp(LEAST_CAP, MOST_CAP).long()
    above = queried.clone()
    above[queried] = scores > threshold
    return top_cells(queried, scores, torch.minimum(above.sum(-1), cap).clamp(min=1))


def refuted(decided: Tensor, verified: Tensor, threshold: float, cap: Tensor) -> Tensor:
    """Bool[rows, length]: decided cells under the threshold, the least likely first, fewer than
    `cap`, Int[rows]. verified: Float[rows, length]."""
    low = decided & (verified < threshold)
    return low & (ranks(low, -verified[low]) < (cap - 1)[:, None])
