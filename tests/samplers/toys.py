"""Toy samplers for what no published sampler here does yet: they insert and delete, accept and re-noise, let
the answer grow, draft and verify, fork with insertions. Sampling is nonsense; the events are not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from samplers.algorithms.low_confidence import LowConfidence
from samplers.blocks import BlockSettings
from samplers.canvas import Canvas
from samplers.drawing import probability_of, top_cells
from samplers.events import CandidateChosen, CandidatesForked, Event
from samplers.forwards.transfer import take
from samplers.registry import Needs
from samplers.run import Run
from samplers.settings import option

VOCABULARY = 23
"""Of tests.networks.TableNetwork."""
WORDS = 20
"""Of these, the first ones are neither the mask nor an end of text."""


def below(canvas: Canvas, row: int, n: int) -> int:
    """A random number under n, from the row's own stream."""
    return int(torch.randint(n, (1,), generator=canvas.rng[row]))


def undecided(canvas: Canvas, row: int, n: int) -> list[int]:
    """What n fresh undecided cells hold: masks, or noise from the row's own stream."""
    if canvas.mask_id is not None:
        return [canvas.mask_id] * n
    return [below(canvas, row, VOCABULARY) for _ in range(n)]


def noise_for(canvas: Canvas, cells: Tensor) -> Tensor:
    """Int[n]: a random token for each of the cells, Bool[rows, length]."""
    counts = cells.sum(-1).tolist()
    return torch.tensor([t for row, n in enumerate(counts) for t in undecided(canvas, row, n)])


def decide_surest(sampler: BlockSettings, run: Run, block: int, cells: Tensor, k: int) -> Iterator[Event]:
    """One forward for undecided cells, Bool[rows, length]; in each row the k surest become tokens."""
    guess = sampler.predict(run.denoise, run.canvas, cells)
    tokens, probability = guess.to_host()
    commit = top_cells(cells, probability, torch.full((run.canvas.rows,), k))
    yield run.unmasked(block, commit, tokens[commit[cells]], probability[commit[cells]])


@dataclass(frozen=True)
class Gardener(BlockSettings):
    """Fills the surest cells of the whole answer, and after each step inserts or deletes some at random."""

    name: ClassVar[str] = "gardener"
    changes: int = option(6, "Most insertions and deletions of a row.", low=0, high=64)

    def fill(self, run: Run, stopped: Tensor) -> Iterator[Event]:
        canvas, left = run.canvas, [self.changes] * run.canvas.rows
        while bool((cells := canvas.masked & ~stopped[:, None]).any()):
            yield from decide_surest(self, run, 0, cells, 2)
            for row in cells.any(-1).nonzero()[:, 0].tolist():
                if left[row]:
                    left[row] -= 1
                    yield from self.change(run, row)
            stopped |= self.stopped(canvas)

    def change(self, run: Run, row: int) -> Iterator[Event]:
        """Delete up to three cells of a row, decided or not, or insert up to three of either kind."""
        canvas, kind, n = run.canvas, below(run.canvas, row, 3), 1 + below(run.canvas, row, 3)
        if kind == 0:
            free = (~canvas.pinned[row]).nonzero()[:, 0]
            order = torch.randperm(len(free), generator=canvas.rng[row])[:n]
            gone = torch.zeros_like(canvas.pinned)
            gone[row, free[order]] = True
            if bool(gone.any()):
                yield run.deleted(0, gone, torch.full((int(gone.sum()),), 0.5))
            return
        start, end = canvas.prompt_length, int(canvas.lengths[row])
        position = end if below(canvas, row, 3) == 0 else start + below(canvas, row, end - start + 1)
        if kind == 1:
            fresh, is_noise = undecided(canvas, row, n), canvas.mask_id is None
            yield run.inserted(0, row, position, fresh, [0.0] * n, is_noise)
        else:
            yield run.inserted(0, row, position, [below(canvas, row, WORDS) for _ in range(n)], [0.5] * n)


@dataclass(frozen=True)
class Forker(Gardener):
    """Gardens in copies of each row and keeps the shortest; or none of them, and then gardens the row."""

    name: ClassVar[str] = "forker"
    copies: int = option(3, "Copies of a row.", low=1, high=8)

    def fill(self, run: Run, stopped: Tensor) -> Iterator[Event]:
        canvas, k = run.canvas, self.copies
        rows = canvas.masked.any(-1) & ~stopped
        if bool(rows.any()):
            forked = run.fork(k, rows)
            yield CandidatesForked(**run.now(0), k=k, rows=forked.canvas.rows)
            yield from super().fill(forked, ~rows.repeat_interleave(k))
            lengths, winners = forked.canvas.lengths.view(-1, k), [None] * canvas.rows
            for row in rows.nonzero()[:, 0].tolist():
                winners[row] = int(lengths[row].argmin()) if below(canvas, row, 3) else None
            run.adopt(forked, winners)
            yield CandidateChosen(**run.now(0), winners=tuple(winners))
        stopped |= self.stopped(canvas)
        yield from super().fill(run, stopped)


