"""Token editing (LLaDA 2.1), and its T2M variant (2604.18738): decided tokens may be corrected.

Every forward looks at the whole block. A masked cell is committed as in threshold decoding. A
decided cell of the block for which a *different* token has p > edit_threshold is overwritten, or,
with `mode = t2m`, becomes [MASK] again. Once no mask is left, up to `post_steps` further forwards
do the same; the block ends when one changes nothing. Deviation: T2M resets a cell at most once, and
not in the last step, so that it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from samplers.blocks import BlockSettings, Prediction, Run
from samplers.drawing import draw_tokens, fair_share, probability_of, top_cells
from samplers.events import Event
from samplers.registry import register
from samplers.settings import option


@register(
    "edit",
    title="LLaDA 2.1 · token editing",
    summary="Overwrites a decided token of the block when another has become clearly likelier.",
    paper="LLaDA 2.1; T2M, 2604.18738",
)
@dataclass(frozen=True)
class Edit(BlockSettings):
    """Settings of token editing."""

    threshold: float = option(0.9, "Commit cells of at least this confidence.", low=0, high=1)
    edit_threshold: float = option(
        0.9, "Correct a token when a different one is likelier than this.", low=0.5, high=1
    )
    mode: str = option("edit", "Overwrite at once, or reset to a mask first (t2m).", choices=("edit", "t2m"))
    post_steps: int = option(16, "Most forwards of a block after its last mask fell.", low=0, high=256)

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """Fill with corrections, then correct until nothing changes."""
        canvas = run.canvas
        cells = canvas.block_cells(block, self.block_length) & active[:, None]
        open_rows, fresh = cells.any(-1), torch.ones_like(cells)
        left = torch.full((len(cells),), self.steps_per_block)
        after = torch.full((len(cells),), self.post_steps)
        while bool(open_rows.any()):
            asked = cells & open_rows[:, None]
            masked = asked & canvas.masked
            filling = masked.any(-1)
            guess, other, other_probability = self.look(run, asked, masked)
            packed = torch.stack(
                (guess.tokens.double(), guess.probability.double(), other.double(),
                 other_probability.double())
            ).cpu()  # fmt: skip
            tokens, probability = packed[0].long(), packed[1].float()
            commit = self.committed(run, masked, tokens[masked[asked]], probability[masked[asked]], left)
            wrong = asked & ~masked
            wrong[asked] &= packed[3] > self.edit_threshold
            left, after = left - filling.long(), after - (~filling).long()
            yield run.unmasked(block, commit, tokens[commit[asked]], probability[commit[asked]])
            if self.mode == "edit" and bool(wrong.any()):
                likelier = packed[2:, wrong[asked]]
                yield run.edited(block, wrong, likelier[0].long(), likelier[1].float())
            if self.mode == "t2m":
                wrong &= fresh & (torch.where(filling, left, after) > 0)[:, None]
                fresh &= ~wrong
                if bool(wrong.any()):
                    yield run.remasked(block, wrong, probability[wrong[asked]], "t2m")
            masks = (cells & canvas.masked).any(-1)
            changing = wrong.any(-1) | filling
            open_rows = open_rows & (masks | (changing & (after > 0)))

    def look(self, run: Run, asked: Tensor, masked: Tensor) -> tuple[Prediction, Tensor, Tensor]:
        """One call: drawn or standing tokens with their probability, and for each cell the likeliest
        token that does not stand there, with its probability. All [n asked]."""
        canvas, row = run.canvas, masked.nonzero()[:, 0].tolist()
        logits = run.denoise(canvas, asked)
        self.forbid_ends(canvas, logits)
        is_masked = masked[asked].to(logits.device)
        tokens = canvas.tokens[asked].to(logits.device)
        best = logits.scatter(-1, tokens[:, None], -torch.inf).argmax(-1)
        tokens[is_masked] = draw_tokens(logits[is_masked], self.temperature, row, canvas.rng)
        guess = Prediction(row, logits, tokens, probability_of(logits, tokens))
        return guess, best, probability_of(logits, best)

    def committed(
        self, run: Run, masked: Tensor, tokens: Tensor, probability: Tensor, left: Tensor
    ) -> Tensor:
        """Bool[rows, length]: masked cells that are sure enough, and enough for the steps left."""
        scores = self.defer_ends(run.canvas, probability, tokens)
        sure = masked.clone()
        sure[masked] = scores >= self.threshold
        least = fair_share(masked.sum(-1), left.clamp(min=1))
        return sure | top_cells(masked, scores, least)
