"""KV caches of Fast-dLLM (2505.22618, sections 3.1 and 3.2), batched and checked against the tokens.

`prefix`: when a row turns to another block, one full pass keeps the keys and values of everything;
later passes evaluate from the block's start on and overwrite what they evaluate. `dual`: later
passes evaluate the block alone. Both are approximate: what is kept was computed while the block
was masked. A row whose kept tokens have changed since (back-masking does that) gets a full pass
again, so nothing stale is ever attended to. Deviations: works on left-padded rows of unequal
length, and on a span of several blocks (a back-masked window).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from samplers.network import ModelNetwork, pick

MODES = ("none", "prefix", "dual")
Span = tuple[int, int]


@dataclass
class _Group:
    """Rows that got their full pass together. kept: keys and values per block of the network;
    tokens, attention: as they were in that pass; the span is what was asked for then."""

    rows: dict[Hashable, int]
    span: Span
    tokens: Tensor
    attention: Tensor
    kept: Any


class _Plan(NamedTuple):
    """One pass. rows: of the batch; group: what is kept of them; at: their places in it, none when the
    group is still empty and the pass is a full one."""

    rows: list[int]
    group: _Group
    at: list[int]


class CachedNetwork:
    """States of cells with a KV cache in front of a model network.

    keys: one a row, the same for a row from call to call. block_length and prompt_length say where
    blocks begin, so that a span is always whole blocks.
    """

    def __init__(self, network: ModelNetwork, mode: str, block_length: int) -> None:
        self.model, self.mode, self.block_length = network.model, mode, block_length
        self.groups: list[_Group] = []
        self.full_passes = 0

    def states(
        self, keys: Sequence[Hashable], tokens: Tensor, attention: Tensor, cells: Tensor, prompt_length: int
    ) -> tuple[Tensor, int]:
        """States of the cells, Float[n, d], row-major, and the number of passes that took.

        tokens: Int[rows, length]; attention, cells: Bool[rows, length], a cell asked for in each row.
        """
        # 1. The whole blocks each row asks for: rows x (start, stop).
        spans = self._spans(cells, prompt_length)
        plans: list[_Plan] = []
        left = dict.fromkeys(range(len(keys)))  # rows without a plan, in order
        # 2. Rows that an earlier full pass serves: the same blocks, and nothing kept of them is stale.
        for group in self.groups:
            here = [r for r in left if keys[r] in group.rows and inside(spans[r], group.span)]
            at = [group.rows[keys[r]] for r in here]
            fresh = self._unchanged(group, at, tokens[here], attention[here]) if here else []
            good = [(r, i) for r, i, ok in zip(here, at, fresh, strict=True) if ok]
            if good:
                plans.append(_Plan([r for r, _ in good], group, [i for _, i in good]))
                left = dict.fromkeys(r for r in left if r not in {r for r, _ in good})
        # 3. The others get a full pass, those with equal blocks together: a new group each.
        for span in dict.fromkeys(spans[r] for r in left):
            rows = [r for r in left if spans[r] == span]
            plans.append(_Plan(rows, self._open([keys[r] for r in rows], span), []))
        # 4. A pass a plan; their states back in the order of the cells: Float[n, d].
        return self._run(plans, tokens, attention, cells), len(plans)

    def release(self) -> None:
        """Forget everything."""
        self.groups.clear()

    def _spans(self, cells: Tensor, prompt_length: int) -> list[Span]:
        """The whole blocks that hold the cells of each row."""
        length, size = cells.shape[1], self.block_length
        first = cells.int().argmax(-1) - prompt_length
        last = length - 1 - cells.int().flip(-1).argmax(-1) - prompt_length
        starts = (first // size * size + prompt_length).tolist()
        stops = ((last // size + 1) * size + prompt_length).clamp(max=length).tolist()
        return list(zip(starts, stops, strict=True))

    def _unchanged(self, group: _Group, at: list[int], tokens: Tensor, attention: Tensor) -> list[bool]:
        """Whether all that is kept of each row was computed from the tokens that now stand there."""
        if tokens.shape[1] != group.tokens.shape[1]:
            return [False] * len(at)
        start, stop = group.span
        same = (tokens == group.tokens[at]) & (attention == group.attention[at])
        same[:, start : stop if self.mode == "dual" else None] = True
        return list(same.all(-1).tolist())

    def _open(self, keys: list[Hashable], span: Span) -> _Group:
        """A group without contents for these rows, which leave the groups they were in."""
        for group in self.groups:
            group.rows = {k: i for k, i in group.rows.items() if k not in keys}
        self.groups = [g for g in self.groups if g.rows]
        empty = torch.empty(0, dtype=torch.long)
        group = _Group({key: i for i, key in enumerate(keys)}, span, empty, empty, None)
        self.groups.append(group)
        return group

    def _run(self, plans: list[_Plan], tokens: Tensor, attention: Tensor, cells: Tensor) -> Tensor:
        """States of all cells, Float[n, d], row-major."""
        parts, places = [], []
        row_of_cell = cells.nonzero()[:, 0]  # Int[n]
        for rows, group, at in plans:
            # 1. The plan's rows alone: Int[k, length], Bool[k, length] twice.
            ids, mask, asked = tokens[rows], attention[rows], cells[rows]
            # 2. States of their cells, Float[m, d], from what is kept or from a full pass.
            if at:
                parts.append(self._again(group, at, ids, mask, asked))
            else:
                parts.append(self._full(group, ids, mask, asked))
            # 3. Which of the n cells these are: Int[m].
            chosen = torch.zeros(len(tokens), dtype=torch.bool)
            chosen[rows] = True
            places.append(chosen[row_of_cell].nonzero()[:, 0])
        if len(parts) == 1:
            return parts[0]
        # 4. Back into the order of the cells.
        order = torch.cat(places).argsort().to(parts[0].device)
        return torch.cat(parts).index_select(0, order)

    def _full(self, group: _Group, tokens: Tensor, attention: Tensor, cells: Tensor) -> Tensor:
        """A pass over the whole canvas, which keeps everything: states of the cells, Float[m, d]."""
        self.full_passes += 1
        group.tokens, group.attention = tokens, attention
        group.kept = self.model.new_keys_values(*tokens.shape)
        device = self.model.device
        mask = None if bool(attention.all()) else attention.to(device)
        return pick(self.model.hidden(tokens.to(device), mask, kept=group.kept), cells)

    def _again(
        self, group: _Group, at: list[int], tokens: Tensor, attention: Tensor, cells: Tensor
    ) -> Tensor:
        """A pass over the group's blocks, with `prefix` up to the canvas's end: Float[m, d]."""
        start, stop = group.span
        if self.mode == "prefix":
            stop = tokens.shape[1]
        kept, device = group.kept, self.model.device
        if at != list(range(len(group.tokens))):
            index = torch.tensor(at, device=device)
            kept = [(k.index_select(0, index), v.index_select(0, index)) for k, v in kept]
        mask = None if bool(attention.all()) else attention.to(device)
        part = tokens[:, start:stop].to(device)
        hidden = self.model.hidden(part, mask, kept=kept, start=start)
        return pick(hidden, cells[:, start:stop])


def inside(inner: Span, outer: Span) -> bool:
    """Whether a span lies within another."""
    return outer[0] <= inner[0] and inner[1] <= outer[1]
