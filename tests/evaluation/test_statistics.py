"""Statistics against published values."""

from __future__ import annotations

import pytest

from evaluation.statistics import wilson_interval


@pytest.mark.parametrize(("correct", "total", "low", "high"), [
    (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662),
])  # fmt: skip
def test_wilson_interval(correct: int, total: int, low: float, high: float) -> None:
    """81 of 263 is Newcombe's (1998) worked example."""
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=1e-4)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="allowed"):
        wilson_interval(3, 2)
