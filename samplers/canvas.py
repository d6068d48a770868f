"""The canvas: the rows of tokens that a sampler fills; it changes nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from samplers.settings import SettingError


@dataclass
class Canvas:
    """Rows of tokens being filled. It lives on the CPU: a denoiser moves what it needs.

    Rows may have lengths of their own: what stands behind a row's end is padding.

    tokens: Int[rows, length], prompts left-padded; attention_mask: Bool[rows, length], False on
    padding; pinned: Bool[rows, length], True on prompt, padding and given cells, which no sampler
    may change; mask_id: None where undecided cells hold noise, random tokens; rng: one generator a row, so
    that a batch draws what each row would draw alone; samples: the sample each row belongs to (rows of one
    fork share it); eos_id, eot_id: None when the model has none; noise: Bool[rows, length], the undecided
    cells of a canvas without masks; grid: see Started.
    """

    tokens: Tensor
    attention_mask: Tensor
    pinned: Tensor
    prompt_length: int
    mask_id: int | None
    rng: tuple[torch.Generator, ...]
    samples: tuple[int, ...]
    eos_id: int | None = None
    eot_id: int | None = None
    noise: Tensor | None = None
    grid: str = "answer"

    @property
    def rows(self) -> int:
        return self.tokens.shape[0]

    @property
    def gen_length(self) -> int:
        """Cells that the longest answer has or had."""
        return self.tokens.shape[1] - self.prompt_length

    @property
    def lengths(self) -> Tensor:
        """Int[rows]: where each row ends, with its prompt at the earliest."""
        places = torch.arange(1, self.tokens.shape[1] + 1).expand(self.tokens.shape)
        ends = (places * self.attention_mask).amax(-1) if self.tokens.shape[1] else places.sum(-1)
        return ends.clamp(min=self.prompt_length)

    @property
    def masked(self) -> Tensor:
        """Bool[rows, length]: cells still to be decided (a mask token inside a prompt is text)."""
        if self.noise is not None:
            return self.noise.clone()
        return (self.tokens == self.mask_id) & ~self.pinned

    def token_rows(self) -> tuple[tuple[int, ...], ...]:
        """The tokens of every row up to its end."""
        return self.cut(self.tokens)

    def cut(self, values: Tensor) -> tuple[tuple[Any, ...], ...]:
        """Any[rows, length] as rows, each up to its end."""
        rows = zip(values.tolist(), self.lengths.tolist(), strict=True)
        return tuple(tuple(row[:length]) for row, length in rows)

    def answer(self, row: int) -> list[int]:
        """The tokens of a row behind its prompt, up to its end."""
        return [int(t) for t in self.tokens[row, self.prompt_length : int(self.lengths[row])]]

    def first_block(self, block_length: int) -> int:
        """Where block 0 begins, which holds the first cell of the answer: at the end of the prompts, or on an
        absolute grid at the last multiple of block_length in a sequence that is not behind its prompt.

        SettingError where the rows of an absolute grid disagree: blocks are the same columns in all rows.
        """
        if self.grid == "answer":
            return self.prompt_length
        lengths: list[int] = self.attention_mask[:, : self.prompt_length].sum(-1).tolist()
        shared = {length % block_length for length in lengths}
        if len(shared) > 1:
            raise SettingError(
                "block_length", block_length, "a divisor of the differences between the prompts' lengths",
                advice="On an absolute grid, prompts decoded together must end at the same place of a block.",
            )  # fmt: skip
        return self.prompt_length - sum(shared)

    def blocks(self, block_length: int, cells: int) -> int:
        """How many blocks an answer of so many cells reaches into."""
        return -(-(self.prompt_length + cells - self.first_block(block_length)) // block_length)

    def block_span(self, block: int, block_length: int) -> tuple[int, int]:
        """Positions [start, stop) of the answer's cells in a block."""
        start = self.first_block(block_length) + block * block_length
        return max(start, self.prompt_length), min(start + block_length, self.tokens.shape[1])

    def block_cells(self, block: int, block_length: int) -> Tensor:
        """Bool[rows, length]: the undecided cells of a block."""
        start, stop = self.block_span(block, block_length)
        cells = self.masked
        cells[:, :start] = False
        cells[:, stop:] = False
        return cells

    def cells(self) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Copies of what a canvas holds of its cells, for `put_back`."""
        noise = None if self.noise is None else self.noise.clone()
        return self.tokens.clone(), self.attention_mask.clone(), self.pinned.clone(), noise

    def put_back(self, cells: tuple[Tensor, Tensor, Tensor, Tensor | None]) -> None:
        """All cells as they were."""
        self.tokens, self.attention_mask, self.pinned, self.noise = cells

    # ---- changes -----------------------------------------------------------------------------

    def write(self, cells: Tensor, tokens: Tensor, noise: bool = False) -> None:
        """Put tokens, Int[n], into cells, Bool[rows, length] with n True, in row-major order. noise: they
        are noise, and the cells undecided."""
        if bool((cells & self.pinned).any()):
            raise ValueError("cells: a pinned cell would be changed; allowed: unpinned cells")
        self.tokens[cells] = tokens.to(self.tokens.dtype)
        if self.noise is not None:
            self.noise[cells] = noise

    def insert(self, row: int, position: int, tokens: Sequence[int], noise: bool = False) -> Tensor:
        """New cells of a row before a position, its length at most. noise: the tokens are noise.

        Returns Int[rows, length after]: where each cell was before, -1 for new ones and for padding."""
        end = int(self.lengths[row])
        if not self.prompt_length <= position <= end:
            raise ValueError(f"position = {position}; allowed: {self.prompt_length} to {end}")
        order = list(range(position)) + [-1] * len(tokens) + list(range(position, end))
        moved = self._rearrange(row, order)
        fresh = slice(position, position + len(tokens))
        self.tokens[row, fresh] = torch.tensor(list(tokens), dtype=self.tokens.dtype)
        self.attention_mask[row, fresh], self.pinned[row, fresh] = True, False
        if self.noise is not None:
            self.noise[row, fresh] = noise
        return moved

    def delete(self, cells: Tensor) -> Tensor:
        """Take cells, Bool[rows, length], out of their rows. Returns what `insert` does."""
        if bool((cells & self.pinned).any()):
            raise ValueError("cells: a pinned cell would be deleted; allowed: unpinned cells")
        moved = torch.arange(self.tokens.shape[1]).repeat(self.rows, 1)
        ends = self.lengths.tolist()
        for row in cells.any(-1).nonzero()[:, 0].tolist():
            kept = (~cells[row, : ends[row]]).nonzero()[:, 0].tolist()
            moved = self._rearrange(row, kept, moved)
        return moved

    def _rearrange(self, row: int, order: list[int], moved: Tensor | None = None) -> Tensor:
        """Make a row of its own cells in another order; -1: a cell that is yet to be filled."""
        if moved is None:
            moved = torch.arange(self.tokens.shape[1]).repeat(self.rows, 1)
        self._widen(len(order))
        wider = self.tokens.shape[1] - moved.shape[1]
        moved = torch.nn.functional.pad(moved, (0, wider), value=-1)
        index = torch.tensor(order + [-1] * (self.tokens.shape[1] - len(order)))
        moved[row] = torch.where(index >= 0, moved[row][index.clamp(min=0)], -1)
        real, source = index >= 0, index.clamp(min=0)
        for values, padding in self._padded():
            values[row] = torch.where(real, values[row][source], padding)
        return moved

    def _padded(self) -> list[tuple[Tensor, int | bool]]:
        """What a canvas holds of each cell, and what stands for it behind a row's end."""
        filler = 0 if self.eos_id is None else self.eos_id
        values: list[tuple[Tensor, int | bool]] = [
            (self.tokens, filler), (self.attention_mask, False), (self.pinned, True)
        ]  # fmt: skip
        return values if self.noise is None else [*values, (self.noise, False)]

    def _widen(self, length: int) -> None:
        """Room for rows of a length."""
        more = length - self.tokens.shape[1]
        if more <= 0:
            return
        wide = [torch.nn.functional.pad(v, (0, more), value=padding) for v, padding in self._padded()]
        self.tokens, self.attention_mask, self.pinned = wide[:3]
        if self.noise is not None:
            self.noise = wide[3]

    # ---- forks -------------------------------------------------------------------------------

    def fork(self, k: int, rows: Tensor | None = None) -> Canvas:
        """Each row k times, one after the other; every copy gets its own random stream.

        rows: Bool[rows], the rows whose copies will change; the others draw nothing, so that a row
        draws the same whatever the rows beside it do.
        """
        rng = []
        for row, generator in enumerate(self.rng):
            if rows is not None and not rows[row]:
                rng += [generator] * k
                continue
            seeds = torch.randint(2**62, (k,), generator=generator).tolist()
            rng += [torch.Generator().manual_seed(seed) for seed in seeds]
        copy = self._take([r for r in range(self.rows) for _ in range(k)])
        return replace(copy, rng=tuple(rng))

    def adopt(self, forked: Canvas, winners: Sequence[int | None]) -> None:
        """End a fork: each row takes over its winning copy, None keeps it as it is."""
        k = forked.rows // self.rows
        self._widen(forked.tokens.shape[1])
        forked._widen(self.tokens.shape[1])
        for row, winner in enumerate(winners):
            if winner is not None:
                for (own, _), (theirs, _) in zip(self._padded(), forked._padded(), strict=True):
                    own[row] = theirs[row * k + winner]

    def select(self, rows: Sequence[int]) -> Canvas:
        """A copy of the given rows (they keep their random streams)."""
        return self._take(list(rows))

    def _take(self, rows: list[int]) -> Canvas:
        return replace(
            self,
            tokens=self.tokens[rows].clone(),
            attention_mask=self.attention_mask[rows].clone(),
            pinned=self.pinned[rows].clone(),
            noise=None if self.noise is None else self.noise[rows].clone(),
            rng=tuple(self.rng[r] for r in rows),
            samples=tuple(self.samples[r] for r in rows),
        )


