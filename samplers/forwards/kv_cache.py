"""KV caches of Fast-dLLM (2505.22618, sections 3.1 and 3.2), batched and checked against the tokens.

When a row turns to another block, one full pass keeps the keys and values of all its positions. With
`prefix`, later passes evaluate the positions from the block's start on and overwrite their keys and values;
with `dual` they evaluate the block alone. Both are approximate: what is kept was computed while the block
was masked. Where tokens behind the kept keys and values have changed since (back-masking does that), the
row gets a new full pass, so nothing stale is ever attended to. Deviations: works on left-padded rows of
unequal length, and on a span of several blocks (a back-masked window).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from samplers.forwards.passes import KeysValues, rows_of
from samplers.forwards.transfer import to_device
from samplers.network import ModelNetwork

MODES = ("none", "prefix", "dual")
Span = tuple[int, int]


@dataclass
class _Group:
    """Rows that got their full pass together. rows: key -> place in the tensors; span: the blocks that the
    pass was made for; tokens, attention: as they were in that pass; keys_values: per block of the
    network; part: those of some places alone."""

    rows: dict[Hashable, int]
    span: Span
    tokens: Tensor
    attention: Tensor
    keys_values: KeysValues | None
    part: tuple[list[int], KeysValues] | None = None


class _Plan(NamedTuple):
    """One pass. rows: of the batch; group: what is kept of them; places: theirs in the group, none when
    the group is still empty and the pass is a full one."""

    rows: list[int]
    group: _Group
    places: list[int]


class CachedNetwork:
    """States of cells with a KV cache in front of a model network.

    keys (of `states`): a name for each row, the same from call to call. block_length and
    first_block, where the first of them begins, say where blocks are: a span is always whole blocks.
    """

    def __init__(self, network: ModelNetwork, mode: str, block_length: int) -> None:
        self.passes, self.mode, self.block_length = network.passes, mode, block_length
        self.groups: list[_Group] = []
        self.full_passes = 0

    def states(
        self,
        keys: Sequence[Hashable],
        tokens: Tensor,
        attention: Tensor,
        cells: Tensor,
        first_block: int,
        wanted: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, list[list[int]]]:
        """States of the cells, Float[n, d], row-major; which cells these are, Bool[rows, length]; and the
        rows of each pass that it took.

        tokens: Int[rows, length]; attention, cells: Bool[rows, length], at least one cell in each row;
        wanted: Bool[rows, length], more cells, of which those come too that the passes for `cells` evaluate.
        """
        # 1. The whole blocks that hold the cells of each row: rows x (start, stop).
        spans = self._spans(cells, first_block)
        plans: list[_Plan] = []
        unplanned = dict.fromkeys(range(len(keys)))  # rows without a plan, in order
        # 2. Rows that an earlier full pass serves: the same blocks, and nothing kept of them is stale.
        for group in self.groups:
            here = [r for r in unplanned if keys[r] in group.rows and inside(spans[r], group.span)]
            places = [group.rows[keys[r]] for r in here]
            fresh = self._unchanged(group, places, tokens[here], attention[here]) if here else []
            good = [(r, i) for r, i, ok in zip(here, places, fresh, strict=True) if ok]
            if good:
                plans.append(_Plan([r for r, _ in good], group, [i for _, i in good]))
                unplanned = dict.fromkeys(r for r in unplanned if r not in {r for r, _ in good})
        # 3. The others get a full pass, those with equal blocks together: a new group each.
        for span in dict.fromkeys(spans[r] for r in unplanned):
            rows = [r for r in unplanned if spans[r] == span]
            plans.append(_Plan(rows, self._open([keys[r] for r in rows], span), []))
        # 4. Which of the other cells these passes evaluate.
        if wanted is not None:
            cells = cells | (wanted & self._evaluated(plans, cells.shape))
        # 5. One pass for each plan; their states back in the order of the cells: Float[n, d].
        return self._run(plans, tokens, attention, cells), cells, [plan.rows for plan in plans]

    def release(self) -> None:
        """Forget everything."""
        for group in self.groups:
            self._give_back(group)
        self.groups.clear()

    def _spans(self, cells: Tensor, first_block: int) -> list[Span]:
        """The whole blocks that hold the cells of each row."""
        length, size = cells.shape[1], self.block_length
        first = cells.int().argmax(-1) - first_block
        last = length - 1 - cells.int().flip(-1).argmax(-1) - first_block
        starts = (first // size * size + first_block).tolist()
        stops = ((last // size + 1) * size + first_block).clamp(max=length).tolist()
        return list(zip(starts, stops, strict=True))

    def _unchanged(self, group: _Group, places: list[int], tokens: Tensor, attention: Tensor) -> list[bool]:
        """For each row, whether all that is kept of it was computed from the tokens that now stand there."""
        if tokens.shape[1] != group.tokens.shape[1]:
            return [False] * len(places)
        start, stop = group.span
        same = (tokens == group.tokens[places]) & (attention == group.attention[places])
        same[:, start : stop if self.mode == "dual" else None] = True
        return list(same.all(-1).tolist())

    def _open(self, keys: list[Hashable], span: Span) -> _Group:
        """A group without contents for these rows, which leave the groups they were in."""
        for group in self.groups:
            group.rows = {k: i for k, i in group.rows.items() if k not in keys}
            if not group.rows:
                self._give_back(group)
        self.groups = [g for g in self.groups if g.rows]
        empty = torch.empty(0, dtype=torch.long)
        group = _Group({key: i for i, key in enumerate(keys)}, span, empty, empty, None)
        self.groups.append(group)
        return group

    def _evaluated(self, plans: list[_Plan], shape: Sequence[int]) -> Tensor:
        """Bool[rows, length]: the positions that the passes of the plans evaluate."""
        evaluated = torch.zeros(*shape, dtype=torch.bool)
        for rows, group, places in plans:
            evaluated[rows, slice(*self._reach(group, shape[1])) if places else slice(None)] = True
        return evaluated

    def _reach(self, group: _Group, length: int) -> Span:
        """What a pass with the group's keys and values evaluates."""
        start, stop = group.span
        return start, length if self.mode == "prefix" else stop

    def _run(self, plans: list[_Plan], tokens: Tensor, attention: Tensor, cells: Tensor) -> Tensor:
        """States of all cells, Float[n, d], row-major."""
        parts, cell_places = [], []
        row_of_cell = cells.nonzero()[:, 0]  # Int[n]
        for rows, group, places in plans:
            # 1. The plan's rows alone: Int[k, length], Bool[k, length] twice.
            ids, mask, queried = tokens[rows], attention[rows], cells[rows]
            # 2. States of their cells, Float[m, d], from what is kept or from a full pass.
            if places:
                parts.append(self._block_pass(group, places, ids, mask, queried))
            else:
                parts.append(self._full_pass(group, ids, mask, queried))
            # 3. Which of the n cells these are: Int[m].
            chosen = torch.zeros(len(tokens), dtype=torch.bool)
            chosen[rows] = True
            cell_places.append(chosen[row_of_cell].nonzero()[:, 0])
        if len(parts) == 1:
            return parts[0]
        # 4. Back into the order of the cells.
        order = torch.cat(cell_places).argsort()
        return torch.cat(parts).index_select(0, to_device(order, parts[0].device))

    def _full_pass(self, group: _Group, tokens: Tensor, attention: Tensor, cells: Tensor) -> Tensor:
        """A pass over the whole canvas, which keeps everything: states of the cells, Float[m, d]."""
        self.full_passes += 1
        group.tokens, group.attention = tokens, attention
        group.keys_values = self.passes.new_keys_values(*tokens.shape)
        return self.passes.states(tokens, attention, cells, group.keys_values)

    def _block_pass(
        self, group: _Group, places: list[int], tokens: Tensor, attention: Tensor, cells: Tensor
    ) -> Tensor:
        """A pass over the group's blocks, with `prefix` up to the canvas's end: Float[m, d].

        Where only some of the group's rows go on: theirs alone, of a copy of their keys and values that
        lasts until other rows go on; or, with passes of fixed shapes, all rows of the group again."""
        start, stop = self._reach(group, tokens.shape[1])
        keys_values = group.keys_values
        if places != list(range(len(group.tokens))):
            if self.passes.fixed and places == sorted(places):
                queried, (ids, mask) = cells, (group.tokens.clone(), group.attention)
                ids[places] = tokens
                cells = torch.zeros(ids.shape, dtype=torch.bool)
                cells[places] = queried
                tokens, attention = ids, mask
            else:
                keys_values = self._part(group, places)
        return self.passes.states(tokens[:, start:stop], attention, cells[:, start:stop], keys_values, start)

    def _part(self, group: _Group, places: list[int]) -> KeysValues:
        """Keys and values of some of a group's rows. What earlier passes wrote into a copy is not in the
        group's own: nothing of it is read again, for each pass writes all that changed before it reads."""
        if group.part is None or group.part[0] != places:
            group.part = None  # its memory first
            group.part = (places, rows_of(group.keys_values, places))
        return group.part[1]

    def _give_back(self, group: _Group) -> None:
        if group.keys_values is not None:
            self.passes.give_back(group.keys_values)


def inside(inner: Span, outer: Span) -> bool:
    """Whether a span lies within another."""
    return outer[0] <= inner[0] and inner[1] <= outer[1]
