"""How far the writing of a file is, and how large a long one becomes, told from a part of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Told = Callable[[int, int], None]
"""Is told how many parts are done, of how many; what it raises ends the writing."""
SAMPLED = 400


def nobody(done: int, of: int) -> None:
    """Where nobody is told."""


def about(items: Sequence[Item], size: Callable[[Item], int]) -> int:
    """The sizes of all items, added up; of many from SAMPLED of them, evenly chosen. The first and the last
    count as they are, for they are often larger."""
    if len(items) <= SAMPLED:
        return sum(map(size, items))
    step = (len(items) - 3) / (SAMPLED - 1)
    between = sum(size(items[1 + round(number * step)]) for number in range(SAMPLED))
    return size(items[0]) + size(items[-1]) + round(between * (len(items) - 2) / SAMPLED)
