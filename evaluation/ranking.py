"""How well scores separate two classes, and how far they are from true probabilities (calibration)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def auroc(scores: ArrayLike, positive: ArrayLike) -> float:
    """P(a positive scores above a negative), ties counted half: the area under the ROC curve.

    scores: n numbers; positive: n truths. ValueError when one class is missing.
    """
    values, truth = np.asarray(scores, dtype=float), np.asarray(positive, dtype=bool)
    above, below = int(truth.sum()), int((~truth).sum())
    if not above or not below:
        raise ValueError(f"positives = {above}, negatives = {below}; allowed: at least one of each")
    order, first = np.unique(values, return_inverse=True)
    counts = np.bincount(first, minlength=len(order))
    ranks = (counts.cumsum() - (counts - 1) / 2)[first]  # 1 is the lowest; ties share their mean
    return float((ranks[truth].sum() - above * (above + 1) / 2) / (above * below))


def calibration_error(scores: ArrayLike, positive: ArrayLike, bins: int = 10) -> float:
    """Mean distance of score and share of positives over equal bins, weighted by their size (ECE)."""
    values, truth = np.asarray(scores, dtype=float), np.asarray(positive, dtype=float)
    place = np.minimum((values * bins).astype(int), bins - 1)
    gaps = [
        abs(values[place == b].mean() - truth[place == b].mean()) * (place == b).mean()
        for b in np.unique(place)
    ]
    return float(sum(gaps))
