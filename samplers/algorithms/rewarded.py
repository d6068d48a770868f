"""What the samplers of LLaDA R3 (2507.08018) share: its defaults, the best of several candidates of a block,
and windows: blocks that are partly masked and decoded again."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from samplers.algorithms.contest import AGGREGATES, contest, last, scored, scores_of
from samplers.algorithms.low_confidence import LowConfidence
from samplers.algorithms.remasking import CHOICES, cells_to_remask
from samplers.barred import differing
from samplers.blocks import temperature_option
from samplers.events import Event, WindowTriggered
from samplers.registry import Needs
from samplers.run import Run
from samplers.settings import option


@dataclass(frozen=True)
class RewardedSettings(LowConfidence):
    """LLaDA R3's defaults for plain decoding; the sampler needs a scorer."""

    gen_length: int = option(512, "Tokens of the answer.", "Answer length", low=1, high=4096)
    block_length: int = option(
        32, "Tokens of a block; blocks are filled from left to right.", low=1, high=4096
    )
    temperature: float = temperature_option(0.6)

    @property
    def needs(self) -> Needs:
        """A scorer."""
        return Needs(scorer=True)

    def best_block(self, run: Run, block: int, active: Tensor, k: int) -> Iterator[Event]:
        """k candidates of the block as one batch; the newest score decides."""
        rows = run.canvas.block_cells(block, self.block_length).any(-1) & active
        if not bool(rows.any()):
            return

        def decode(forked: Run) -> Iterator[Event]:
            return LowConfidence.fill_block(self, forked, block, rows.repeat_interleave(k))

        spans = self.spans(run.canvas, block + 1)
        yield from contest(run, block, rows, k, decode, spans, block, last)


@dataclass(frozen=True)
class Window:
    """Blocks first .. end (excluded) that may be re-masked. They are when the lowest score of the last
    `watched` blocks is under `threshold`; `probabilities`: scores of the blocks -> their re-mask
    probabilities P; at most round(block length * P * `intensity`) cells of a block go; `candidates`:
    how many are decoded, each in at most `most_steps` steps."""

    first: int
    end: int
    watched: int
    threshold: float
    intensity: float
    probabilities: Callable[[Sequence[float]], list[float]]
    candidates: int
    most_steps: int


