"""The results of a run: one line for each sampler, and paired comparisons as sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from evaluation.runs.run_folder import ResultRow
from evaluation.statistics import holm, mcnemar, paired_bootstrap, wilson_interval

CLEAR = 0.05


@dataclass(frozen=True)
class Summary:
    """One line of the table. rows: finished; graded: those with a grade, of which `correct` are
    right; ungraded: could not be graded; failed: gave no answer because of an error; cut: answers
    that fill all their cells without an end of text; answered: share of the texts in which an answer
    was recognised; by_hand: grades set by a person; nfe, scorer_calls, seconds: means a row; speed: tokens
    a second."""

    label: str
    rows: int
    correct: int
    graded: int
    ungraded: int
    failed: int
    cut: int
    answered: float
    by_hand: int
    nfe: float
    scorer_calls: float
    seconds: float
    speed: float

    @property
    def accuracy(self) -> float | None:
        """Right answers among those graded; None when there are none."""
        return self.correct / self.graded if self.graded else None

    @property
    def interval(self) -> tuple[float, float]:
        """95% Wilson interval of the accuracy."""
        return wilson_interval(self.correct, self.graded) if self.graded else (0.0, 1.0)


@dataclass(frozen=True)
class Comparison:
    """Two lines on the rows that both have graded. gap: accuracy of first - second with its 95%
    bootstrap interval; p: exact McNemar; adjusted: p after Holm's correction over all pairs, of which there
    are `tests`."""

    first: str
    second: str
    rows: int
    only_first: int
    only_second: int
    gap: float
    low: float
    high: float
    p: float
    adjusted: float
    tests: int = 1

    @property
    def words(self) -> str:
        """The result as a sentence."""
        more, points = self.only_first - self.only_second, self.points
        if not self.rows:
            return f"{self.first} and {self.second} have no graded row in common yet."
        if not self.only_first and not self.only_second:
            rows = "the one row" if self.rows == 1 else f"every one of {self.rows} rows"
            return f"{self.first} and {self.second} agree on {rows}."
        if more == 0:
            as_many = f"{self.first} and {self.second} solve as many of {self.rows}, not always the same ones"
            return f"{as_many}: {points}."
        better, worse = (self.first, self.second) if more > 0 else (self.second, self.first)
        chance = "that is hardly chance" if self.adjusted < CLEAR else "that could be chance"
        gap = f"{better} solves {abs(more)} more of {self.rows} than {worse}, {points}"
        return f"{gap}; {chance}: p {p_text(self.adjusted)}{self._corrected}."

    @property
    def _corrected(self) -> str:
        """What the p stands for where there were several tests: the interval beside it knows of none."""
        if self.tests < 2:
            return ""
        return (
            f" after Holm for {self.tests} comparisons; alone it would be {p_text(self.p).removeprefix('= ')}"
        )

    @property
    def points(self) -> str:
        """The gap, better less worse, with its interval: "+1.6 points (95%: −0.2 to +3.4)"."""
        gap, low, high = self.gap, self.low, self.high
        if gap < 0:
            gap, low, high = -gap, -high, -low
        return f"{_signed(gap)} points (95%: {_signed(low)} to {_signed(high)})"


def _signed(share: float) -> str:
    """A share in points: "+1.6", "−0.2", "0.0"."""
    text = f"{100 * share:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def p_text(p: float) -> str:
    """A p-value as people write it: "= .09"."""
    if p < 0.001:
        return "< .001"
    return "= 1" if p > 0.995 else "= " + f"{p:.{3 if p < 0.1 else 2}f}".lstrip("0")


def by_line(rows: Iterable[ResultRow], labels: Sequence[str]) -> dict[str, dict[int, ResultRow]]:
    """Rows by label and number, labels in the given order."""
    rows_by_line: dict[str, dict[int, ResultRow]] = {label: {} for label in labels}
    for row in rows:
        rows_by_line.setdefault(row["line"], {})[row["row"]] = row
    return rows_by_line


def summarise(label: str, rows: Sequence[ResultRow]) -> Summary:
    """The table's line of one sampler."""
    answered = [row for row in rows if "error" not in row]
    judged = [row for row in rows if row["correct"] is not None]

    def mean(key: str) -> float:
        return sum(row[key] for row in answered) / len(answered) if answered else 0.0

    seconds = sum(row["seconds"] for row in answered)
    return Summary(
        label=label,
        rows=len(rows),
        correct=sum(bool(row["correct"]) for row in judged),
        graded=len(judged),
        ungraded=sum(row["correct"] is None for row in answered),
        failed=len(rows) - len(answered),
        cut=sum(row.get("ended") is False for row in answered),  # older rows do not say
        answered=sum(row["extracted"] is not None for row in answered) / len(answered) if answered else 0.0,
        by_hand=sum(bool(row.get("by_hand")) for row in rows),
        nfe=mean("nfe"),
        scorer_calls=mean("scorer_calls"),
        seconds=mean("seconds"),
        speed=sum(row["tokens"] for row in answered) / seconds if seconds else 0.0,
    )


def compare(
    rows_by_line: Mapping[str, Mapping[int, ResultRow]], pairs: Sequence[tuple[str, str]] | None = None
) -> list[Comparison]:
    """Every pair of lines (or the pairs named), each on the rows both have graded."""
    drafts = [
        _paired(a, b, rows_by_line[a], rows_by_line[b]) for a, b in pairs or combinations(rows_by_line, 2)
    ]
    tested = [draft[-1] for draft in drafts if draft[2]]  # pairs without rows test nothing
    adjusted = iter(holm(tested))
    return [Comparison(*draft, next(adjusted) if draft[2] else 1.0, len(tested)) for draft in drafts]


def _paired(
    a: str, b: str, first: Mapping[int, ResultRow], second: Mapping[int, ResultRow]
) -> tuple[str, str, int, int, int, float, float, float, float]:
    both = [
        (bool(first[n]["correct"]), bool(second[n]["correct"]))
        for n in sorted(first.keys() & second.keys())
        if first[n]["correct"] is not None and second[n]["correct"] is not None
    ]
    if not both:
        return a, b, 0, 0, 0, 0.0, 0.0, 0.0, 1.0
    only_first, only_second = (sum(x > y for x, y in both), sum(y > x for x, y in both))
    low, high = paired_bootstrap([float(x) for x, _ in both], [float(y) for _, y in both], 2000)
    gap = (only_first - only_second) / len(both)
    return a, b, len(both), only_first, only_second, gap, low, high, mcnemar(only_first, only_second)
