"""LLaDA's sampler: commit the surest cells first, block after block; nothing is taken back.

LLaDA (2502.09992), algorithm 5 (semi-autoregressive, low-confidence "remasking"). Orderings `margin`,
`entropy` and `origin` from Dream (2508.15487); `origin` decides at random which cells fall, p = 1 - s / t.
`alg_temp` is Dream's: above 0 the cells of a step are drawn from softmax(score / alg_temp).

Deviations: the mask token is never predicted; a step that commits nothing costs no forward. EOS and EoT
cells that are deferred are put last and change nothing else. LLaDA's generate.py (at T = 0) sets the two
logits to -inf before the softmax, so that the other cells rank by p / (1 - p_EOS - p_EoT), often in
another order: `eos_deferral = renormalised` (at every temperature; theirs at T > 0 takes out EoT alone).
Dream commits floor(masks * (1 - s / t)) cells a step, from t = 1 to .001 over the whole answer, and
scores after temperature and top-p; here LLaDA's quota of each block and the raw probabilities count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from samplers.blocks import BlockSettings, Prediction
from samplers.canvas import Canvas
from samplers.drawing import (
    ORDERINGS,
    ordering_scores,
    random_cells,
    shuffled,
    top_cells,
    transfer_schedule,
)
from samplers.events import Event
from samplers.registry import register
from samplers.run import Run
from samplers.settings import option


@register(
    "low_confidence",
    title="LLaDA · surest first",
    summary="Commits the surest cells first, block after block. Nothing is taken back.",
    paper="LLaDA, 2502.09992",
    aliases=("llada",),
)
@dataclass(frozen=True)
class LowConfidence(BlockSettings):
    """Settings of LLaDA's sampler."""

    confidence: str = option(
        "probability", "The order in which cells are committed.", "Ordering", choices=ORDERINGS
    )
    alg_temp: float = option(
        0.0,
        "Above 0 the order is drawn: the surer a cell, the likelier.",
        "Order temperature",
        low=0,
        high=100,
    )

    def open_from(self, block: int) -> int:
        """Nothing is taken back."""
        return self.blocks

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """The block's masks, as many a step as the quota says."""
        cells = run.canvas.block_cells(block, self.block_length) & active[:, None]
        yield from self.fill_cells(run, block, cells, self.steps_per_block)

    def fill_cells(self, run: Run, block: int, cells: Tensor, steps: int | Tensor) -> Iterator[Event]:
        """Any masked cells, Bool[R, L], in `steps` steps (one, or Int[R]).

        Shapes: R rows, L positions, n cells evaluated in a step.
        """
        canvas = run.canvas
        for step, k in enumerate(transfer_schedule(cells, steps).unbind(-1)):  # Int[R]
            # 1. Which cells are queried: all masks of rows with a quota; under `origin` those that will fall.
            queried = cells & canvas.masked & (k > 0)[:, None]  # Bool[R, L], n True
            if self.confidence == "origin":
                masks = cells & canvas.masked
                steps_left = (torch.as_tensor(steps).expand(len(cells)) - step).clamp(min=1)  # Int[R]
                queried = random_cells(masks, 1 / steps_left[masks.nonzero()[:, 0]], canvas.rng)
                k = queried.sum(-1)
            if not bool(queried.any()):
                continue
            # 2. One forward: a token for each, and a score that ranks it.
            guess = self.predict(run.denoise, canvas, queried)
            scores = self.scores(guess, canvas).float()  # Float[n]
            # 3. The k[row] highest scores of each row fall: [n] twice and Bool[R, L], handed over.
            tokens, probability, commit = guess.to_host(top_cells(queried, scores, k))
            is_committed = commit[queried]
            yield run.unmasked(block, commit, tokens[is_committed], probability[is_committed])

    def scores(self, guess: Prediction, canvas: Canvas) -> Tensor:
        """Float[n], higher is committed earlier."""
        scores = ordering_scores(self.confidence, guess.logits, guess.sureness, guess.row, canvas.rng)
        scores = shuffled(scores, self.alg_temp, guess.row, canvas.rng)
        return self.defer_ends(canvas, scores, guess.tokens)