@dataclass(frozen=True)
class RefinedSettings(RewardedSettings):
    """Samplers that re-mask and decode windows again. The original is always among the candidates, so the
    score never falls; prompt and pinned cells never change."""

    choice: str = option(
        "score_x_confidence",
        "Which cells are masked again: the least confident, or random ones.",
        choices=CHOICES,
    )
    aggregate: str = option(
        "product", "What the candidates of a window are compared by.", choices=("product", "minimum")
    )
    max_refinements: int = option(
        16, "Most windows opened in one answer.", "Most refinements", low=0, high=4096
    )
    window_temperature: float = option(
        0.0, "Temperature of a window's candidates; 0: that of the answer.", low=0, high=10
    )
    candidates_differ: bool = option(
        False,
        "The n-th candidate of a window may not write again what stood in the n-th least sure of its cells.",
    )
    whole_window: bool = option(
        False,
        "All of a window is masked again, block after block, and again while it scores low.",
    )

    @property
    def needs(self) -> Needs:
        """A scorer, and masks to put back."""
        return Needs(scorer=True, mask=True)

    def open_from(self, block: int) -> int:
        """A window may reach back to the first block."""
        return 0

    def refine(self, run: Run, window: Window, active: Tensor) -> Iterator[Event]:
        """A window where blocks score low; whole windows one after the other, until they do not or
        `max_refinements` are used up."""
        if self.whole_window:
            window = replace(window, intensity=1.0, probabilities=lambda scores: [1.0] * len(scores))
        opened = yield from self._refine_once(run, window, active)
        while self.whole_window and bool(opened.any()):
            opened = yield from self._refine_once(run, window, opened)

    def _refine_once(self, run: Run, window: Window, active: Tensor) -> Generator[Event, None, Tensor]:
        """Score every block so far with everything before it; where the lowest of the last
        `watched` is under the threshold, re-mask cells, decode candidates, keep the best. Returns the rows
        for which that was done, Bool[R].

        Shapes: R rows, L positions, W blocks of the window, C candidates.
        """
        canvas, block = run.canvas, window.end - 1
        spans = self.spans(canvas, window.end)
        # 1. Rows that may open another window are scored, in one batched call.
        can_open = torch.tensor([run.refined[row] < self.max_refinements for row in range(canvas.rows)])
        rows_to_score = active & can_open  # Bool[R]
        if not bool(rows_to_score.any()):
            return rows_to_score
        scores = scores_of(run, spans, rows_to_score)  # row -> a score for each block so far
        yield from scored(run, block, spans, scores, range(window.first, window.end))
        # 2. Windows that score low open: which cells of each block become masks.
        remask, worth = torch.zeros_like(canvas.pinned), AGGREGATES[self.aggregate]  # Bool[R, L]
        for row, of_blocks in scores.items():
            if min(of_blocks[-window.watched :]) >= window.threshold:
                continue
            recent = of_blocks[window.first :]  # W scores
            p = window.probabilities(recent)
            remask[row] = self._open(run, window, row, p)
            if bool(remask[row].any()):
                run.refined[row] += 1
                yield WindowTriggered(
                    **run.now(block), row=row,
                    span=(spans[window.first][0], spans[-1][1]), threshold=window.threshold,
                    scores=tuple(recent), remask_probabilities=tuple(p),
                )  # fmt: skip
        # 3. Candidates of these rows are decoded as one batch; the original is one of them.
        rows = remask.any(-1)  # Bool[R]
        if bool(rows.any()):
            cells = remask.repeat_interleave(window.candidates, 0)  # Bool[R * C, L]
            original = {row: worth(scores[row][window.first :]) for row in rows.nonzero()[:, 0].tolist()}
            yield from contest(
                run, block, rows, window.candidates,
                lambda forked: self._decode_again(forked, block, cells, window),
                spans, window.first, worth, original,
            )  # fmt: skip
        return rows

    def _open(self, run: Run, window: Window, row: int, p: Sequence[float]) -> Tensor:
        """Bool[length]: the cells of one row that go back to masks."""
        canvas = run.canvas
        chosen = torch.zeros_like(canvas.pinned[row])
        for block, probability in zip(range(window.first, window.end), p, strict=True):
            start, stop = canvas.block_span(block, self.block_length)
            own = torch.zeros_like(chosen)
            own[start:stop] = ~canvas.pinned[row, start:stop] & ~canvas.masked[row, start:stop]
            order = run.confidence[row]
            if self.choice == "random":
                order = torch.rand(order.shape[0] - canvas.prompt_length, generator=canvas.rng[row])
                order = torch.cat((torch.zeros(canvas.prompt_length), order))
            chosen |= cells_to_remask(stop - start, window.intensity, probability, own, order)
        return chosen

    def _decode_again(self, forked: Run, block: int, cells: Tensor, window: Window) -> Iterator[Event]:
        """Re-mask the cells in all candidates and decode them, quota from these masks alone; a whole window
        as the answer itself is decoded."""
        if self.candidates_differ:
            forked = differing(forked, cells, window.candidates)
        yield forked.remasked(block, cells, forked.confidence[cells], "backmask")
        sampler = replace(self, temperature=self.window_temperature or self.temperature)
        if self.whole_window:
            for number in range(window.first, window.end):
                yield from LowConfidence.fill_block(sampler, forked, number, cells.any(-1))
            return
        steps = cells.sum(-1).clamp(1, window.most_steps)
        yield from sampler.fill_cells(forked, block, cells, steps)
