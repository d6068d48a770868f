"""KLASS: commit cells whose prediction is sure and has stopped changing (2511.05664, algorithm 1).

Every masked cell of the answer has a history, kept over the whole run and across blocks: the last
`kl_history_length` values (zeros at first) of KL(p_now || p_before), in nats, with 1e-12 added inside
both logarithms and p_before = 0 in a run's first forward, which is therefore never stable. From step
`kl_history_length` of a block on, a masked cell whose values are all under `kl_threshold` and whose
confidence is over the threshold is stable. A step commits the stable cells alone, or one of them
(`unmask_strategy`); where none is stable, the surest cells that LLaDA's quota asks for.

As the authors' code has it, but for these. `steps` bounds a run: with `leftovers = fill` a step whose
stable cells are fewer than ceil(masks left / steps left) commits the surest cells too, up to that many.
With steps = gen_length that is one cell, so nothing differs; with fewer, theirs may end a block with
masks in it, which stay (`leftovers = keep`; such rows stop with reason "left"). A quota larger than the
masks left takes the masks left: theirs then writes over decided cells, the prompt's too, or into later
blocks. With a KV cache only the block is evaluated, so each block begins its own history. The softmax
is float32, theirs float64. At T > 0 p is the softmax of the raw logits; theirs is of noised ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from samplers.blocks import BlockSettings
from samplers.drawing import fair_share, top_cells, transfer_schedule
from samplers.events import Event
from samplers.forwards.transfer import take
from samplers.registry import register
from samplers.run import Run
from samplers.settings import option

TINY = 1e-12
STRATEGIES = ("all", "max_conf", "min_kl")


@register(
    "klass",
    title="KLASS · stable predictions",
    summary="Commits cells that are sure and whose prediction has stopped moving.",
    paper="KLASS, 2511.05664",
)
@dataclass(frozen=True)
class Klass(BlockSettings):
    """Settings of KLASS, under its authors' names."""

    confidence_threshold: float = option(0.9, "Commit only above this confidence.", low=0, high=1)
    kl_threshold: float = option(
        0.01, "Commit only below this divergence, in nats.", "KL threshold", low=0, high=100
    )
    kl_history_length: int = option(
        2, "Divergences that must all be that low.", "KL history length", low=1, high=64
    )
    unmask_strategy: str = option(
        "all", "Which stable cells fall: all, the surest, or the stillest.", choices=STRATEGIES
    )
    leftovers: str = option(
        "fill",
        "With too few steps: commit more than the stable cells, or leave masks (as published).",
        choices=("fill", "keep"),
    )

    def open_from(self, block: int) -> int:
        """Nothing is taken back."""
        return self.blocks

    def fill(self, run: Run, stopped: Tensor) -> Iterator[Event]:
        """Block after block, with one history (with a cache: one a block)."""
        history = History.new(run, self.kl_history_length)
        for block in range(run.first_block, self.blocks_on(run.canvas)):
            if self.cache != "none":
                history = History.new(run, self.kl_history_length)
            yield from self.fill_with(history, run, block, ~stopped)
            stopped |= self.stopped(run.canvas)

    def fill_with(self, history: History, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """A block in at most steps_per_block forwards.

        Shapes: R rows, L positions, n masked cells of the block, m masked cells evaluated.
        """
        canvas, steps = run.canvas, self.steps_per_block
        cells = canvas.block_cells(block, self.block_length) & active[:, None]  # Bool[R, L]
        for step, quota in enumerate(transfer_schedule(cells, steps).unbind(-1)):  # Int[R]
            # 1. Forward. Cells of later blocks are evaluated for their history.
            queried = cells & canvas.masked  # Bool[R, L], n True
            if not bool(queried.any()):
                return
            later = canvas.masked & queried.any(-1, keepdim=True)
            evaluated = queried if self.cache != "none" else later  # Bool[R, L], m True
            logits = run.denoise(canvas, evaluated)  # Float[m, vocab]
            self.forbid_ends(canvas, logits)
            # 2. How far each prediction moved since this cell was last evaluated.
            divergences = history.divergences(evaluated, logits)  # Float[m], nats
            # 3. A token and its confidence for the cells of the block.
            guess = self.guess(canvas, queried, take(logits, queried[evaluated]))
            scores = self.defer_ends(canvas, guess.sureness, guess.tokens).float()
            tokens, probability, scores, divergences = guess.to_host(scores, divergences)  # [n], [m]
            moved = history.update(evaluated, divergences)  # Float[R, L]
            # 4. Stable cells; of these all, the surest or the stillest.
            stable = queried & (step >= self.kl_history_length - 1) & history.still(self.kl_threshold)
            stable[queried] &= scores > self.confidence_threshold
            if self.unmask_strategy != "all":
                order = scores if self.unmask_strategy == "max_conf" else -moved[queried]
                stable = top_cells(stable, order[stable[queried]], torch.ones_like(quota))
            # 5. Where there is none, the quota; never fewer than the steps left demand.
            least = torch.where(stable.any(-1), 0, quota)
            if self.leftovers == "fill":
                least = least.maximum(fair_share(queried.sum(-1), steps - step))
            commit = filled_up(stable, queried, scores, least)
            is_committed = commit[queried]
            yield run.unmasked(block, commit, tokens[is_committed], probability[is_committed])


def filled_up(stable: Tensor, queried: Tensor, scores: Tensor, least: Tensor) -> Tensor:
    """Bool[R, L]: the stable cells, and where they are fewer than `least`, Int[R], the surest of the
    other queried cells, up to that many. scores: Float[n queried]."""
    unstable = queried & ~stable
    missing = (least - stable.sum(-1)).clamp(min=0)
    return stable | top_cells(unstable, scores[unstable[queried]], missing)


@dataclass
class History:
    """What was predicted last for each masked cell, and how far that moved in the last forwards.

    moves: Float[H, R, L] in nats, the oldest first; cells: Bool[R, L], those evaluated last in each
    row; before: a row's probabilities of these, Float[m of the row, vocab], on the model's device.
    """

    moves: Tensor
    cells: Tensor
    before: dict[int, Tensor]

    @classmethod
    def new(cls, run: Run, length: int) -> History:
        """Zeros, and nothing predicted."""
        shape = run.canvas.tokens.shape
        return cls(torch.zeros(length, *shape), torch.zeros(shape, dtype=torch.bool), {})

    def divergences(self, evaluated: Tensor, logits: Tensor) -> Tensor:
        """Float[m] in nats, on the model's device, of a forward, whose probabilities are kept.

        evaluated: Bool[R, L], in each row the cells of the last forward or fewer; logits: Float[m,
        vocab], row-major.
        """
        rows, divergences = evaluated.any(-1), []
        now = torch.split(logits.softmax(-1), evaluated.sum(-1)[rows].tolist())
        for row, p in zip(rows.nonzero()[:, 0].tolist(), now, strict=True):
            before = torch.zeros_like(p)
            if row in self.before:
                before = take(self.before[row], evaluated[row, self.cells[row]])
            divergences.append((p * ((p + TINY).log() - (before + TINY).log())).sum(-1))
            self.before[row] = p
        return torch.cat(divergences)

    def update(self, evaluated: Tensor, divergences: Tensor) -> Tensor:
        """Take in a forward's divergences, Float[m]; returns them as Float[R, L]. Rows that are not evaluated
        keep what they have."""
        rows = evaluated.any(-1)
        self.moves[:, rows] = self.moves[:, rows].roll(-1, 0)
        self.moves[-1][evaluated] = divergences.to(self.moves.dtype)
        self.cells[rows] = evaluated[rows]
        return self.moves[-1]

    def still(self, threshold: float) -> Tensor:
        """Bool[R, L]: cells all of whose divergences are under the threshold."""
        return (self.moves < threshold).all(0)
