"""Statistics for honest tables."""

from __future__ import annotations

import math


def wilson_interval(correct: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval for a share (E. B. Wilson, 1927); z = 1.96 is 95 %.

    correct, total: counts, 0 <= correct <= total, total > 0. Returns (low, high) in [0, 1].
    """
    if total <= 0 or not 0 <= correct <= total:
        raise ValueError(f"correct = {correct} of total = {total}; allowed: 0 to total, total above 0")
    share, n = correct / total, float(total)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
