"""What else could stand in a cell: the likeliest tokens where it was written, and at another temperature.

Where the run has drafts of the cell they are what the sampler saw; else the network is asked again, once, on
the canvas as it was then, at temperature 1 with the run's guidance and without its cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import torch

from samplers.canvas import Canvas
from samplers.denoiser import GuidedDenoiser
from samplers.events import (
    CandidateChosen,
    CandidatesForked,
    Drafted,
    Edited,
    Event,
    EventError,
    Unmasked,
)
from samplers.fold import Board, BoardRow, Draft
from samplers.network import Network, PolicyNetwork

LIKELIEST = 5


@dataclass(frozen=True)
class Moment:
    """The canvas in which a cell was decided, or is still undecided. count: events before it; tokens, begin:
    of the row; position: of the cell then; recorded: its drafts then, likeliest first."""

    count: int
    tokens: tuple[int, ...]
    begin: int
    prompt_length: int
    mask_id: int | None
    position: int
    recorded: Draft


@dataclass(frozen=True)
class Alternatives:
    """likeliest: tokens with their probabilities; recorded: whether these are the run's own drafts; keep: the
    policy's probability that the cell's token should stand, None: there is no policy, or it was not asked."""

    likeliest: Draft
    recorded: bool
    keep: float | None = None


def moment_of(events: Sequence[Event], seq: int, cell: int, row: int = 0) -> Moment | None:
    """When the token was written that a cell holds after event `seq`; of an undecided cell, that canvas.
    None: the cell was given, or came into the row with its token.

    cell: its id (see samplers.fold); row: of the board as it is shown then. EventError: there is no such
    cell.
    """
    board = Board()
    moments: list[Moment | None] = []
    before: list[Moment | None] = []  # the trunk's, while a fork is open
    for count, event in enumerate(islice(events, seq + 1)):
        if isinstance(event, (Unmasked, Edited, Drafted)):
            for place in event.cells:
                if 0 <= place.row < len(board.rows):
                    state = board.rows[place.row]
                    if 0 <= place.position < len(state.ids) and state.ids[place.position] == cell:
                        moments[place.row] = _moment(board, state, count, place.position)
        k = board.k
        board.apply(event)
        if isinstance(event, CandidatesForked):
            before, moments = moments, [each for each in moments for _ in range(event.k)]
        elif isinstance(event, CandidateChosen):
            kept = enumerate(event.winners)
            moments = [before[i] if best is None else moments[i * k + best] for i, best in kept]
        elif not moments:
            moments = [None] * len(board.trunk)
    if not 0 <= row < len(board.rows) or cell not in board.rows[row].ids:
        raise EventError(
            f"cell {cell} is not in row {row} after event {seq}; allowed: a cell that stands then"
        )
    state = board.rows[row]
    position = state.ids.index(cell)
    return _moment(board, state, seq + 1, position) if state.undecided[position] else moments[row]


def _moment(board: Board, state: BoardRow, count: int, position: int) -> Moment:
    return Moment(
        count, tuple(state.tokens), state.begin, board.prompt_length, board.mask_id, position,
        state.drafts.get(state.ids[position], ()),
    )  # fmt: skip


@torch.no_grad()
def alternatives(
    moment: Moment, network: Network, cfg_scale: float = 0.0, k: int = LIKELIEST, ask: bool = False
) -> Alternatives:
    """The k likeliest tokens of a cell. One forward, unless the run has as many drafts of it; ask: also
    then."""
    if not ask and len(moment.recorded) >= k:
        return Alternatives(moment.recorded[:k], True)
    tokens = torch.tensor([moment.tokens])
    real = (torch.arange(tokens.shape[1]) >= moment.begin)[None]
    canvas = Canvas(
        tokens, real, torch.zeros_like(real), moment.prompt_length, moment.mask_id, (torch.Generator(),), (0,)
    )
    cells = torch.zeros_like(real)
    cells[0, moment.position] = True
    denoise, keep = GuidedDenoiser(network, cfg_scale), None
    if isinstance(network, PolicyNetwork):
        logits, scores = denoise.policy(canvas, cells, cells)
        keep = float(scores[0])
    else:
        logits = denoise(canvas, cells)
    likeliest = logits[0].softmax(-1).topk(min(k, logits.shape[-1]))
    pairs = zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
    return Alternatives(tuple(pairs), False, keep)


def retempered(stored: Draft, temperature: float, top_p: float = 1.0) -> tuple[Draft, float]:
    """What another temperature and nucleus would have made of stored probabilities (those of temperature 1),
    without a forward; and how much of the whole distribution is stored. Of what is not stored nothing is
    known: with a temperature above 1 it would get more than the stored tokens can tell. ValueError: no
    tokens, or a temperature or top_p out of range."""
    if not stored or not 0 <= temperature <= 100 or not 0 < top_p <= 1:
        raise ValueError(
            f"{len(stored)} tokens, temperature = {temperature}, top_p = {top_p}; allowed: one at least, "
            "0 to 100, above 0 to 1"
        )
    mass = sum(p for _, p in stored)
    order = sorted(stored, key=lambda pair: -pair[1])
    if temperature == 0:
        return ((order[0][0], 1.0),), mass
    logs = torch.tensor([max(p, 1e-30) for _, p in order], dtype=torch.float64).log() / temperature
    shares = logs.softmax(-1)
    stood = shares.cumsum(-1) - shares  # what stands before a token decides (samplers.drawing.Cut)
    shares = torch.where(stood < top_p, shares, 0.0)
    shares = shares / shares.sum()
    return tuple((t, float(s)) for (t, _), s in zip(order, shares, strict=True) if s > 0), mass
