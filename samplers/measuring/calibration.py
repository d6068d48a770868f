"""How far a confidence can be believed: the expected calibration error and its bins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BINS = 10
Judged = tuple[float, bool]
"""A confidence, and whether the token was right."""


@dataclass(frozen=True)
class Bin:
    """Commits of like confidence. confidence, right: their mean and the share that is right."""

    count: int
    confidence: float
    right: float


def reliability(pairs: Iterable[Judged], bins: int = BINS) -> list[Bin]:
    """Bins of equal count (they differ by one at most), the least sure first; with fewer pairs than bins, one
    pair a bin. Pairs of one confidence may fall into two bins; each bin then gets a fair share of them that
    are right, so that the result does not depend on the order of the pairs."""
    ordered = sorted(pairs, key=lambda pair: pair[0])
    n = len(ordered)
    shares = _fair(ordered)
    found = []
    for i in range(min(bins, n)):
        part = range(i * n // min(bins, n), (i + 1) * n // min(bins, n))
        confidence = sum(ordered[j][0] for j in part) / len(part)
        found.append(Bin(len(part), confidence, sum(shares[j] for j in part) / len(part)))
    return found


def _fair(ordered: Sequence[Judged]) -> list[float]:
    """For each pair the share that is right among those of its confidence."""
    totals: dict[float, list[int]] = {}
    for confidence, right in ordered:
        counts = totals.setdefault(confidence, [0, 0])
        counts[0] += right
        counts[1] += 1
    return [totals[confidence][0] / totals[confidence][1] for confidence, _ in ordered]


def ece(pairs: Iterable[Judged], bins: int = BINS) -> float | None:
    """Expected calibration error: over the bins, |confidence - share right| weighted by their counts; None
    without pairs."""
    parts = reliability(pairs, bins)
    total = sum(part.count for part in parts)
    return sum(part.count * abs(part.confidence - part.right) for part in parts) / total if total else None
