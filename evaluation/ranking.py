"""How well scores separate two classes, and how far they are from true probabilities (calibration)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


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


def resampled_aurocs(
    scores: ArrayLike, positive: ArrayLike, group: ArrayLike, resamples: int = 400, seed: int = 0
) -> NDArray[np.float64]:
    """AUROCs of as many groups of numbers, drawn again with replacement: Float[resamples, k].

    scores: k rows of n numbers, each row another way to score the same things; positive: n truths; group: n
    labels, such as the problem that a token belongs to. A draw is the same for all rows, so differences
    between them are paired; one that lacks a class is drawn again. ValueError when a class is missing.
    """
    values, truth = np.atleast_2d(np.asarray(scores, float)), np.asarray(positive, bool)
    label = np.asarray(group)
    auroc(values[0], truth)  # raises when a class is missing
    members = [np.flatnonzero(label == each) for each in np.unique(label)]
    rng = np.random.default_rng(seed)
    found: list[list[float]] = []
    while len(found) < resamples:
        chosen = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        if 0 < truth[chosen].sum() < len(chosen):
            found.append([auroc(row[chosen], truth[chosen]) for row in values])
    return np.array(found)


def middle_95(values: ArrayLike) -> tuple[float, float]:
    """The 2.5th and the 97.5th percentile: a 95% interval of resampled figures."""
    low, high = np.percentile(np.asarray(values, float), [2.5, 97.5])
    return float(low), float(high)


def calibration_error(scores: ArrayLike, positive: ArrayLike, bins: int = 10) -> float:
    """Mean distance of score and share of positives over equal bins, weighted by their size (ECE)."""
    values, truth = np.asarray(scores, dtype=float), np.asarray(positive, dtype=float)
    place = np.minimum((values * bins).astype(int), bins - 1)
    gaps = [
        abs(values[place == b].mean() - truth[place == b].mean()) * (place == b).mean()
        for b in np.unique(place)
    ]
    return float(sum(gaps))
