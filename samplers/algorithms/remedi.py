"""RemeDi: in every step a policy scores all cells of the block and the best stand (2509.23653, section 3.2).

K_i = cumsum of the quota. Step i keeps the K_i cells of highest policy score over *all* cells of
the block: a masked one among them takes its prediction, a decided one stays as it is; every other cell
becomes [MASK] again. The last step keeps all; earlier blocks never change. Policy score: sigmoid of
the UPS head, the probability of the predicted or standing token, or chance. Deviations: pinned
cells always stand and are not counted; with EOS gating, cells that end the text come last, whatever
scores them. LLaDA-RemeDi's code instead takes EOS and EoT out of the probabilities, which raises those
of the cells around them, and gates nothing under `ups`: its published table (GSM8K, LLaDA-8B-Base, ups
.36, tps_prob .26, random .12) is `eos_gating=true eos_deferral=renormalised steps=128 gen_length=128
block_length=16`. Guidance costs two sequences a step with `ups` too, theirs three.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from samplers.blocks import BlockSettings, Prediction
from samplers.drawing import probability_of, top_cells, transfer_schedule
from samplers.events import Event, PolicyScored
from samplers.forwards.transfer import put, take, to_device
from samplers.registry import Needs, register
from samplers.run import Run
from samplers.settings import option

POLICIES = ("ups", "tps_prob", "random")


@register(
    "remedi",
    title="RemeDi · learned re-masking",
    summary="A policy chooses every step which cells stand; the others become masks again.",
    paper="RemeDi, 2509.23653",
    with_head={"policy": "ups"},
)
@dataclass(frozen=True)
class RemeDi(BlockSettings):
    """Settings of RemeDi's inference."""

    policy: str = option(
        "tps_prob",
        "What scores a cell: the UPS head, the probability of its token, or chance.",
        choices=POLICIES,
    )

    @property
    def needs(self) -> Needs:
        """A UPS head for its policy, and masks to put back."""
        return Needs(head=self.policy == "ups", mask=True)

    def open_from(self, block: int) -> int:
        """Only the block in work changes."""
        return block

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """K_i cells stand after step i."""
        canvas = run.canvas
        span = canvas.block_span(block, self.block_length)
        cells = canvas.block_cells(block, self.block_length) & active[:, None]
        for k in transfer_schedule(cells, self.steps_per_block).cumsum(-1).unbind(-1):
            ranked = cells & ((cells & canvas.masked).any(-1) & (k > 0))[:, None]
            if not bool(ranked.any()):
                continue
            masked = ranked & canvas.masked
            guess, scores = self.score(run, ranked, masked)
            scores = self.defer_ends(canvas, scores, guess.tokens).float()
            tokens, probability, scores, keep = guess.to_host(scores, top_cells(ranked, scores, k))
            fresh, dropped = keep & masked, ranked & ~keep & ~masked
            if self.policy != "random":
                yield policy_scored(run, block, span, ranked, scores, keep)
            yield run.unmasked(block, fresh, tokens[fresh[ranked]], probability[fresh[ranked]])
            if bool(dropped.any()):
                yield run.remasked(block, dropped, probability[dropped[ranked]], "ups")

    def score(self, run: Run, ranked: Tensor, masked: Tensor) -> tuple[Prediction, Tensor]:
        """Drawn or standing tokens of the ranked cells, and their policy scores, both [n ranked].

        ranked: Bool[rows, length], all cells of the block in rows that go on; masked: those without a
        token."""
        canvas, is_masked = run.canvas, masked[ranked]
        keep: Tensor | None = None
        if self.policy == "ups":
            logits, keep = run.denoise.policy(canvas, masked, ranked)
        else:
            logits = run.denoise(canvas, ranked if self.policy == "tps_prob" else masked)
        self.forbid_ends(canvas, logits)
        of_masks = take(logits, is_masked) if self.policy == "tps_prob" else logits
        row = masked.nonzero()[:, 0].tolist()
        tokens = to_device(canvas.tokens[ranked], logits.device)
        put(tokens, is_masked, self.draw(canvas, of_masks, row))
        if self.policy == "tps_prob":
            probability = probability_of(logits, tokens)
            sureness = self.sureness_of(canvas, logits, tokens, probability)
            return Prediction(row, logits, tokens, probability, sureness), sureness
        if keep is None:
            counts = enumerate(ranked.sum(-1).tolist())
            chance = [torch.rand(n, generator=canvas.rng[r]) for r, n in counts if n]
            keep = to_device(torch.cat(chance), logits.device)
        probability = keep.clone()
        put(probability, is_masked, probability_of(logits, take(tokens, is_masked)).to(keep.dtype))
        return Prediction(row, logits, tokens, probability, keep), keep


def policy_scored(
    run: Run, block: int, span: tuple[int, int], ranked: Tensor, scores: Tensor, keep: Tensor
) -> PolicyScored:
    """Scores of a span, 1 where a cell always stands; none for rows without a ranked cell. The cut of a
    row is the lowest score that stood."""
    start, stop = span
    spread, lowest = torch.ones(ranked.shape), torch.ones(ranked.shape)
    spread[ranked] = scores.clamp(0, 1)
    lowest[keep] = spread[keep]
    rows = zip(ranked.any(-1).tolist(), spread[:, start:stop].tolist(), strict=True)
    return PolicyScored(
        **run.now(block),
        span=span,
        scores=tuple(tuple(values) if is_ranked else () for is_ranked, values in rows),
        keep=tuple(lowest.amin(-1).tolist()),
    )
