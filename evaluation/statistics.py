"""Intervals and tests for the tables: Wilson, McNemar, paired bootstrap, Holm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

EXACT_UP_TO = 1000


def wilson_interval(correct: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval for a share (E. B. Wilson, 1927); z = 1.96 is 95%.

    correct, total: counts, 0 <= correct <= total, total > 0. Returns (low, high) in [0, 1].
    """
    if total <= 0 or not 0 <= correct <= total:
        raise ValueError(f"correct = {correct} of total = {total}; allowed: 0 to total, total above 0")
    share, n = correct / total, float(total)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's paired test (Q. McNemar, 1947).

    only_first, only_second: questions that only one of two methods answers rightly. Exact (a
    binomial test with p = 1/2) up to 1,000 such questions, above that chi-squared with one degree
    of freedom and continuity correction (Edwards, 1948).
    """
    if only_first < 0 or only_second < 0:
        raise ValueError(f"counts = {only_first}, {only_second}; allowed: 0 or more")
    n, low = only_first + only_second, min(only_first, only_second)
    if n <= EXACT_UP_TO:
        tail: int = sum(math.comb(n, i) for i in range(low + 1))
        return float(min(1.0, 2 * tail / 2**n))
    statistic = (abs(only_first - only_second) - 1) ** 2 / n
    return math.erfc(math.sqrt(statistic / 2))


def paired_bootstrap(
    first: Sequence[float], second: Sequence[float], resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """95% percentile interval of mean(first) - mean(second) over paired rows (Efron, 1979).

    first, second: one value a question, in the same order. Rows are drawn with replacement.
    """
    if len(first) != len(second) or not first:
        raise ValueError(f"{len(first)} and {len(second)} rows; allowed: as many in both, at least one")
    # Drawing n rows with replacement is one multinomial draw over the different gaps.
    gaps, counts = np.unique(np.asarray(first, float) - np.asarray(second, float), return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(first), counts / len(first), resamples)
    means = np.sort(drawn @ gaps / len(first))
    return float(means[math.floor(0.025 * resamples)]), float(means[math.ceil(0.975 * resamples) - 1])


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for the number of tests (S. Holm, 1979): step-down Bonferroni, in the order
    given. Rejecting those under 5 % keeps the chance of any false rejection under 5 %."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted
