"""Who looks at whom among the undecided cells of a canvas: the attention of some blocks, in an extra pass.

Attention says where a cell reads, not what it makes of it. In bidirectional models a few cells are looked at
by all whatever stands there (attention sinks: Xiao et al. 2023, 2309.17453); these are named, to be dimmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from samplers.fold import Board
from samplers.network import Network, with_attention

SINK = 4.0
"""A sink is looked at so many times as much as a cell on the average."""


@dataclass(frozen=True)
class Dependencies:
    """cells: positions of the undecided cells; weights: weights[i][j], how much cell i looks at cell j, the
    mean over heads and layers; decided: how much each looks at everything that is decided, the prompt too:
    with its weights it makes 1; sinks: those of the cells that are looked at by all."""

    layers: tuple[int, ...]
    cells: tuple[int, ...]
    weights: tuple[tuple[float, ...], ...]
    decided: tuple[float, ...]
    sinks: tuple[int, ...]


def dependencies(board: Board, network: Network, layers: Sequence[int], row: int = 0) -> Dependencies:
    """Of a row of the board as it is shown (a candidate while a fork is open). One pass. ValueError: no such
    layer; SettingError: the network does not show its attention."""
    state = board.rows[row]
    cells = [place for place, undecided in enumerate(state.undecided) if undecided]
    real = torch.arange(len(state.tokens)) >= state.begin
    found = with_attention(network).attention(torch.tensor([state.tokens]), real[None], layers)
    looks = found[:, 0].mean(0)  # Float[length, length]
    among = looks[cells][:, cells]
    received = looks[real].mean(0)  # Float[length]
    usual = 1 / max(int(real.sum()), 1)
    return Dependencies(
        tuple(layers),
        tuple(cells),
        tuple(map(tuple, among.tolist())),
        tuple((1 - among.sum(-1)).clamp(min=0).tolist()),
        tuple(place for place in cells if float(received[place]) > SINK * usual),
    )