@dataclass(frozen=True)
class Accepter(BlockSettings):
    """Accepts and re-noises, as DiffusionGemma's sampler does: each step asks for all cells of a block; the
    surest take the sample, all others new random tokens; the last step writes the argmax."""

    name: ClassVar[str] = "accepter"
    threshold: float = option(0.5, "Accept cells of at least this confidence.", low=0, high=1)

    @property
    def needs(self) -> Needs:
        return Needs(noise=True)

    def open_from(self, block: int) -> int:
        return block

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        canvas, cells = run.canvas, run.canvas.block_cells(block, self.block_length) & active[:, None]
        for step in range(self.steps_per_block if bool(cells.any()) else 0):
            is_last = step == self.steps_per_block - 1
            guess = self.predict(run.denoise, canvas, cells)
            tokens, probability = guess.to_host()
            accepted = top_cells(cells, probability, torch.ones(canvas.rows))
            accepted[cells] |= probability >= self.threshold
            if is_last:
                accepted, tokens = cells, guess.logits.argmax(-1)
                probability = probability_of(guess.logits, tokens).float()
            yield from self.write(run, block, cells, accepted, tokens, probability)
            if bool((rest := cells & ~accepted).any()):
                yield run.renoised(block, rest, noise_for(canvas, rest))

    def write(
        self, run: Run, block: int, cells: Tensor, accepted: Tensor, tokens: Tensor, probability: Tensor
    ) -> Iterator[Event]:
        """The accepted ones of the cells, both Bool[rows, length]; tokens, probability: of all n cells."""
        canvas, sample = run.canvas, run.canvas.tokens.clone()
        sample[cells] = tokens
        fresh = accepted & canvas.masked
        others = accepted & ~canvas.masked & (sample != canvas.tokens)
        yield run.unmasked(block, fresh, tokens[fresh[cells]], probability[fresh[cells]])
        if bool(others.any()):
            yield run.edited(block, others, tokens[others[cells]], probability[others[cells]])


@dataclass(frozen=True)
class Grower(LowConfidence):
    """LLaDA's sampler on an answer that grows: a block is appended when it is begun."""

    name: ClassVar[str] = "grower"
    begins_with: int = option(0, "Blocks that the canvas begins with.", low=0, high=4096, unit="blocks")

    @property
    def cells_at_start(self) -> int:
        return self.begins_with * self.block_length

    def fill(self, run: Run, stopped: Tensor) -> Iterator[Event]:
        canvas, n = run.canvas, self.block_length
        for block in range(self.blocks):
            for row in (~stopped).nonzero()[:, 0].tolist() if block >= self.begins_with else ():
                fresh, end = undecided(canvas, row, n), int(canvas.lengths[row])
                yield run.inserted(block, row, end, fresh, [0.0] * n, noise=canvas.mask_id is None)
            yield from self.fill_block(run, block, ~stopped)
            stopped |= self.stopped(canvas)


@dataclass(frozen=True)
class Drafter(BlockSettings):
    """Writes random words into all undecided cells of a block but the first, asks the network about all of
    them at once, and keeps those that are likely enough; the first cell is decided by the same forward."""

    name: ClassVar[str] = "drafter"
    most_drafts: int = option(4, "Cells drafted at once.", low=0, high=64)
    verify_threshold: float = option(0.02, "A draft at least this likely stands.", low=0, high=1)

    def open_from(self, block: int) -> int:
        """Nothing but drafts is taken back."""
        return self.blocks

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        canvas, cells = run.canvas, run.canvas.block_cells(block, self.block_length) & active[:, None]
        while bool((asked := cells & canvas.masked).any()):
            behind = (asked.sum(-1) - 1).clamp(0, self.most_drafts)
            drafts = top_cells(asked, asked.nonzero()[:, 1].double(), behind)
            words = [below(canvas, row, WORDS) for row in drafts.nonzero()[:, 0].tolist()]
            n, tokens = len(words), torch.tensor(words, dtype=torch.long)
            if n:
                yield run.drafted(block, drafts, tokens, torch.full((n,), 1 / WORDS))
            logits = run.denoise(canvas, asked)
            self.forbid_ends(canvas, logits)
            if n:
                confidence = torch.zeros(drafts.shape, dtype=logits.dtype)
                confidence[drafts] = probability_of(take(logits, drafts[asked]), tokens)
                stands = drafts & (confidence >= self.verify_threshold)
                gone = drafts & ~stands
                noise = noise_for(canvas, gone).long() if canvas.mask_id is None else None
                yield run.verified(block, stands, gone, confidence, noise)
            rest = asked & ~drafts
            guess = self.guess(canvas, rest, take(logits, rest[asked]))
            tokens, probability = guess.to_host()
            commit = top_cells(rest, probability, torch.ones(canvas.rows))
            yield run.unmasked(block, commit, tokens[commit[rest]], probability[commit[rest]])


TOYS = {toy.name: toy for toy in (Gardener, Forker, Accepter, Grower, Drafter)}