def new_canvas(
    prompts: Sequence[Sequence[int]],
    gen_length: int,
    mask_id: int | None,
    seeds: Sequence[int] | None = None,
    given: Sequence[dict[int, int]] | None = None,
    eos_id: int | None = None,
    eot_id: int | None = None,
    pad_id: int | None = None,
    vocabulary: int = 0,
    grid: str = "answer",
) -> Canvas:
    """Left-pad the prompts and append `gen_length` masks; without mask_id, random tokens below `vocabulary`.

    seeds: one a row, default 0, 0, …; given: per row {position in the answer: token}, pinned from
    the first frame; grid: see Started.
    """
    rows, longest = len(prompts), max((len(p) for p in prompts), default=0)
    padding = next((i for i in (pad_id, eos_id) if i is not None), 0)
    seeds = seeds if seeds is not None else [0] * rows
    rng = tuple(torch.Generator().manual_seed(int(seed)) for seed in seeds)
    tokens = torch.full((rows, longest + gen_length), 0 if mask_id is None else mask_id, dtype=torch.long)
    attention = torch.ones(tokens.shape, dtype=torch.bool)
    pinned = torch.zeros(tokens.shape, dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        start = longest - len(prompt)
        tokens[row, :start] = padding
        attention[row, :start] = False
        tokens[row, start:longest] = torch.tensor(list(prompt), dtype=torch.long)
        pinned[row, :longest] = True
        if mask_id is None:
            tokens[row, longest:] = torch.randint(vocabulary, (gen_length,), generator=rng[row])
        for position, token in (given[row] if given else {}).items():
            if not 0 <= position < gen_length:
                raise ValueError(
                    f"constraint at position {position} is out of range; allowed: 0 to {gen_length - 1}"
                )
            tokens[row, longest + position] = token
            pinned[row, longest + position] = True
    noise, samples = ~pinned if mask_id is None else None, tuple(range(rows))
    return Canvas(
        tokens, attention, pinned, longest, mask_id, rng, samples, eos_id, eot_id, noise, grid
    )  # fmt: skip
