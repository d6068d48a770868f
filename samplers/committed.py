"""How much of an answer is final while it is still being written.

Cells are decided in any order, and some samplers take them back. A token is committed once it is decided, no
check of it is due, and the sampler's own promise (`open_from`) says that nothing can change it any more: at
once with samplers that take nothing back, with its block or window with those that do, at the end with the
rest.
"""

from __future__ import annotations

from samplers.events import Event
from samplers.fold import Board
from samplers.registry import Sampler


class Committed:
    """Follows the events of one run. board: everything written so far."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler, self.board = sampler, Board()
        self._block = 0  # the furthest that was begun
        self._lengths: list[int] = []

    def apply(self, event: Event) -> None:
        """Fold one event in; EventError when it does not fit."""
        self.board.apply(event)
        self._block = max(self._block, event.block)
        self._lengths += [0] * (len(self.board.tokens) - len(self._lengths))
        for row in range(len(self.board.tokens)):
            self._lengths[row] = self._length(row)

    def tokens(self, row: int) -> list[int]:
        """The committed tokens of a row's answer, from its first cell on."""
        start = self.board.prompt_length
        return self.board.tokens[row][start : start + self._lengths[row]]

    def _length(self, row: int) -> int:
        board, answer, start = self.board, self.board.trunk[row], self.board.prompt_length
        most = len(answer.tokens) - start
        if board.finished:
            return most
        first_open, size = self.sampler.open_from(self._block), self.sampler.block_length
        if first_open < self.sampler.gen_length // size:
            most = min(most, max(0, board.first_block(row, size) + first_open * size - start))
        length = self._lengths[row]
        while length < most and not answer.undecided[start + length]:
            if answer.ids[start + length] in answer.waiting:
                break
            length += 1
        return length
