"""`evaluate` by name: samplers on a set of problems, as a job of the page's queue."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.runs.report import Report, verdict
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.lane import Lane
from llada_viz.decoding.served import CHECKER, answer_settings, check_scorer
from llada_viz.decoding.sources import sources_of
from llada_viz.endpoints.asked import Limits, lanes_of, text, whole
from llada_viz.jobs.evaluations import EvaluationRequest, Evaluations
from llada_viz.jobs.job_store import Job
from models.assets import assets
from models.checkpoint import ModelError
from samplers.registry import make
from samplers.requests import RequestError
from tasks import TASKS

EVERY = 0.5  # seconds between two looks at the job
SAMPLES = assets() / "data"
ASKED = "problems.jsonl"
LONGEST = 20_000
"""Characters of a question or an answer."""
BUSY = "An evaluation is still going on; here one goes at a time."


@dataclass
class Evaluating:
    """Evaluates with the bundled model."""

    bundled: Bundled
    evaluations: Evaluations
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self._going: set[str] = set()

    def evaluate(
        self, data: Any, samplers: Any, rows: Any, seed: Any, scorer: Any, problems: Any
    ) -> Iterator[dict[str, Any]]:
        """How far the job is, again and again; the last one is the result. Whoever stops listening stops the
        job. RequestError, SettingError or ModelError: a sentence."""
        if self.bundled.loaded is None:
            raise ModelError(self.bundled.problem.rstrip("."))
        if self.limits.evaluations and len(self._going) >= self.limits.evaluations:
            raise RequestError("an evaluation is still going on", BUSY)
        job = self._started(data, samplers, rows, seed, text("scorer", scorer), problems)
        self._going.add(job)
        try:
            yield from self._followed(job)
        finally:
            self._going.discard(job)
            if not self._job(job).has_ended:
                self.evaluations.jobs.stop(job)

    def _followed(self, job: str) -> Iterator[dict[str, Any]]:
        said = None
        while True:
            now = self._job(job)
            report = self.evaluations.report(now)
            if now.has_ended:
                yield self._result(now, report)
                return
            done, expected = (report.finished, report.expected) if report else (0, 0)
            if (now.state, done) != said:
                said = now.state, done
                yield {"job": job, "ended": False, "state": now.state, "done": done, "expected": expected}
            time.sleep(EVERY)

    def _job(self, job: str) -> Job:
        return self.evaluations.jobs.get(job)

    def _started(self, data: Any, samplers: Any, rows: Any, seed: Any, scorer: str, problems: Any) -> str:
        name = text("data", data)
        limit = whole("rows", rows, 1, self.limits.rows)
        wanted = lanes_of(samplers, 1, self.limits.lanes)
        kind = name if name in TASKS and not problems else ""
        lanes = [Lane(lane.label, lane.sampler, self._sized(lane, kind)) for lane in wanted]
        needs = [make(lane.sampler, lane.settings).needs for lane in lanes]
        scored, head = any(n.scorer for n in needs), any(n.head for n in needs)
        if scored:
            scorer = scorer or (CHECKER if kind else next(iter(self.bundled.rewards), CHECKER))
            check_scorer(self.bundled, scorer)
        reward = scorer if scored and scorer != CHECKER else ""
        sources = sources_of(self.bundled, reward, head)
        tools = {"scorer": "prm" if reward else CHECKER if scored else "", "sources": sources}
        number = whole("seed", seed, 0, 2**31)
        if problems:
            with tempfile.TemporaryDirectory() as folder:
                file = self._written(problems, Path(folder))
                asked = {"data": str(file), "name": ASKED, "question": "question", "answer": "answer"}
                return self._queued(asked, lanes, limit, number, tools)
        return self._queued({"data": _source(name), "name": name}, lanes, limit, number, tools)

    def _queued(
        self, asked: dict[str, Any], lanes: list[Lane], limit: int, seed: int, tools: dict[str, Any]
    ) -> str:
        request = EvaluationRequest(**asked, lanes=lanes, limit=limit, seed=seed, **tools)
        return self.evaluations.start(request)

    def _sized(self, lane: Lane, kind: str) -> dict[str, Any]:
        """All sizes of a lane, and no answer beyond the limit."""
        defaults = self.bundled.settings_of(kind)
        full = answer_settings(self.bundled, lane.sampler, defaults, lane.settings)
        if make(lane.sampler, full).gen_length > self.limits.gen_length:
            most = f"Answer length must be at most {self.limits.gen_length:,} here."
            raise RequestError(f"gen_length; allowed: at most {self.limits.gen_length}", most)
        return full

    def _written(self, problems: Any, folder: Path) -> Path:
        """A caller's own problems as a file."""
        allowed = f'1 to {self.limits.rows:,} of {{"question": text, "answer": text}}'
        rows = problems if isinstance(problems, list) else []
        right = [
            row for row in rows
            if isinstance(row, dict) and set(row) == {"question", "answer"}
            and all(isinstance(cell, str) and 0 < len(cell) <= LONGEST for cell in row.values())
        ]  # fmt: skip
        if len(right) != len(rows) or not 0 < len(rows) <= self.limits.rows:
            raise RequestError(f"problems; allowed: {allowed}", f"Problems must be {allowed}.")
        file = folder / ASKED
        file.write_text("".join(json.dumps(row) + "\n" for row in right), encoding="utf-8")
        return file

    def _result(self, job: Job, report: Report | None) -> dict[str, Any]:
        if job.state != "done" or report is None:
            why = job.note or f"The evaluation ended as {job.state}: its log says why."
            raise RequestError(f"job {job.id} is {job.state}", why)
        lines = [
            {
                "label": s.label, "rows": s.rows, "correct": s.correct, "graded": s.graded,
                "accuracy": s.accuracy, "interval": list(s.interval), "nfe": s.nfe,
                "scorer_calls": s.scorer_calls, "seconds": s.seconds,
            }
            for s in report.summaries
        ]  # fmt: skip
        return {
            "job": job.id, "ended": True, "state": job.state, "done": report.finished,
            "expected": report.expected, "lines": lines, "notes": report.notes(),
            "comparisons": [comparison.words for comparison in report.comparisons],
            "rows": [_row(report, problem.number) for problem in report.problems],
        }  # fmt: skip


def _row(report: Report, number: int) -> dict[str, Any]:
    """One problem: the verdict of each line."""
    verdicts = {label: verdict(report.rows[label].get(number)) for label in report.labels}
    return {"row": number, "verdicts": verdicts}


def _source(name: str) -> str:
    """A bundled task, or a sample file; never a path that a caller names."""
    samples = {path.name: str(path) for path in sorted(SAMPLES.glob("*.csv"))}
    if name in TASKS:
        return name
    if name in samples:
        return samples[name]
    allowed = ", ".join([*TASKS, *samples])
    raise RequestError(f"data = {name[:60]!r} is not known; allowed: {allowed}, or problems of your own")
