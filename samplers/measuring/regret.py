"""Parallel regret: what committing cells together cost, by asking the network again after the run.

Of the cells C that one forward committed with tokens x_C (ours; the bounds of 2604.02560 and 2505.24857 are
why one should look):

    regret = sum over i in C of  log p(x_i | canvas before) - log p(x_i | canvas before, x_C without i)

Above 0: together they are less likely than each looked alone. The canvas before is the row as it stood when
the event came; there x_C without i is written, and cell i holds what it held, a mask or noise. That is one
row for each cell, and one for all of them before; the step of a single cell costs nothing and is 0.

Probabilities are those of the network's full passes at temperature 1: a run's guidance, cache and temperature
are left out. Edits, and cells whose draft was verified, are no commits made side by side here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import torch
from torch import Tensor

from samplers.events import CandidateChosen, CandidatesForked, Event, EventError, Unmasked
from samplers.fold import Board
from samplers.network import Network

MOST_TOKENS = 16_384
"""Of one pass: rows times their length."""
HEAD_CELLS = 64
"""Cells whose logits are computed at once: 64 over 126,464 tokens take 32 MB."""


@dataclass(frozen=True)
class Together:
    """A row as it stood before some of its cells were committed in one forward, all at once.

    tokens, real: of the row, real False on padding; cells: positions, at least two; written: their tokens;
    forward: passes of the network until then; ids: of the cells (see samplers.fold).
    """

    forward: int
    tokens: tuple[int, ...]
    real: tuple[bool, ...]
    cells: tuple[int, ...]
    written: tuple[int, ...]
    ids: tuple[int, ...]


@dataclass(frozen=True)
class StepRegret:
    """Of one forward. cells: positions then; written: their tokens; ids: of the cells; alone: log p of each
    before; given: log p of each among the others. All in nats."""

    forward: int
    cells: tuple[int, ...]
    written: tuple[int, ...]
    ids: tuple[int, ...]
    alone: tuple[float, ...]
    given: tuple[float, ...]

    @property
    def cell_regrets(self) -> tuple[float, ...]:
        """alone - given of each cell."""
        return tuple(a - g for a, g in zip(self.alone, self.given, strict=True))

    @property
    def total(self) -> float:
        """The regret of the step."""
        return sum(self.cell_regrets)


@dataclass(frozen=True)
class Regret:
    """Of a row's run. steps: forwards that committed at least two cells; passed: rows evaluated for it."""

    steps: tuple[StepRegret, ...]
    passed: int

    @property
    def total(self) -> float:
        """The sum over all steps, in nats; 0 where every forward committed one cell at most."""
        return sum(step.total for step in self.steps)

    @property
    def cells(self) -> int:
        """Cells that were committed beside others."""
        return sum(len(step.cells) for step in self.steps)

    @property
    def mean(self) -> float | None:
        """Of a cell that was committed beside others; None without one."""
        return self.total / self.cells if self.cells else None


@torch.no_grad()
def regret(events: Iterable[Event], network: Network, row: int = 0, most_tokens: int = MOST_TOKENS) -> Regret:
    """The parallel regret of one row of the trunk, of a run or what there is of one that was stopped.

    network: the one that decoded; rows are evaluated in passes of at most most_tokens (one row at least), so
    that memory does not grow with the run. Of a fork the chosen candidate's steps count.
    """
    queue, mask_id = together_of(events, row)
    steps: list[StepRegret] = []
    values: list[float] = []
    asked = (ask for step in queue for ask in _asks(step))
    for same in _passes(asked, most_tokens):
        values += _log_probabilities(network, same, mask_id)
    at = 0
    for step in queue:
        n = len(step.cells)
        alone, given = values[at : at + n], values[at + n : at + 2 * n]
        steps.append(StepRegret(step.forward, step.cells, step.written, step.ids, tuple(alone), tuple(given)))
        at += 2 * n
    return Regret(tuple(steps), sum(len(step.cells) + 1 for step in queue))


