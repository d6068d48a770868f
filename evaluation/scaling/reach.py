"""Which rung of a ladder spends a wanted number of network evaluations: found by halving, from means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

AIM = 1.05
"""A search takes the highest rung that spends at most so many times what is wanted."""
LEAST, MOST = 0.75, 1.15
"""A factor is reached by what spends between these times of what is wanted."""


@dataclass(frozen=True)
class Found:
    """Where a search stands. probe: a rung to measure next; use: the rung that was found. Both None: even the
    lowest rung spends too much."""

    probe: int | None = None
    use: int | None = None


def search(rungs: int, measured: Mapping[int, float], wanted: float) -> Found:
    """The next step of the search. rungs: how many there are, the cheapest first; measured: rung -> mean NFE;
    wanted: NFE."""
    affordable = [rung for rung, nfe in measured.items() if nfe <= AIM * wanted]
    low = max(affordable, default=-1)
    high = min((rung for rung in measured if rung > low), default=rungs)
    if high - low > 1:
        return Found(probe=(low + high) // 2)
    return Found(use=low if low >= 0 else None)


def reached(nfe: float, wanted: float) -> bool:
    """Whether a mean NFE is near enough to what is wanted."""
    return LEAST * wanted <= nfe <= MOST * wanted
