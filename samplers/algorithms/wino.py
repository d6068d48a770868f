"""WINO: draft widely, verify against everything else, revoke what does not hold (2507.18578, algorithm 1).

A shadow copy of the block, all masks, stands at the same positions: real cells cannot see it;
shadow cell i sees everything except real cell i. Each step drafts the masked cells with confidence
> tau1, at most min(max(0.7 * masks, 5), 20) and at least one; when more than one was drafted, block
cells decided earlier whose token has a shadow probability < tau2 are re-masked, at most (drafted
- 1) of them, lowest first, so every step makes progress. Deviations: that cap is by this step's
drafts (the authors use the step before); `steps` is the most steps, after which what is left is
committed without verification.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from samplers.blocks import BlockSettings, Run
from samplers.drawing import draw_tokens, probability_of, ranks, top_cells
from samplers.events import Event
from samplers.registry import Needs, register
from samplers.settings import option

MOST_SHARE, LEAST_CAP, MOST_CAP = 0.7, 5, 20


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
    cache: str = option(
        "none", "WINO sees the block twice; a KV cache does not serve it.", "KV cache", choices=("none",)
    )

    @property
    def needs(self) -> Needs:
        """A second sight of the block."""
        return Needs(shadow=True)

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """Draft and verify until no mask is left."""
        canvas = run.canvas
        start, stop = canvas.block_span(block, self.block_length)
        cells = canvas.block_cells(block, self.block_length) & active[:, None]
        for step in range(self.steps_per_block):
            final = step == self.steps_per_block - 1
            asked = cells & canvas.masked
            if not bool(asked.any()):
                return
            logits, shadow = run.denoise.verify(canvas, asked, start, stop)
            self.forbid_ends(canvas, logits)
            row = asked.nonzero()[:, 0].tolist()
            drawn = draw_tokens(logits, self.temperature, row, canvas.rng)
            rows = asked.any(-1)
            standing = canvas.tokens[rows, start:stop].reshape(-1).to(shadow.device)
            packed = torch.cat(
                (drawn.double(), probability_of(logits, drawn).double(),
                 probability_of(shadow, standing).double())
            ).cpu()  # fmt: skip
            n = len(row)
            tokens, probability, held = packed[:n].long(), packed[n : 2 * n].float(), packed[2 * n :]
            scores = self.defer_ends(canvas, probability, tokens)
            draft = asked if final else drafted(asked, scores, self.draft_threshold)
            verified = torch.ones(asked.shape)
            verified[rows, start:stop] = held.float().reshape(-1, stop - start)
            revoked = refuted(cells & ~asked, verified, self.verify_threshold, draft.sum(-1))
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


def refuted(decided: Tensor, verified: Tensor, threshold: float, drafts: Tensor) -> Tensor:
    """Bool[rows, length]: decided cells under the threshold, the least likely first, fewer than
    were drafted. verified: Float[rows, length]; drafts: Int[rows]."""
    low = decided & (verified < threshold)
    return low & (ranks(low, -verified[low]) < (drafts - 1)[:, None])