def together_of(events: Iterable[Event], row: int = 0) -> tuple[list[Together], int | None]:
    """The steps of a row that committed several cells, and the mask's id."""
    board, real, first = Board(), (), 0
    trunk: list[Together] = []
    open_steps: list[list[Together]] | None = None  # of each candidate of the row
    for event in events:
        if isinstance(event, Unmasked) and event.step >= 0:
            here = range(row, row + 1) if open_steps is None else range(row * board.k, (row + 1) * board.k)
            for number in here:
                step = _together(board, event, number, real, event.forwards - first)
                if step is not None:
                    (trunk if open_steps is None else open_steps[number - row * board.k]).append(step)
        k = board.k
        board.apply(event)
        if isinstance(event, CandidatesForked):
            open_steps = [[] for _ in range(event.k)]
        elif isinstance(event, CandidateChosen) and open_steps is not None:
            winner = event.winners[row]
            if winner is not None and winner < k:
                trunk += open_steps[winner]
            open_steps = None
        elif not real and board.trunk:
            if not 0 <= row < len(board.trunk):
                raise EventError(f"row = {row}; allowed: 0 to {len(board.trunk) - 1}")
            real, first = event.attention_mask[row][: board.prompt_length], event.forwards  # type: ignore[attr-defined]
    return trunk, board.mask_id


def _together(
    board: Board, event: Unmasked, number: int, prompt: Sequence[bool], forward: int
) -> Together | None:
    written = {cell.position: cell.token for cell in event.cells if cell.row == number}
    state = board.rows[number]
    places = sorted(written)
    if len(places) < 2 or places[0] < board.prompt_length or places[-1] >= len(state.tokens):
        return None  # of cells outside the canvas the board says what is wrong
    real = (*prompt, *([True] * (len(state.tokens) - len(prompt))))
    tokens = tuple(written[place] for place in places)
    ids = tuple(state.ids[place] for place in places)
    return Together(forward, tuple(state.tokens), real, tuple(places), tokens, ids)


@dataclass(frozen=True)
class _Ask:
    """One row to evaluate: the cells that are asked, from left to right, and the tokens whose probability is
    wanted there."""

    tokens: Sequence[int]
    real: Sequence[bool]
    cells: Sequence[int]
    wanted: Sequence[int]


def _asks(step: Together) -> Iterator[_Ask]:
    """The canvas before, then for each cell the canvas with the others written."""
    yield _Ask(step.tokens, step.real, step.cells, step.written)
    written = list(step.tokens)
    for position, token in zip(step.cells, step.written, strict=True):
        written[position] = token
    for position, token in zip(step.cells, step.written, strict=True):
        tokens = written[:]
        tokens[position] = step.tokens[position]
        yield _Ask(tokens, step.real, (position,), (token,))


def _passes(asks: Iterable[_Ask], most_tokens: int) -> Iterator[list[_Ask]]:
    """Rows of one length, one after the other, as many as go into a pass."""
    for length, same in groupby(asks, key=lambda ask: len(ask.tokens)):
        most = max(most_tokens // length, 1)
        while part := list(islice(same, most)):
            yield part


def _log_probabilities(network: Network, asks: Sequence[_Ask], mask_id: int | None) -> list[float]:
    """Of each row's cells, from one pass."""
    tokens = torch.tensor([list(ask.tokens) for ask in asks])
    attention = torch.tensor([list(ask.real) for ask in asks])
    cells = torch.zeros(tokens.shape, dtype=torch.bool)
    for number, ask in enumerate(asks):
        cells[number, list(ask.cells)] = True
    states = network.states(tokens, attention, cells)
    wanted = [token for ask in asks for token in ask.wanted]
    parts = [
        _at(network.head(states[first : first + HEAD_CELLS]), wanted[first : first + HEAD_CELLS], mask_id)
        for first in range(0, len(wanted), HEAD_CELLS)
    ]
    values: list[float] = torch.cat(parts).tolist()
    return values


def _at(logits: Tensor, wanted: Sequence[int], mask_id: int | None) -> Tensor:
    """Float64[n]: log p of tokens, of logits Float[n, vocab]; the mask has none, as in decoding."""
    if mask_id is not None:
        logits[:, mask_id] = -torch.inf
    if logits.dtype != torch.float64:
        logits = logits.float()
    index = torch.tensor(list(wanted), device=logits.device)[:, None]
    return logits.log_softmax(-1).gather(-1, index)[:, 0].double().cpu()
