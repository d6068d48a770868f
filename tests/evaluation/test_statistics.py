"""Statistics against published values."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from evaluation.ranking import auroc, middle_95, resampled_aurocs
from evaluation.statistics import mcnemar, paired_bootstrap, wilson_interval


def test_resampled_aurocs_are_paired_and_surround_the_auroc() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(60), 10)
    wrong = rng.random(600) < 0.2
    scores = wrong + rng.normal(size=600)
    found = resampled_aurocs([scores, scores * 2, -scores], wrong, group, resamples=100)
    assert found.shape == (100, 3)
    assert np.allclose(found[:, 0], found[:, 1]) and np.allclose(found[:, 0] + found[:, 2], 1)
    low, high = middle_95(found[:, 0])
    assert low < auroc(scores, wrong) < high and 0.02 < high - low < 0.2
    with pytest.raises(ValueError, match="positives = 0"):
        resampled_aurocs(scores, wrong & False, group)


@pytest.mark.parametrize(("correct", "total", "low", "high"), [
    (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662),
])  # fmt: skip
def test_wilson_interval(correct: int, total: int, low: float, high: float) -> None:
    """81 of 263 is Newcombe's (1998) worked example."""
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=1e-4)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="allowed"):
        wilson_interval(3, 2)


@pytest.mark.parametrize(("a", "b"), [(0, 0), (1, 0), (5, 1), (9, 3), (12, 12), (30, 11)])
def test_mcnemar_is_the_exact_binomial_test(a: int, b: int) -> None:
    n = a + b
    by_hand = sum(math.comb(n, i) for i in range(n + 1) if abs(2 * i - n) >= abs(a - b)) / 2**n
    assert mcnemar(a, b) == mcnemar(b, a) == pytest.approx(by_hand)


def test_mcnemar_of_many_pairs_meets_the_exact_one() -> None:
    a, b = 540, 461
    exact = 2 * sum(math.comb(a + b, i) for i in range(b + 1)) / 2 ** (a + b)
    assert mcnemar(a, b) == pytest.approx(exact, rel=0.01)
    assert mcnemar(2000, 2000) > 0.9 and mcnemar(2000, 1000) < 1e-12


def test_paired_bootstrap_meets_the_normal_interval() -> None:
    rng = random.Random(3)
    pairs = [(float(rng.random() < 0.7), float(rng.random() < 0.5)) for _ in range(800)]
    first, second = zip(*pairs, strict=True)
    gaps = [a - b for a, b in pairs]
    mean = sum(gaps) / 800
    half = 1.96 * math.sqrt(sum((g - mean) ** 2 for g in gaps) / 799 / 800)
    low, high = paired_bootstrap(first, second, resamples=2000)
    assert low == pytest.approx(mean - half, abs=0.006) and high == pytest.approx(mean + half, abs=0.006)
    assert paired_bootstrap([1.0] * 5, [1.0] * 5, resamples=50) == (0.0, 0.0)


def test_statistics_refuse_what_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="rows"):
        paired_bootstrap([1.0], [])
    with pytest.raises(ValueError, match="counts"):
        mcnemar(-1, 2)
