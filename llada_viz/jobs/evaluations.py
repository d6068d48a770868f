"""Evaluations as background jobs: what the Evaluate tab asks for and reads, without the page."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pandas import DataFrame

from evaluation.grading.extraction import gold_answer
from evaluation.runs.plan import Line, Plan, recorded_plan
from evaluation.runs.report import FORMS, Report, fails, verdict
from evaluation.runs.run_folder import RunError, RunFolder
from evaluation.sets.problem_sets import Problem, ProblemSet
from evaluation.sets.tables import Table
from llada_viz.decoding.lane import Lane
from llada_viz.decoding.sources import Sources
from llada_viz.jobs.job_store import Job
from llada_viz.jobs.queue import Jobs
from samplers.registry import entry

KIND = "evaluation"
EXPORTS = {"CSV": "rows.csv", "JSON": "report.json", "HTML": "report.html"}
MARKS = {"right": "✓", "wrong": "✗", "open": "?", "failed": "!", "": ""}
SHOWN = 200
LONGEST = 120


@dataclass(frozen=True)
class Asked:
    """What a new evaluation does. data: a file or the name of a set; question, answer: columns; scorer:
    of the samplers that need one; sources: None for the bundled model; attached: what they are, in words."""

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


class Evaluations:
    """Starts evaluations of a model, and of what was attached to it, and reads their folders."""

    def __init__(self, jobs: Jobs, model: Path, device: str) -> None:
        self.jobs, self.model = jobs, model
        self.device = "cuda:0" if device == "cuda" else device

    def start(self, asked: Asked) -> str:
        """Queue an evaluation; returns the job's id. The set is copied into the job's folder."""
        sources = asked.sources or Sources(str(self.model))
        asked = replace(asked, sources=sources)
        lines = [_line(lane, asked.scorer) for lane in asked.lanes]
        # Refuses what the job would refuse, before there is a job.
        Plan(
            ProblemSet(asked.name, ()), tuple(lines), asked.template, seed=asked.seed,
            ups_head=sources.ups_head, prm=sources.prm,
        )  # fmt: skip
        parts = (asked.name, ", ".join(line.label for line in lines), asked.attached)
        title = " · ".join(filter(None, parts))
        config = asdict(asked) | {"lanes": [asdict(lane) for lane in asked.lanes]}
        return self.jobs.submit(
            KIND, title, lambda folder: self._command(folder, asked, lines), config, self.device
        )

    def _command(self, folder: Path, asked: Asked, lines: Sequence[Line]) -> list[str]:
        (folder / "lines.json").write_text(json.dumps([asdict(line) for line in lines]), encoding="utf-8")
        data = asked.data
        if Path(data).is_file():
            copy = folder / "data" / Path(asked.name).name
            copy.parent.mkdir()
            shutil.copyfile(asked.data, copy)
            data = str(copy)
        assert asked.sources is not None
        command = [
            sys.executable, "-m", "evaluation", "run", *asked.sources.flags, f"--data={data}",
            f"--lines={folder / 'lines.json'}", f"--seed={asked.seed}", f"--template={asked.template}",
            f"--device={self.device}", f"--out={folder}",
        ]  # fmt: skip
        for flag, value in (
            ("--question", asked.question),
            ("--answer", asked.answer),
            ("--limit", asked.limit),
        ):
            command += [f"{flag}={value}"] if value else []
        return command

    def list(self) -> list[Job]:
        """All evaluations, the newest first."""
        return [job for job in self.jobs.list() if job.kind == KIND]

    def stamp(self, job: Job) -> str:
        """Changes whenever the job's state or its files do; costs three looks at the disk."""
        files = (RunFolder(job.folder).results, RunFolder(job.folder).overrides, job.folder / "set.jsonl")
        facts = [path.stat() for path in files if path.exists()]
        return f"{job.id} {job.state} {[(fact.st_size, fact.st_mtime_ns) for fact in facts]}"

    def report(self, job: Job) -> Report | None:
        """What stands in the folder; None as long as there is nothing."""
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
        """Set a grade by hand."""
        RunFolder(job.folder).override(line, row, correct)

    def export(self, job: Job, form: str) -> Path:
        """The report in one of EXPORTS, written afresh into the job's folder."""
        folder, name = RunFolder(job.folder), EXPORTS[form]
        return folder.write(name, FORMS[name](Report(folder)))


def _line(lane: Lane, scorer: str) -> Line:
    return Line(lane.label, lane.sampler, lane.settings, scorer if entry(lane.sampler).needs.scorer else "")


def differing(report: Report) -> list[Problem]:
    """Rows that all lines have, with more than one verdict among them."""
    found = []
    for problem in report.problems:
        seen = {verdict(report.rows[label].get(problem.number)) for label in report.labels}
        if "" not in seen and len(seen) > 1:
            found.append(problem)
    return found


def failing(report: Report, problems: Sequence[Problem]) -> list[Problem]:
    """Those of the problems that a line got wrong or has no answer to because of an error."""
    rows = report.rows.values()
    return [problem for problem in problems if fails(line.get(problem.number) for line in rows)]


def matrix(report: Report, first: int = 1, differ: bool = False, fail: bool = False) -> DataFrame:
    """A table of at most SHOWN rows from row `first` on: verdict and answer of every line.
    differ, fail: only rows that differ, only rows that fail; both: only those that do both."""
    problems = differing(report) if differ else report.problems
    problems = failing(report, problems) if fail else problems
    shown = [problem for problem in problems if problem.number >= first][:SHOWN]
    body = [
        [
            p.number,
            _short(p.question, 60),
            _short(gold_answer(p.answer), 24),
            *(_mark(report, label, p.number) for label in report.labels),
        ]
        for p in shown
    ]
    return DataFrame(body, columns=["row", "question", "answer", *report.labels])


def _mark(report: Report, label: str, number: int) -> str:
    row = report.rows[label].get(number)
    if row is None:
        return ""
    hand = " (by hand)" if row.get("by_hand") else ""
    text = row.get("extracted") or row.get("error") or ""
    return _short(f"{MARKS[verdict(row)]}{hand} {text}", 24)


def _short(text: str, most: int = LONGEST) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def preview(table: Table, count: int = 3) -> tuple[list[str], list[list[str]]]:
    """Header and first rows of a set, shortened, in lines as they are."""
    return list(table.columns), [[_cut(row[c]) for c in table.columns] for row in table.rows[:count]]


def _cut(text: str) -> str:
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return "\n".join(" ".join(line.split()) for line in text.splitlines())
