"""What a search will take, before it is begun: a few problems of the first set-up of each task are
decoded, and other set-ups are reckoned from their steps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.repairs.pairing import Pairing
from evaluation.runs.execute import answered
from evaluation.runs.plan import Line
from evaluation.runs.run_folder import whole_lines
from evaluation.runs.sampler_table import NothingToGrade
from samplers.text_tables import markdown_table

MEASURED = 8
"""Problems decoded for each line. A full batch takes less time a problem, so the estimate is rather too
long."""


@dataclass(frozen=True)
class Estimate:
    """For one task. seconds: by label, of a row with the first set-up; rows, done: of all set-ups, without
    plain decoding's raised steps; total: seconds for what is left in one process, those included, one
    token a step."""

    task: str
    seconds: dict[str, float]
    rows: int
    done: int
    total: float


def estimate(pairings: Sequence[Pairing]) -> list[Estimate]:
    """One for each task."""
    by_task: dict[str, list[Pairing]] = {}
    for pairing in pairings:
        by_task.setdefault(pairing.set_up.task, []).append(pairing)
    return [_of_task(task, found) for task, found in by_task.items()]


def _of_task(task: str, pairings: Sequence[Pairing]) -> Estimate:
    first = max(pairings, key=lambda pairing: len(pairing.methods))
    lines = [first.set_up.plain(), *(method.line(first.set_up) for method in first.methods)]
    seconds = {line.label: _measured(first, line) for line in lines}
    rows = done = 0
    total = 0.0
    for pairing in pairings:
        n = len(pairing.problems.problems)
        finished = {(row["line"], row["row"]) for row in whole_lines(pairing.folder.results)}
        pace, full = pairing.set_up.steps / first.set_up.steps, first.set_up.gen_length / first.set_up.steps
        for label in [pairing.set_up.plain().label, *(m.label for m in pairing.methods)]:
            own = sum(line == label for line, _ in finished)
            rows, done, total = rows + n, done + own, total + max(n - own, 0) * seconds[label] * pace
        total += n * seconds[pairing.set_up.plain().label] * full
    return Estimate(task, seconds, rows, done, total)


def _measured(pairing: Pairing, line: Line) -> float:
    """Seconds a row; the first batch, which warms up, is not counted."""
    plan, problems = pairing.plan, pairing.problems.problems[:MEASURED]
    answered(pairing.decoder.loaded, plan, line, problems[:1], NothingToGrade())
    began = time.perf_counter()
    answered(pairing.decoder.loaded, plan, line, problems, NothingToGrade())
    return (time.perf_counter() - began) / len(problems)


def estimate_table(estimates: Sequence[Estimate]) -> str:
    """Markdown, a line a task."""
    head = ("task", "rows", "done", "minutes left, one process", "milliseconds a row, first set-up")
    lines = []
    for e in estimates:
        each = ", ".join(f"{label} {1000 * s:.0f}" for label, s in e.seconds.items())
        lines.append((e.task, e.rows, e.done, f"{e.total / 60:.1f}", each))
    whole = sum(e.total for e in estimates) / 3600
    return f"{markdown_table(head, lines)}\n\n{whole:.2f} hours in one process"
