"""Token editing (LLaDA 2.1), and its T2M variant (2604.18738): decided tokens may be corrected.

Every forward looks at the whole block. A masked cell is committed as in threshold decoding. A decided
cell of the block whose likeliest token is another one, with p > edit_threshold, is overwritten, or,
with `mode = t2m`, becomes [MASK] again. Once no mask is left, up to `post_steps` further forwards
do the same; the block ends when one changes nothing. LLaDA 2.1's settings: threshold .95 and
edit_threshold .9, or .5 and 0 (then every token that is no longer the likeliest is overwritten).

Deviations: T2M resets a cell at most once, and not in the last step, so that it ends. The network sees
the whole canvas (theirs is block-causal, blocks counted from the sequence's first token). At T > 0 a
token is edited to the likeliest one, theirs to a drawn one. A cell is committed at confidence >=
threshold, theirs above it. `steps` bounds the forwards in which masks are left. SGLang's port looks once
more at a block that used up its post steps; its penalty on repetitions is not here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from samplers.blocks import BlockSettings, Prediction
from samplers.drawing import fair_share, probability_of, top_cells
from samplers.events import Event
from samplers.forwards.transfer import put, take, to_device
from samplers.registry import Needs, register
from samplers.run import Run
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
        0.9, "Correct a token when the likeliest is another and likelier than this.", low=0, high=1
    )
    mode: str = option("edit", "Overwrite at once, or reset to a mask first (t2m).", choices=("edit", "t2m"))
    post_steps: int = option(16, "Most forwards of a block after its last mask fell.", low=0, high=256)

    @property
    def needs(self) -> Needs:
        """A mask to reset tokens to, with t2m."""
        return Needs(mask=self.mode == "t2m")

    def open_from(self, block: int) -> int:
        """Only the block in work changes."""
        return block

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """Fill masks and correct tokens; once no mask is left, correct until nothing changes.

        Shapes: R rows, L positions, n cells of the block in rows that are not done, m of them masked.
        """
        canvas = run.canvas
        cells = canvas.block_cells(block, self.block_length) & active[:, None]  # Bool[R, L]
        open_rows, fresh = cells.any(-1), torch.ones_like(cells)
        steps_left = torch.full((len(cells),), self.steps_per_block)  # Int[R], forwards with masks
        posts_left = torch.full((len(cells),), self.post_steps)  # Int[R], forwards without
        while bool(open_rows.any()):
            queried = cells & open_rows[:, None]  # Bool[R, L], n True
            masked = queried & canvas.masked  # Bool[R, L], m True
            filling = masked.any(-1)
            # 1. One forward: what masks would become, and the likeliest token of every cell.
            guess, likeliest, its_probability = self.look(run, queried, masked)
            tokens, probability, sureness, likeliest, its_probability = guess.to_host(
                guess.sureness.float(), likeliest, its_probability.double()
            )  # [n] each
            # 2. Masks that are sure enough; decided cells whose likeliest token is another.
            is_masked = masked[queried]  # Bool[n], m True
            commit = self.committed(run, masked, tokens[is_masked], sureness[is_masked], steps_left)
            wrong = queried & ~masked
            wrong[queried] &= (likeliest != tokens) & (its_probability > self.edit_threshold)
            steps_left, posts_left = steps_left - filling.long(), posts_left - (~filling).long()
            # 3. Fills and corrections of the same forward.
            yield run.unmasked(block, commit, tokens[commit[queried]], probability[commit[queried]])
            if self.mode == "edit" and bool(wrong.any()):
                better = wrong[queried]
                yield run.edited(block, wrong, likeliest[better], its_probability[better].float())
            if self.mode == "t2m":
                wrong &= fresh & (torch.where(filling, steps_left, posts_left) > 0)[:, None]
                fresh &= ~wrong
                if bool(wrong.any()):
                    yield run.remasked(block, wrong, probability[wrong[queried]], "t2m")
            # 4. A row goes on while it has masks, or changed and has post steps left.
            masks = (cells & canvas.masked).any(-1)
            changing = wrong.any(-1) | filling
            open_rows = open_rows & (masks | (changing & (posts_left > 0)))

    def look(self, run: Run, queried: Tensor, masked: Tensor) -> tuple[Prediction, Tensor, Tensor]:
        """One call: drawn or standing tokens with their probability, and the likeliest token of every
        cell with its probability. All [n queried]."""
        canvas, row = run.canvas, masked.nonzero()[:, 0].tolist()
        logits = run.denoise(canvas, queried)
        self.forbid_ends(canvas, logits)
        is_masked = masked[queried]
        tokens = to_device(canvas.tokens[queried], logits.device)
        put(tokens, is_masked, self.draw(canvas, take(logits, is_masked), row))
        probability, likeliest = probability_of(logits, tokens), logits.argmax(-1)
        sureness = self.sureness_of(canvas, logits, tokens, probability)
        guess = Prediction(row, logits, tokens, probability, sureness)
        return guess, likeliest, probability_of(logits, likeliest)

    def committed(
        self, run: Run, masked: Tensor, tokens: Tensor, sureness: Tensor, steps_left: Tensor
    ) -> Tensor:
        """Bool[rows, length]: the masked cells that are sure enough; the surest ones too, where these are
        fewer than the steps left demand. tokens, sureness: [m masked]; steps_left: Int[rows]."""
        scores = self.defer_ends(run.canvas, sureness, tokens)
        sure = masked.clone()
        sure[masked] = scores >= self.threshold
        least = fair_share(masked.sum(-1), steps_left.clamp(min=1))
        return sure | top_cells(masked, scores, least)
