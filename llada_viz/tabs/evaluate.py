"""The Evaluate tab: samplers on a set, as a background job that can be left, stopped and resumed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from pandas import DataFrame

from evaluation.runs.report import Report
from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.runs import Runs
from llada_viz.jobs.evaluations import EXPORTS, KIND, Asked, Evaluations, matrix
from llada_viz.jobs.job_facts import log_of, waits
from llada_viz.jobs.job_store import Job
from llada_viz.render.evaluation import progress, result
from llada_viz.tabs.evaluate_answer import GRADES, Answer
from llada_viz.tabs.evaluate_form import EvaluateForm
from llada_viz.widgets.attached_bar import AttachedBar
from llada_viz.widgets.job_panel import JobPanel
from llada_viz.widgets.live import QUIET, alert
from llada_viz.widgets.plots import ParetoPlot

EMPTY = "<p class='lz-about'>No evaluation yet. Choose a set and samplers, and press Evaluate.</p>"
PRESS_FILE = "() => setTimeout(() => document.querySelector('#evaluate-file').click(), 100)"
DELETE, SURE = "Delete", "Delete for good?"
MOST_PUBLIC_ROWS = 200


class Evaluate:
    """Builds the tab; its methods are what its events do. public: a host where strangers meet."""

    def __init__(
        self, bundled: Bundled, runs: Runs, evaluations: Evaluations, attachments: Attachments,
        public: bool, secret: str = "",
    ) -> None:  # fmt: skip
        self.secret = secret or None
        self.attachments, self.bar = attachments, AttachedBar(attachments, "evaluate")
        self.bundled, self.runs, self.evaluations, self.public = bundled, runs, evaluations, public
        self.form = EvaluateForm(public)
        self.panel = JobPanel(evaluations.jobs, KIND, "evaluation", public)
        self.answer = Answer(bundled, runs, evaluations, self.panel.of)

    # ---- layout ------------------------------------------------------------------------------

    def build(self, attached: gr.State) -> None:
        """Lay out the tab and connect its events. attached: the page's state, an id of Attachments."""
        self.attached = attached
        # Ids of the visitor's jobs, unreadable without the key, which outlives a restart.
        self.mine = gr.BrowserState([], storage_key="llada-viz-evaluations", secret=self.secret)
        self.seen = gr.State("")
        self.doomed = gr.State("")  # the job whose deletion was asked for once
        self.timer = gr.Timer(1.5)
        with gr.Row(elem_classes="lz-page"):
            with gr.Column(elem_classes="lz-card lz-form", min_width=280):
                self.bar.build(attached)
                self.form.build(self.bar)
                self.alert = gr.HTML(elem_id="evaluate-alert", apply_default_css=False)
                self.start = gr.Button("Evaluate", variant="primary", elem_id="evaluate-run")
            with gr.Column(elem_classes="lz-out", min_width=0):
                self._job()
                self._rows()
        self._connect()

    def _job(self) -> None:
        with gr.Column(elem_classes="lz-panel"):
            self.panel.build("evaluate")
            self.state = gr.HTML(EMPTY, elem_id="evaluate-state", apply_default_css=False)
            with gr.Row(elem_classes="lz-tools"):
                self.stop = gr.Button(
                    "Stop", size="sm", min_width=80, interactive=False, elem_id="evaluate-stop"
                )
                self.resume = gr.Button(
                    "Resume", size="sm", min_width=80, interactive=False, elem_id="evaluate-resume"
                )
                self.delete = gr.Button(
                    DELETE, size="sm", min_width=80, interactive=False, visible=not self.public,
                    elem_id="evaluate-delete",
                )  # fmt: skip
                self.exports = [
                    gr.Button(f"Export {form}", size="sm", min_width=80, elem_id=f"export-{form}")
                    for form in EXPORTS
                ]
                # A download button gives the file it had before it was pressed: this one is pressed for it.
                self.file = gr.DownloadButton("Download", visible="hidden", elem_id="evaluate-file")
            self.result = gr.HTML(elem_id="evaluate-result", apply_default_css=False)
            ParetoPlot(self._report_of).build(self.result, self.panel.job, self.mine)

    def _rows(self) -> None:
        with gr.Column(elem_classes="lz-panel"):
            with gr.Row(elem_classes="lz-tools"):
                self.differ = gr.Checkbox(label="Only rows that differ", elem_id="evaluate-differ")
                self.fail = gr.Checkbox(label="Only rows that fail", elem_id="evaluate-fail")
                self.first = gr.Number(1, label="From row", min_width=80, elem_id="evaluate-first")
            self.rows = gr.Dataframe(
                headers=["row", "question", "answer"], interactive=False, wrap=True, datatype="str",
                elem_id="evaluate-rows", show_label=False, label="Rows by sampler", max_height=420,
            )  # fmt: skip
            self.answer.build()
        self.answer.build_canvas()

    # ---- events ------------------------------------------------------------------------------

    def _connect(self) -> None:
        form = self.form
        self.bar.connect()
        form.upload.upload(form.on_upload, form.upload, form.shown, trigger_mode="always_last", **QUIET)
        form.source.input(form.show, [form.source, form.path], form.shown, **QUIET)
        job = self.panel.job
        shown = [job, self.state, self.stop, self.resume, self.delete, self.result, self.rows, self.seen]
        looked = [job, self.mine, self.differ, self.fail, self.first, self.seen]
        asked = [self.mine, self.attached, self.bar.scorer, *form.inputs]
        begun = self.start.click(
            self.on_start, asked, [self.alert, self.mine, job],
            trigger_mode="once", **QUIET,
        )  # fmt: skip
        begun.success(self.on_look, looked, shown, **QUIET)
        self.timer.tick(self.on_tick, looked, shown, trigger_mode="once", queue=False, **QUIET)
        for changed in (job.input, self.differ.input, self.fail.input, self.first.submit):
            changed(self.on_look, looked, shown, **QUIET)
        job.input(lambda: ("", DELETE), None, [self.doomed, self.delete], queue=False, **QUIET)
        self.delete.click(
            self.on_delete, [job, self.mine, self.doomed],
            [self.alert, self.doomed, self.delete, *self.answer.shown], **QUIET,
        ).then(self.on_look, looked, shown, **QUIET)  # fmt: skip
        for button, action in ((self.stop, "stop"), (self.resume, "resume")):
            button.click(
                lambda job, mine, a=action: self.panel.act(a, job, mine),
                [job, self.mine],
                self.alert,
                **QUIET,
            ).then(self.on_look, looked, shown, **QUIET)
        for button, form_name in zip(self.exports, EXPORTS, strict=True):
            button.click(
                lambda job, mine, f=form_name: self.on_export(job, mine, f),
                [job, self.mine],
                [self.alert, self.file],
                **QUIET,
            ).success(None, None, None, js=PRESS_FILE)
        self._connect_answer(looked, shown)

    def _connect_answer(self, looked: list[Any], shown: list[Any]) -> None:
        answer = self.answer
        chosen = self.rows.select(
            answer.on_cell, [self.panel.job, self.mine, answer.run_id], answer.shown, **QUIET
        )
        chosen.success(
            answer.on_replay, [answer.run_id, self.mine, answer.cell], [answer.canvas, answer.replayed],
            trigger_mode="multiple", concurrency_id="gpu", concurrency_limit=1, **QUIET,
        )  # fmt: skip
        for button, correct in zip(answer.grades, GRADES.values(), strict=True):
            button.click(
                lambda mine, cell, c=correct: answer.on_grade(mine, cell, c), [self.mine, answer.cell],
                answer.detail, **QUIET,
            ).then(self.on_look, looked, shown, **QUIET)  # fmt: skip

    def on_start(
        self, mine: list[str], attached: str, scorer: str, *values: Any
    ) -> Iterator[tuple[Any, ...]]:
        """Queue a job; a refusal is a sentence."""
        try:
            if self.bundled.loaded is None:
                raise ValueError(self.bundled.problem.rstrip("."))
            asked = self.form.asked(self.attachments.using(attached), scorer, *values)
            if self.public:
                self._within_public_limits(asked, mine)
            job = self.evaluations.start(asked)
        except (ValueError, OSError) as error:
            yield alert(f"{error}."), gr.skip(), gr.skip()
            raise gr.Error(str(error), visible=False, print_exception=False) from None
        mine = [*mine, job]
        yield alert(""), mine, gr.update(choices=self.panel.choices(mine), value=job)

    def _within_public_limits(self, asked: Asked, mine: list[str]) -> None:
        if asked.limit is None or asked.limit > MOST_PUBLIC_ROWS:
            rows = asked.limit or "all"
            raise ValueError(f"rows = {rows}; allowed on a public host: 1 to {MOST_PUBLIC_ROWS}")
        if any(job.id in mine and not job.has_ended for job in self.evaluations.list()):
            raise ValueError("an evaluation of yours is still going on; allowed here: one at a time")

    def on_tick(self, chosen: str | None, *looked: Any) -> tuple[Any, ...]:
        """As `on_look`, but nothing when nothing has changed; another choice only when it was deleted."""
        updates, options = self.on_look(chosen, *looked, only_changes=True), self.panel.choices(looked[0])
        stays = chosen in [known for _, known in options]
        return (gr.update(choices=options) if stays else updates[0], *updates[1:])

    def _report_of(self, chosen: str | None, mine: list[str]) -> Report | None:
        job = next((job for job in self.panel.list(mine) if job.id == chosen), None)
        return None if job is None else self.evaluations.report(job)

    def on_look(
        self, chosen: str | None, mine: list[str], differ: bool, fail: bool, first: Any, seen: str,
        only_changes: bool = False,
    ) -> tuple[Any, ...]:  # fmt: skip
        """The chosen evaluation as it stands."""
        options = self.panel.choices(mine)
        known = [value for _, value in options]
        chosen = chosen if chosen in known else (known[0] if known else None)
        if chosen is None and only_changes and not seen:
            return (gr.skip(),) * 8
        if chosen is None:
            nothing = gr.update(interactive=False)
            rows = DataFrame(columns=["row", "question", "answer"])
            return gr.update(choices=[], value=None), EMPTY, nothing, nothing, nothing, "", rows, ""
        job = self.evaluations.jobs.get(chosen)
        now = self.evaluations.stamp(job)
        if only_changes and now == seen:
            return (gr.skip(),) * 8
        report = self.evaluations.report(job)
        start = int(first) if isinstance(first, (int, float)) and 0 < first < 1e9 else 1
        table = matrix(report, start, differ, fail) if report else DataFrame(columns=["row"])
        return (
            gr.update(choices=options, value=chosen), self._state(job, report),
            gr.update(interactive=job.state in ("queued", "running")), gr.update(interactive=job.can_resume),
            gr.update(interactive=job.has_ended),
            result(report) if report and report.finished else "",
            gr.update(value=table), now,
        )  # fmt: skip

    def _state(self, job: Job, report: Report | None) -> str:
        log = log_of(job) if job.state in ("failed", "lost") else []
        finished, expected = (report.finished, report.expected) if report else (0, 0)
        return progress(job.state, waits(self.evaluations.jobs, job) or job.note, finished, expected, log)

    def on_delete(self, chosen: str | None, mine: list[str], doomed: str) -> tuple[Any, ...]:
        """The first press asks, the second deletes the job with all its rows."""
        job = self.panel.of(chosen, mine)
        stays = (gr.skip(),) * len(self.answer.shown)
        if self.public:
            raise gr.Error("Nothing is deleted on a public host.", print_exception=False)
        if doomed != job.id:
            return alert(""), job.id, gr.update(value=SURE), *stays
        try:
            self.evaluations.jobs.remove(job.id)
        except ValueError as error:
            return alert(f"{error}."), "", gr.update(value=DELETE), *stays
        return alert(""), "", gr.update(value=DELETE), *self.answer.nothing()

    def on_export(self, chosen: str | None, mine: list[str], form: str) -> tuple[str, str]:
        """A file to download; a sentence when there is nothing yet."""
        job = self.panel.of(chosen, mine)
        if self.evaluations.report(job) is None:
            raise gr.Error("There is nothing to export yet.", print_exception=False)
        # Gradio hands out files of its cache only: nobody gets at the jobs' own folder.
        return alert(""), save_file_to_cache(self.evaluations.export(job, form), self.file.GRADIO_CACHE)
