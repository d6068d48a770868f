"""Evaluations as background jobs: starting them, and reading what they wrote. The page is elsewhere."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from evaluation.runs.plan import Line, Plan, recorded_plan
from evaluation.runs.report import FORMS, Report, fails, verdict
from evaluation.runs.run_folder import RunError, RunFolder
from evaluation.sets.problem_sets import Problem, ProblemSet
from evaluation.sets.tables import Table
from llada_viz.decoding.lane import Lane
from llada_viz.decoding.networks import Sources
from llada_viz.jobs.job_store import Job
from llada_viz.jobs.queue import Jobs
from samplers.registry import entry

KIND = "evaluation"
EXPORTS = {"CSV": "rows.csv", "JSON": "report.json", "HTML": "report.html"}
MOST_ROWS = 200
LONGEST = 120


@dataclass(frozen=True)
class EvaluationRequest:
    """What a new evaluation is to do. Stored as the job's config, so its field names are a file format.

    data: a file, or the name of a set; name: of the set, for the title; question, answer: columns, "" where
    the set has its own; limit: rows, None: all; scorer: for the samplers that need one; sources: None: the
    bundled model; attached: in words what the sources are, for the title; shots: worked examples before each
    question; shots_from: the set that they come from, "" for this one; line_up, sizes: as the form had them.
    """

    data: str
    name: str
    lanes: Sequence[Lane]
    question: str = ""
    answer: str = ""
    limit: int | None = None
    seed: int = 0
    template: str = "{question}"
    scorer: str = "checker"
    sources: Sources | None = None
    attached: str = ""
    shots: int = 0
    shots_from: str = ""
    line_up: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)


class Evaluations:
    """Starts evaluations, with the bundled model or other sources, and reads their folders."""

    def __init__(self, jobs: Jobs, model: Path, device: str) -> None:
        self.jobs, self.model = jobs, model
        self.device = "cuda:0" if device == "cuda" else device

    def start(self, request: EvaluationRequest) -> str:
        """Queue an evaluation; returns the job's id. The set is copied into the job's folder."""
        sources = request.sources or Sources(str(self.model))
        request = replace(request, sources=sources)
        lines = [_line(lane, request.scorer) for lane in request.lanes]
        # Raises for whatever the job would refuse, before there is a job.
        Plan(
            ProblemSet(request.name, ()), tuple(lines), request.template, seed=request.seed,
            ups_head=sources.ups_head, prm=sources.prm,
        )  # fmt: skip
        parts = (request.name, ", ".join(line.label for line in lines), request.attached)
        title = " · ".join(filter(None, parts))
        config = asdict(request) | {"lanes": [asdict(lane) for lane in request.lanes]}
        return self.jobs.submit(
            KIND, title, lambda folder: self._command(folder, request, lines), config, self.device
        )

    def _command(self, folder: Path, request: EvaluationRequest, lines: Sequence[Line]) -> list[str]:
        (folder / "lines.json").write_text(json.dumps([asdict(line) for line in lines]), encoding="utf-8")
        data = request.data
        if Path(data).is_file():
            copy = folder / "data" / Path(request.name).name
            copy.parent.mkdir()
            shutil.copyfile(request.data, copy)
            data = str(copy)
        assert request.sources is not None
        command = [
            sys.executable, "-m", "evaluation", "run", *request.sources.flags, f"--data={data}",
            f"--lines={folder / 'lines.json'}", f"--seed={request.seed}", f"--template={request.template}",
            f"--device={self.device}", f"--out={folder}",
        ]  # fmt: skip
        for flag, value in (
            ("--question", request.question),
            ("--answer", request.answer),
            ("--limit", request.limit),
            ("--shots", request.shots),
            ("--shots-from", request.shots_from),
        ):
            command += [f"{flag}={value}"] if value else []
        return command

    def list(self) -> list[Job]:
        """All evaluations, the newest first."""
        return [job for job in self.jobs.list() if job.kind == KIND]

    def stamp(self, job: Job) -> str:
        """A text that changes whenever the job's state or its files do. Reads file times only."""
        files = (RunFolder(job.folder).results, RunFolder(job.folder).overrides, job.folder / "set.jsonl")
        facts = [path.stat() for path in files if path.exists()]
        return f"{job.id} {job.state} {[(fact.st_size, fact.st_mtime_ns) for fact in facts]}"

    def report(self, job: Job) -> Report | None:
        """The results so far; None until the job has written its plan."""
        try:
            return Report(RunFolder(job.folder))
        except RunError:
            return None

    def plan(self, job: Job) -> Plan:
        """What the job does, from its folder."""
        folder = RunFolder(job.folder)
        return recorded_plan(folder.manifest(), folder.problems())

    def sources(self, job: Job) -> Sources:
        """What the job decodes with."""
        return Sources(**(job.config.get("sources") or {"model": str(self.model)}))

    def override(self, job: Job, line: str, row: int, correct: bool | None) -> None:
        """Set the grade of one answer by hand; None: not graded."""
        RunFolder(job.folder).override(line, row, correct)

    def export(self, job: Job, form: str) -> Path:
        """The report in one of EXPORTS, written afresh into the job's folder."""
        folder, name = RunFolder(job.folder), EXPORTS[form]
        return folder.write(name, FORMS[name](Report(folder)))


def _line(lane: Lane, scorer: str) -> Line:
    return Line(lane.label, lane.sampler, lane.settings, scorer if entry(lane.sampler).needs.scorer else "")


def differing(report: Report) -> list[Problem]:
    """The problems that every line has answered, with different verdicts."""
    problems = []
    for problem in report.problems:
        verdicts = {verdict(report.rows[label].get(problem.number)) for label in report.labels}
        if "" not in verdicts and len(verdicts) > 1:
            problems.append(problem)
    return problems


def failing(report: Report, problems: Sequence[Problem]) -> list[Problem]:
    """Those of the problems that some line got wrong, or could not answer because of an error."""
    rows = report.rows.values()
    return [problem for problem in problems if fails(line.get(problem.number) for line in rows)]


def shown_rows(report: Report, first: int = 1, differ: bool = False, fail: bool = False) -> list[Problem]:
    """At most MOST_ROWS rows from row `first` on. differ, fail: only rows that differ, only rows that fail;
    both: only those that do both."""
    problems = differing(report) if differ else report.problems
    problems = failing(report, problems) if fail else problems
    return [problem for problem in problems if problem.number >= first][:MOST_ROWS]


def seconds_left(report: Report) -> float | None:
    """How long the rows that are left will take, as each line took for a row; None: a line that has rows left
    has none yet."""
    left = 0.0
    for summary in report.summaries:
        rows = len(report.problems) - summary.rows
        if rows and not summary.rows:
            return None
        left += rows * summary.seconds
    return left


def preview(table: Table, count: int = 3) -> tuple[list[str], list[list[str]]]:
    """Header and first rows of a set. Long cells are shortened; their line breaks stay."""
    return list(table.columns), [[_cut(row[c]) for c in table.columns] for row in table.rows[:count]]


def _cut(text: str) -> str:
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return "\n".join(" ".join(line.split()) for line in text.splitlines())
