"""The answer that was chosen in the Evaluate tab: in full, decoded again from its seed, graded by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gradio as gr

from evaluation.runs.report import Report
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.runs import Run, Runs
from llada_viz.decoding.sources import LoadedSources
from llada_viz.jobs.evaluations import Evaluations
from llada_viz.jobs.job_store import Job
from llada_viz.render.evaluation import detail, replayed
from llada_viz.widgets.canvas import TokenCanvas, message, notice
from llada_viz.widgets.live import UPDATES_PER_SECOND, Updates, alert
from models.checkpoint import ModelError
from models.loading import LoadedModel
from samplers.batch import answer_text
from samplers.events import Finished, Started
from samplers.requests import RequestError, Tools, prepare

HINT = "<p class='lz-about'>Choose an answer to see it in full and to watch it being decoded.</p>"
GRADES = {"Right": True, "Wrong": False, "Not graded": None}
Cell = tuple[str, str, int] | None  # job, line, row


class Answer:
    """The components that show one answer, and their event handlers.

    job_of: (id, ids of the visitor's jobs) -> the job; gr.Error: this visitor may not see it.
    """

    def __init__(
        self,
        bundled: Bundled,
        runs: Runs,
        evaluations: Evaluations,
        job_of: Callable[[str | None, list[str]], Job],
    ) -> None:
        self.runs, self.evaluations, self.job_of = runs, evaluations, job_of
        self.loaded = LoadedSources(bundled)

    def build(self) -> None:
        """Lay out what stands below the table of rows; the canvas comes with `build_canvas`."""
        self.cell, self.run_id = gr.State(None), gr.State("")
        self.detail = gr.HTML(HINT, elem_id="evaluate-detail", apply_default_css=False)
        self.replayed = gr.HTML(elem_id="evaluate-replayed", apply_default_css=False)
        with gr.Row(elem_classes="lz-tools"):
            self.grades = [
                gr.Button(f"Mark: {name}", size="sm", min_width=80, interactive=False) for name in GRADES
            ]

    def build_canvas(self) -> None:
        """Lay out the canvas on which the answer is decoded again."""
        self.canvas = TokenCanvas(self.runs, elem_id="evaluate-canvas", visible=False)

    @property
    def shown(self) -> list[Any]:
        """What `on_cell` and `no_answer` update."""
        return [self.cell, self.detail, self.replayed, self.canvas, self.run_id, *self.grades]

    def no_answer(self, run_id: str) -> Updates:
        """Updates for when no answer is chosen any more; the run that decoded it again is stopped."""
        self._stop(run_id)
        off = {button: gr.update(interactive=False) for button in self.grades}
        hidden = {self.canvas: gr.update(visible=False), self.replayed: "", self.run_id: ""}
        return {self.cell: None, self.detail: HINT, **hidden, **off}

    def _stop(self, run_id: str) -> None:
        if (run := self.runs.get(run_id)) is not None:
            run.stop()

    def on_cell(self, chosen: str | None, visitor_jobs: list[str], old: str, event: gr.EventData) -> Updates:
        """One answer in full, and a run that decodes it again from the same seed. event: `row`, the row's
        number, and `line`, the place of its sampler."""
        job = self.job_of(chosen, visitor_jobs)
        report, place, row_number = self.evaluations.report(job), event.line, event.row
        if report is None or type(place) is not int or not 0 <= place < len(report.labels):
            return {self.cell: gr.skip()}
        if row_number not in [problem.number for problem in report.problems]:
            return {self.cell: gr.skip()}
        self._stop(old)
        label = report.labels[place]
        row = report.rows[label].get(row_number)
        text = self._in_full(report, label, row_number)
        answered = gr.update(interactive=row is not None and "error" not in row)
        run, problem = None, ""
        if row is not None and "error" not in row:
            try:
                run = self._again(job, label, row_number)
            except (ModelError, RequestError, OSError) as error:
                problem = alert(f"This answer cannot be decoded again: {error}.")
        canvas = gr.update(visible=False) if run is None else gr.update(visible=True, value=notice(run, "…"))
        return {
            self.cell: (job.id, label, row_number), self.detail: text, self.replayed: problem,
            self.canvas: canvas, self.run_id: run.id if run else "",
            **dict.fromkeys(self.grades, answered),
        }  # fmt: skip

    def _in_full(self, report: Report, label: str, number: int) -> str:
        problem = next(p for p in report.problems if p.number == number)
        return detail(problem.question, problem.answer, label, report.rows[label].get(number))

    def _again(self, job: Job, label: str, number: int) -> Run:
        plan = self.evaluations.plan(job)
        line = next(line for line in plan.lines if line.label == label)
        problem = next(p for p in plan.problems.problems if p.number == number)
        request, using = plan.request(line, problem), self.loaded.of(self.evaluations.sources(job))
        assert using.loaded is not None
        tools = Tools(
            using.own_head if "ups_head" in request else None, line.scorer,
            using.own_reward if "prm" in request else None,
        )  # fmt: skip
        prepared = prepare(
            using.loaded, request["sampler"], request["settings"], tools,
            messages=request["messages"], seed=request["seed"], task=request.get("task"),
        )  # fmt: skip
        golds = {" ".join(problem.question.split()): problem.answer} if request.get("task") else None
        return self.runs.start(prepared, using.pieces, using.name, golds)

    def on_replay(self, run_id: str, visitor_jobs: list[str], cell: Cell) -> Iterator[Updates]:
        """Decode the chosen answer again, live; at the end say whether it is the recorded one."""
        run = self.runs.get(run_id)
        if run is None or cell is None:
            return
        recorded, job = self._recorded(visitor_jobs, cell), self.job_of(cell[0], visitor_jobs)
        loaded = self.loaded.of(self.evaluations.sources(job)).loaded
        assert loaded is not None
        try:
            while frames := run.advance(1 / UPDATES_PER_SECOND):
                text = written(loaded, run)
                outcome = "" if text is None or "text" not in recorded else replayed(text, recorded["text"])
                yield {self.canvas: message(run, frames), self.replayed: outcome}
        finally:
            run.stop()  # the browser tab may have been closed

    def _recorded(self, visitor_jobs: list[str], cell: tuple[str, str, int]) -> Mapping[str, Any]:
        chosen, label, number = cell
        report = self.evaluations.report(self.job_of(chosen, visitor_jobs))
        return {} if report is None else report.rows[label][number]

    def on_grade(self, correct: bool | None, visitor_jobs: list[str], cell: Cell) -> str:
        """Set the grade of the chosen answer by hand."""
        if cell is None:
            return HINT
        chosen, label, number = cell
        job = self.job_of(chosen, visitor_jobs)
        self.evaluations.override(job, label, number, correct)
        report = self.evaluations.report(job)
        assert report is not None
        return self._in_full(report, label, number)


def written(loaded: LoadedModel, run: Run) -> str | None:
    """The answer of a run that has finished; None of one that goes on or was stopped."""
    if not run.events:
        return None
    first, last = run.events[0], run.events[-1]
    if not isinstance(first, Started) or not isinstance(last, Finished):
        return None
    return answer_text(loaded, list(last.tokens[0][first.prompt_length :]))
