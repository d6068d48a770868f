"""A study as text and as JSON: points, what could not be reached, what beats every baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evaluation.runs.summary import Comparison
from evaluation.scaling.choice import Choice
from evaluation.scaling.estimate import grows
from evaluation.scaling.methods import RECIPES
from evaluation.scaling.points import AGAINST, Point
from evaluation.scaling.reach import reached
from evaluation.scaling.recipes import EXACT
from evaluation.scaling.study import Candidate
from samplers.text_tables import markdown_table

HEAD = ("method", "factor", "NFE", "times plain", "n", "right", "95%", *(f"less {name}" for name in AGAINST))
SATURATED = "saturated: with one token a step it has spent all that it can"
SHOWN = {0.25: "1/4", 0.5: "1/2"}


@dataclass(frozen=True)
class TaskResult:
    """One task, ready to be shown."""

    name: str
    points: Sequence[Point]
    choices: Mapping[str, Choice]
    tuned_on: int


def factor_text(factor: float) -> str:
    """1/4, 1/2, 1, 2 …"""
    return SHOWN.get(factor, f"{factor:g}")


def as_markdown(result: TaskResult) -> str:
    """Points, notes, settings, and what beats the baselines."""
    parts = [
        f"### {result.name}\n",
        markdown_table(HEAD, map(_row, result.points)),
        "\nDifferences are in points, with the paired 95% bootstrap interval, on the problems that both "
        "answered; *: p < .05, exact McNemar with Holm's correction over the table.\n",
        *_notes(result),
        f"\nSettings, chosen from {RECIPES} recipes a method by accuracy on {result.tuned_on} other problems:"
        "\n",
        *(
            f"- {label} at {factor_text(f)}: {_way(candidate)}"
            for label, choice in result.choices.items()
            for f, candidate in choice.chosen.items()
        ),
        "",
        *_verdict(result),
    ]
    return "\n".join(parts) + "\n"


def _way(candidate: Candidate) -> str:
    recipe = candidate.method.recipes[candidate.recipe]
    draws = f", {candidate.draws} draws" if candidate.draws > 1 else ""
    return f"{recipe.name}; {recipe.ladder[candidate.rung].name}{draws}"


def _row(point: Point) -> list[str]:
    s, (times, low, high) = point.summary, point.times
    right = "–" if s.accuracy is None else f"{s.accuracy:.1%}"
    interval = "{:.1%} – {:.1%}".format(*s.interval)
    against = [_gap(point.against[name]) if name in point.against else "–" for name in AGAINST]
    spent = f"{times:.2f} ({low:.2f} – {high:.2f})"
    return [point.method.label, factor_text(point.factor), f"{s.nfe:.1f}", spent, str(s.graded), right,
            interval, *against]  # fmt: skip


def _gap(c: Comparison) -> str:
    star = "*" if c.adjusted < 0.05 else ""
    return f"{100 * c.gap:+.1f}{star} ({100 * c.low:+.1f} to {100 * c.high:+.1f})"


def _notes(result: TaskResult) -> list[str]:
    notes, methods = [], {point.method.label: point.method for point in result.points}
    for label, choice in result.choices.items():
        if choice.nearest:
            missed = ", ".join(f"{factor_text(f)} (nearest {t:.2f})" for f, t in choice.nearest.items())
            highest = max(choice.chosen, default=0.0)
            saturated = highest >= 1 and min(choice.nearest) > highest and not grows(methods[label])
            why = SATURATED if saturated else "none of its settings comes near"
            notes.append(f"- {label} does not reach, and has no point at: {missed}; {why}.")
    for point in result.points:
        if not reached(point.times[0], point.factor):
            at = f"{point.method.label} at {factor_text(point.factor)}"
            notes.append(f"- {at} spends {point.times[0]:.2f} times plain decoding's NFE: it stands there.")
        if point.summary.failed:
            at = f"{point.method.label} at {factor_text(point.factor)}"
            notes.append(f"- {at}: {point.summary.failed} rows failed and are not counted.")
    return notes


def _verdict(result: TaskResult) -> list[str]:
    """What is better than plain decoding, the vote and best-of-n at once."""
    lines = [f"#### {result.name}: what turns more evaluations into right answers", ""]
    better = [point for point in result.points if point.beats_all and point.factor > 1]
    for point in better:
        gaps = ", ".join(f"{baseline} {_gap(c)}" for baseline, c in point.against.items())
        oracle = " (the exact checker: a bound, not a method)" if point.method.scorer == EXACT else ""
        apart = "; all Wilson intervals apart" if _apart(point, result.points) else ""
        lines.append(f"- {factor_text(point.factor)} times: {point.method.label}{oracle} over {gaps}{apart}")
    if not better:
        lines.append(
            "Nothing: at no factor above 1 is a method better than plain decoding, the vote and best-of-n, "
            "each with its interval above 0."
        )
    return lines


def _apart(point: Point, points: Sequence[Point]) -> bool:
    """Whether the interval of its accuracy lies above those of all baselines that it is compared with."""
    highs = {other.summary.label: other.summary.interval[1] for other in points}
    return all(point.summary.interval[0] > highs[c.second] for c in point.against.values())


def as_data(result: TaskResult) -> dict[str, Any]:
    """For JSON: points with settings and comparisons, what was not reached, everything that was tried."""
    return {
        "task": result.name,
        "points": [_point_data(point) for point in result.points],
        "not reached": {
            label: {factor_text(f): round(t, 3) for f, t in choice.nearest.items()}
            for label, choice in result.choices.items()
            if choice.nearest
        },
        "tuned on": result.tuned_on,
        "tried": {label: list(choice.tried) for label, choice in result.choices.items()},
    }


def _point_data(point: Point) -> dict[str, Any]:
    s, way = point.summary, point.candidate.method.recipes[point.candidate.recipe]
    return {
        "method": point.method.name, "scorer": point.method.scorer, "factor": point.factor,
        "recipe": way.name, "rung": way.ladder[point.candidate.rung].name, "draws": point.candidate.draws,
        "n": s.graded, "correct": s.correct, "accuracy": s.accuracy, "interval": s.interval,
        "failed": s.failed, "nfe": s.nfe, "times": point.times[0], "times interval": point.times[1:],
        "scored": s.scorer_calls, "seconds": s.seconds,
        "against": {name: asdict(c) for name, c in point.against.items()}, "beats all": point.beats_all,
    }  # fmt: skip
