"""Passes through a model: tokens of the host in, the hidden states of chosen cells out, on the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from samplers.forwards.transfer import places, to_device

KeysValues = Any
"""What `new_keys_values` of a model gives: keys and values of every block, for all positions."""


class Passes:
    """Plain passes of a model (models.llada). fixed: a pass over the same shape again is cheap, one over
    another shape is not (samplers.forwards.captured)."""

    fixed = False

    def __init__(self, model: Any) -> None:
        self._model: Callable[[], Any] = lambda: model

    @property
    def model(self) -> Any:
        """The network whose passes these are."""
        return self._model()

    def states(
        self,
        tokens: Tensor,
        attention: Tensor,
        cells: Tensor,
        keys_values: KeysValues | None = None,
        start: int = 0,
    ) -> Tensor:
        """Float[n, d]: the last hidden states of the n cells, row-major, on the model's device.

        tokens: Int[rows, length]; cells: Bool[rows, length]; attention: Bool[rows, positions], of all
        positions; keys_values: those of all positions, of which tokens are the ones from `start` on; theirs
        are overwritten. Without: tokens are all positions.
        """
        device = self.model.device
        mask = None if bool(attention.all()) else to_device(attention, device)
        ids = to_device(tokens, device)
        states: Tensor = self.model.hidden(
            ids, mask, keys_values=keys_values, start=start, places=places(cells, device)
        )
        return states

    def new_keys_values(self, rows: int, positions: int) -> KeysValues:
        """Room for keys and values, with whatever stands in it."""
        return self.model.new_keys_values(rows, positions)

    def give_back(self, keys_values: KeysValues) -> None:
        """Room that is no longer needed."""


def pick(hidden: Tensor, cells: Tensor) -> Tensor:
    """Float[n, d] at the cells, Bool[rows, length] on the host, of Float[rows, length, d]; a copy."""
    return hidden.reshape(-1, hidden.shape[-1]).index_select(0, places(cells, hidden.device))


def rows_of(keys_values: KeysValues, rows: list[int]) -> KeysValues:
    """Of some rows: a view, where these are neighbours, else a copy."""
    first, stop = rows[0], rows[-1] + 1
    if rows == list(range(first, stop)):
        return [(k[first:stop], v[first:stop]) for k, v in keys_values]
    chosen = torch.tensor(rows)  # blocks may be on several devices
    index = {d: to_device(chosen, d) for d in {k.device for k, _ in keys_values}}
    return [(k.index_select(0, index[k.device]), v.index_select(0, index[v.device])) for k, v in keys_values]
