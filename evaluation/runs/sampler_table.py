"""One table for each task, of all samplers on the bundled model: accuracy, cost, paired comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from evaluation.grading.grades import Grade
from evaluation.runs.execute import manifest, run
from evaluation.runs.plan import Line, Plan
from evaluation.runs.report import Report
from evaluation.runs.run_folder import RunFolder
from evaluation.runs.summary import Summary, compare
from evaluation.sets.problem_sets import ProblemSet
from models.loading import LoadedModel
from samplers.text_tables import markdown_table

HEAD = ("sampler", "correct", "accuracy", "95%", "NFE", "scorer", "tokens/s")


class NothingToGrade:
    """A grader that is never used, because bundled tasks have checkers of their own."""

    def grade_many(self, pairs: Sequence[tuple[str, str]]) -> list[Grade]:
        """An empty list, for an empty list; anything else is an error."""
        if pairs:
            raise ValueError(f"{len(pairs)} answers of a set without a checker")
        return []


def run_bundled_set(
    loaded: LoadedModel,
    model: str,
    problems: ProblemSet,
    lines: Sequence[Line],
    folder: RunFolder,
    adapter: str = "",
    commits: bool = False,
) -> Iterator[int]:
    """Do or go on with the run of a bundled task's problems; yields the rows done. commits: see Plan."""
    plan = Plan(problems, tuple(lines), commits=commits)
    folder.open(manifest(loaded, model, plan, adapter), plan.problems)
    yield from run(loaded, plan, folder, NothingToGrade())


class TaskTable:
    """The finished rows of one task."""

    def __init__(self, task: str, out: Path) -> None:
        self.task, self.report = task, Report(RunFolder(out))

    def text(self, pairs: Sequence[tuple[str, str]]) -> str:
        """Markdown: a table, and a sentence for each of the pairs whose two lines are in it."""
        lines = [f"\n### {self.task}\n", markdown_table(HEAD, map(_line, self.report.summaries))]
        comparable = [pair for pair in pairs if all(label in self.report.rows for label in pair)]
        costs = {s.label: s.nfe for s in self.report.summaries}
        for c in compare(self.report.rows, comparable):
            p = f"p = {c.p:.2g} (Holm {c.adjusted:.2g})"
            ratio = costs[c.first] / costs[c.second] if costs[c.second] else float("nan")
            lines.append(
                f"\n- {c.first} against {c.second}: {c.gap:+.1%} ({c.low:+.1%} to {c.high:+.1%}), "
                f"{c.only_first} against {c.only_second} rows, {p}, NFE × {ratio:.2f}, n = {c.rows}"
            )
        return "\n".join(lines)


def _line(s: Summary) -> list[str]:
    low, high = s.interval
    share = "–" if s.accuracy is None else f"{s.accuracy:.1%}"
    costs = f"{s.nfe:.1f}", f"{s.scorer_calls:.1f}", f"{s.speed:.0f}"
    return [s.label, f"{s.correct} / {s.graded}", share, f"{low:.1%} – {high:.1%}", *costs]
