"""The canvas: the rows of tokens that a sampler fills; it changes nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Canvas:
    """Rows of tokens being filled. It lives on the CPU: a denoiser moves what it needs.

    tokens: Int[rows, length], prompts left-padded; attention_mask: Bool[rows, length], False on
    padding; pinned: Bool[rows, length], True on prompt, padding and given cells, which no sampler
    may change; rng: one generator a row, so that a batch draws what each row would draw alone;
    samples: the sample each row belongs to (rows of one fork share it); eos_id, eot_id: None when
    the model has none.
    """

    tokens: Tensor
    attention_mask: Tensor
    pinned: Tensor
    prompt_length: int
    mask_id: int
    rng: tuple[torch.Generator, ...]
    samples: tuple[int, ...]
    eos_id: int | None = None
    eot_id: int | None = None

    @property
    def rows(self) -> int:
        return self.tokens.shape[0]

    @property
    def gen_length(self) -> int:
        """Cells of the answer."""
        return self.tokens.shape[1] - self.prompt_length

    @property
    def masked(self) -> Tensor:
        """Bool[rows, length]: cells still to be decided (a mask token inside a prompt is text)."""
        return (self.tokens == self.mask_id) & ~self.pinned

    def block_span(self, block: int, block_length: int) -> tuple[int, int]:
        """Absolute positions [start, stop) of a block."""
        start = self.prompt_length + block * block_length
        return start, min(start + block_length, self.tokens.shape[1])

    def block_cells(self, block: int, block_length: int) -> Tensor:
        """Bool[rows, length]: the masked cells of a block."""
        start, stop = self.block_span(block, block_length)
        cells = self.masked
        cells[:, :start] = False
        cells[:, stop:] = False
        return cells

    def write(self, cells: Tensor, tokens: Tensor) -> None:
        """Put tokens, Int[n], into cells, Bool[rows, length] with n True, in row-major order."""
        if bool((cells & self.pinned).any()):
            raise ValueError("cells: a pinned cell would be changed; allowed: unpinned cells")
        self.tokens[cells] = tokens.to(self.tokens.dtype)

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
        for row, winner in enumerate(winners):
            if winner is not None:
                self.tokens[row] = forked.tokens[row * k + winner]

    def select(self, rows: Sequence[int]) -> Canvas:
        """A copy of the given rows (they keep their random streams)."""
        return self._take(list(rows))

    def _take(self, rows: list[int]) -> Canvas:
        return replace(
            self,
            tokens=self.tokens[rows].clone(),
            attention_mask=self.attention_mask[rows].clone(),
            pinned=self.pinned[rows].clone(),
            rng=tuple(self.rng[r] for r in rows),
            samples=tuple(self.samples[r] for r in rows),
        )


def new_canvas(
    prompts: Sequence[Sequence[int]],
    gen_length: int,
    mask_id: int,
    seeds: Sequence[int] | None = None,
    given: Sequence[dict[int, int]] | None = None,
    eos_id: int | None = None,
    eot_id: int | None = None,
    pad_id: int | None = None,
) -> Canvas:
    """Left-pad the prompts and append `gen_length` masks.

    seeds: one a row, default 0, 0, …; given: per row {position in the answer: token}, pinned from
    the first frame.
    """
    rows, longest = len(prompts), max((len(p) for p in prompts), default=0)
    padding = next((i for i in (pad_id, eos_id) if i is not None), 0)
    tokens = torch.full((rows, longest + gen_length), mask_id, dtype=torch.long)
    attention = torch.ones(tokens.shape, dtype=torch.bool)
    pinned = torch.zeros(tokens.shape, dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        start = longest - len(prompt)
        tokens[row, :start] = padding
        attention[row, :start] = False
        tokens[row, start:longest] = torch.tensor(list(prompt), dtype=torch.long)
        pinned[row, :longest] = True
        for position, token in (given[row] if given else {}).items():
            if not 0 <= position < gen_length:
                raise ValueError(
                    f"constraint at position {position} is out of range; allowed: 0 to {gen_length - 1}"
                )
            tokens[row, longest + position] = token
            pinned[row, longest + position] = True
    seeds = seeds if seeds is not None else [0] * rows
    rng = tuple(torch.Generator().manual_seed(int(seed)) for seed in seeds)
    return Canvas(tokens, attention, pinned, longest, mask_id, rng, tuple(range(rows)), eos_id, eot_id)
