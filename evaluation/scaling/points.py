"""The points of the curves: accuracy at a measured NFE, against plain decoding, a vote and best-of-n."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.runs.run_folder import ResultRow
from evaluation.runs.summary import Comparison, Summary, compare, summarise
from evaluation.scaling.choice import Choice
from evaluation.scaling.methods import BEST_OF_N, PLAIN, VOTE
from evaluation.scaling.recipes import Method
from evaluation.scaling.study import Candidate, TaskStudy
from evaluation.sets.problem_sets import Problem
from evaluation.statistics import paired_bootstrap

RESAMPLES = 2000
AGAINST = (PLAIN.name, VOTE.name, BEST_OF_N[0].name)
"""Names of the methods that each point is compared with."""
Key = tuple[str, float]
"""A point of a task: a method's label and a factor."""


@dataclass(frozen=True)
class Point:
    """A point of a curve. times, with its 95% bootstrap interval: mean NFE over that of plain decoding at
    one token a step on the same problems; against: name of a baseline -> the paired comparison with it."""

    method: Method
    factor: float
    candidate: Candidate
    summary: Summary
    times: tuple[float, float, float]
    against: Mapping[str, Comparison]

    @property
    def beats_all(self) -> bool:
        """Whether it is better than every baseline, each interval above 0, and there are all of AGAINST."""
        return len(self.against) == len(AGAINST) and all(c.low > 0 for c in self.against.values())


def points_of(study: TaskStudy, choices: Mapping[str, Choice], counts: Mapping[Key, int]) -> list[Point]:
    """All points of a task whose rows are there. counts: how many of the evaluated problems each has."""
    candidates = {
        (label, factor): candidate
        for label, choice in choices.items()
        for factor, candidate in choice.chosen.items()
    }
    rows = {
        key: study.rows_of(candidate, study.evaluated[: counts[key]]) for key, candidate in candidates.items()
    }
    measure = rows[PLAIN.label, 1.0]
    pairs = [(key, other) for key in rows for other in _baselines(key, candidates)]
    named = {_text(key): own for key, own in rows.items()}
    found = compare(named, [(_text(a), _text(b)) for a, b in pairs]) if pairs else []
    comparisons: dict[Key, dict[str, Comparison]] = {key: {} for key in rows}
    for (key, other), comparison in zip(pairs, found, strict=True):
        comparisons[key][candidates[other].method.name] = comparison
    return [
        Point(
            candidate.method,
            key[1],
            candidate,
            summarise(_text(key), list(rows[key].values())),
            _times(rows[key], measure),
            comparisons[key],
        )
        for key, candidate in candidates.items()
        if rows[key]
    ]


def _text(key: Key) -> str:
    return f"{key[0]} at {key[1]:g}"


def _baselines(key: Key, candidates: Mapping[Key, Candidate]) -> list[Key]:
    """The points that one is compared with: the baselines' at the same factor, best-of-n with the same scorer
    (the reward model where there is none); plain decoding's highest, where it cannot spend as much."""
    label, factor = key
    method = candidates[key].method
    same = next((m.label for m in BEST_OF_N if m.scorer == method.scorer), BEST_OF_N[0].label)
    able = [f for name, f in candidates if name == PLAIN.label and f <= factor]
    wanted = [(PLAIN.label, max(able, default=factor)), (VOTE.label, factor), (same, factor)]
    return [other for other in wanted if other in candidates and other[0] != label]


def _times(rows: Mapping[int, ResultRow], measure: Mapping[int, ResultRow]) -> tuple[float, float, float]:
    """NFE over plain decoding's, on problems that both answered; the interval is of the method's mean."""
    both = [n for n in rows if n in measure and "nfe" in rows[n] and "nfe" in measure[n]]
    if not both:
        nan = float("nan")
        return nan, nan, nan
    own = [float(rows[n]["nfe"]) for n in both]
    base = sum(measure[n]["nfe"] for n in both) / len(both)
    low, high = paired_bootstrap(own, [0.0] * len(own), RESAMPLES)
    return sum(own) / len(own) / base, low / base, high / base


def evaluated(
    choices: Mapping[str, Choice], study: TaskStudy, counts: Mapping[Key, int]
) -> list[tuple[Candidate, Sequence[Problem]]]:
    """What is to be decoded for the points."""
    return [
        (candidate, study.evaluated[: counts[label, factor]])
        for label, choice in choices.items()
        for factor, candidate in choice.chosen.items()
    ]
