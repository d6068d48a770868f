"""The Evaluate tab: samplers on a set of problems, as a background job. It goes on when the page is closed,
and can be stopped and resumed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache

from evaluation.runs.report import Report
from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.runs import Runs
from llada_viz.jobs.evaluations import EXPORTS, KIND, Evaluations, seconds_left, shown_rows
from llada_viz.jobs.job_facts import log_of, waits_for
from llada_viz.jobs.job_store import Job
from llada_viz.render.evaluation import progress, result, scores_of
from llada_viz.render.rows_table import rows_table
from llada_viz.tabs.evaluate_answer import GRADES, Answer
from llada_viz.tabs.evaluate_fill import filled, form_of
from llada_viz.tabs.evaluate_form import EvaluateForm
from llada_viz.tabs.evaluate_kept import KeptEvaluation
from llada_viz.widgets import foot
from llada_viz.widgets.job_panel import JobPanel
from llada_viz.widgets.live import QUIET, Updates, alert, no_change
from llada_viz.widgets.plots import drawn_pareto, pareto_plot
from llada_viz.widgets.rows_table import RowsTable
from llada_viz.widgets.scorer_input import ScorerInput
from llada_viz.widgets.starting import press_at_once, released
from llada_viz.widgets.staying_form import StayingForm

EMPTY = (
    "<p class='lz-about'>No evaluation yet. Choose a set and samplers, and press Evaluate: every sampler "
    "answers the same questions, and the page says which differences are more than chance.</p>"
)
PRESS_FILE = "() => setTimeout(() => document.querySelector('#evaluate-file').click(), 100)"


class Evaluate:
    """Builds the tab. The methods `on_…` are its event handlers.

    public: a host where strangers meet; secret: encrypts the ids of a visitor's jobs in the browser.
    """

    def __init__(
        self, bundled: Bundled, runs: Runs, evaluations: Evaluations, attachments: Attachments,
        public: bool, secret: str = "",
    ) -> None:  # fmt: skip
        self.secret = secret or None
        self.attachments, self.scorer = attachments, ScorerInput(attachments, "evaluate", always=True)
        self.bundled, self.runs, self.evaluations, self.public = bundled, runs, evaluations, public
        self.form = EvaluateForm(bundled.settings_of, public)
        self.panel = JobPanel(evaluations.jobs, KIND, "evaluation", evaluations.stamp, public)
        self.kept = KeptEvaluation(self.form, self.scorer)
        self.staying = StayingForm("evaluate", self.kept.back, self.kept.first)
        self.answer = Answer(bundled, runs, evaluations, self.panel.visible_job)

    # ---- layout ------------------------------------------------------------------------------

    def build(self, attached: gr.State) -> None:
        """Lay out the tab and connect its events. attached: the page's state with the id of an attachment."""
        self.attached = attached
        with gr.Row(elem_classes="lz-page"):
            with gr.Column(elem_classes="lz-card lz-form", min_width=280):
                self.note = gr.HTML(
                    elem_id="evaluate-note", elem_classes="lz-about lz-if", apply_default_css=False
                )
                self.staying.build_words()
                self.form.build(self.scorer)
                self.staying.build_reset()
                with gr.Column(elem_classes="lz-bottom", min_width=0):
                    self.alert = gr.HTML(elem_id="evaluate-alert", apply_default_css=False)
                    self.foot = foot.job_state("evaluate")
                    self.start = gr.Button("Evaluate", variant="primary", elem_id="evaluate-run")
            with gr.Column(elem_classes="lz-out", min_width=0):
                self._job()
                self._rows()
        self._connect()

    def _job(self) -> None:
        with gr.Column(elem_classes="lz-panel"):
            self.panel.build("evaluate", EMPTY + scores_of(self.bundled.folder), self.secret)
            with self.panel.tools:
                self.exports = [
                    gr.Button(f"Export {form}", size="sm", min_width=80, elem_id=f"export-{form}")
                    for form in EXPORTS
                ]
            # A download button gives the file that it had before the click. So Export only puts the file
            # there, and then a script clicks this hidden button.
            self.file = gr.DownloadButton("Download", visible="hidden", elem_id="evaluate-file")
            self.result = gr.HTML(elem_id="evaluate-result", apply_default_css=False)
            self.plot = pareto_plot()

    def _rows(self) -> None:
        with gr.Column(elem_classes="lz-panel", visible=False) as self.rows_card:
            with gr.Row(elem_classes="lz-tools"):
                self.differ = gr.Checkbox(label="Only rows that differ", elem_id="evaluate-differ")
                self.fail = gr.Checkbox(label="Only rows that fail", elem_id="evaluate-fail")
                self.first = gr.Number(1, label="From row", min_width=80, elem_id="evaluate-first")
            self.rows = RowsTable(elem_id="evaluate-rows")
            self.answer.build()
        self.answer.build_canvas()

    # ---- events ------------------------------------------------------------------------------

    def _connect(self) -> None:
        form, panel = self.form, self.panel
        self.scorer.follow(self.attached, *form.sizes.values())
        form.presets.connect(self.attached, form.lanes, form.sizes, form.scorer)
        fresh = [*form.shown, self.scorer.of_adapter]
        form.upload.upload(
            self.on_upload, {form.upload, self.attached}, fresh, trigger_mode="always_last", **QUIET
        )
        form.source.input(self.on_set, {form.source, form.path, self.attached}, fresh, **QUIET)
        asks = {self.differ, self.fail, self.first, self.answer.cell, self.answer.run_id}
        panel.connect(self.view, asks, self._shows, self.alert)
        press_at_once(self.start)
        begun = self.start.click(
            self.on_start, {panel.visitor_jobs, self.attached, *form.inputs}, panel.start_outputs,
            trigger_mode="once", **QUIET,
        )  # fmt: skip
        panel.look_again_after(begun.success)
        released(self.start, begun, self.alert)
        foot.follow(self.foot, panel.state, begun)
        begun.success(lambda: "", None, self.note, queue=False, **QUIET)
        panel.job.input(self.on_job, {panel.job, panel.visitor_jobs}, filled(form), queue=False, **QUIET)
        self.staying.connect(self.kept.form_kept, self.kept.outputs)
        for changed in (self.differ.input, self.fail.input, self.first.submit):
            panel.look_again_after(changed)
        for button, export in zip(self.exports, EXPORTS, strict=True):
            button.click(
                partial(self.on_export, export),
                [panel.job, panel.visitor_jobs],
                [self.alert, self.file],
                **QUIET,
            ).success(None, None, None, js=PRESS_FILE)
        self._connect_answer()

    def _connect_answer(self) -> None:
        answer, visitor_jobs = self.answer, self.panel.visitor_jobs
        chosen = self.rows.select(
            answer.on_cell, [self.panel.job, visitor_jobs, answer.run_id], answer.shown, **QUIET
        )
        chosen.success(None, None, None, js=foot.REVEAL.format("#evaluate-detail"), queue=False, **QUIET)
        chosen.success(
            answer.on_replay, [answer.run_id, visitor_jobs, answer.cell], [answer.canvas, answer.replayed],
            trigger_mode="multiple", concurrency_id="gpu", concurrency_limit=1, **QUIET,
        )  # fmt: skip
        for button, correct in zip(answer.grades, GRADES.values(), strict=True):
            graded = button.click(
                partial(answer.on_grade, correct), [visitor_jobs, answer.cell], answer.detail, **QUIET
            )
            self.panel.look_again_after(graded.then)

    def on_upload(self, values: Mapping[Any, Any]) -> Updates:
        """A file becomes the set, with sizes for the model in use."""
        using = self.attachments.using_or_bundled(values[self.attached])
        return self.form.on_upload(values[self.form.upload], using) | self.scorer.filled(using)

    def on_set(self, values: Mapping[Any, Any]) -> Updates:
        """Another set of the list, with sizes for the model in use."""
        using = self.attachments.using_or_bundled(values[self.attached])
        shown = self.form.on_set(values[self.form.source], values[self.form.path], using)
        return shown | self.scorer.filled(using)

    def when_opened(self, page: gr.Blocks) -> None:
        """When the page opens: the form as it was, and the visitor's own presets."""
        self.staying.on_load(page)
        self.form.presets.on_load(page)

    def on_job(self, values: Mapping[Any, Any]) -> Updates:
        """An evaluation of the list was chosen: the form is filled in as it was asked for."""
        jobs = self.panel.visible(values[self.panel.visitor_jobs])
        job = next((job for job in jobs if job.id == values[self.panel.job]), None)
        return (form_of(self.form, job) if job is not None else {}) or no_change()

    @property
    def _shows(self) -> list[Any]:
        """What `view` updates."""
        return [self.result, self.plot, self.rows, self.rows_card, *self.exports, *self.answer.shown]

    def on_start(self, values: Mapping[Any, Any]) -> Iterator[Updates]:
        """Queue a job; a refusal is a sentence."""
        visitor_jobs = values[self.panel.visitor_jobs]
        yield from self.panel.on_start(lambda: self._begin(values, visitor_jobs), visitor_jobs)

    def _begin(self, values: Mapping[Any, Any], visitor_jobs: Sequence[str]) -> str:
        if self.bundled.loaded is None:
            raise ValueError(self.bundled.problem.rstrip("."))
        request = self.form.request(self.attachments.using(values[self.attached]), values)
        self.panel.check_one_at_a_time(visitor_jobs)
        return self.evaluations.start(request)

    def view(self, job: Job | None, values: Mapping[Any, Any]) -> Updates:
        """The chosen evaluation as it stands. An answer that was chosen in another evaluation is closed."""
        report, answer = self.evaluations.report(job) if job else None, self.answer
        cell = values[answer.cell]
        gone = answer.no_answer(values[answer.run_id]) if cell and (not job or cell[0] != job.id) else {}
        card = {self.rows_card: gr.update(visible=report is not None), self.plot: drawn_pareto(report)}
        card |= dict.fromkeys(self.exports, gr.update(interactive=report is not None and report.finished > 0))
        if job is None or report is None:
            state_only = {self.panel.state: self._state(job, None)} if job else {}
            return {**state_only, self.result: "", self.rows: "", **card, **gone}
        first = values[self.first]
        start = int(first) if isinstance(first, (int, float)) and 0 < first < 1e9 else 1
        problems = shown_rows(report, start, values[self.differ], values[self.fail])
        chosen = None if gone else cell
        return {
            self.panel.state: self._state(job, report),
            self.result: result(report, going=job.state == "running") if report.finished else "",
            self.rows: rows_table(report, problems, chosen),
            **card, **gone,
        }  # fmt: skip

    def _state(self, job: Job, report: Report | None) -> str:
        log = log_of(job) if job.state in ("failed", "lost") else []
        finished, expected = (report.finished, report.expected) if report else (0, 0)
        left = seconds_left(report) if report and job.state == "running" else None
        note = waits_for(self.evaluations.jobs, job) or job.note
        return progress(job.state, note, finished, expected, log, left)

    def on_export(self, form: str, chosen: str | None, visitor_jobs: list[str]) -> tuple[str, str]:
        """A file to download; a sentence when there is nothing yet."""
        job = self.panel.visible_job(chosen, visitor_jobs)
        if self.evaluations.report(job) is None:
            raise gr.Error("There is nothing to export yet.", print_exception=False)
        # Gradio serves files from its cache only, so that nobody reaches the jobs' own folder: copy it there.
        return alert(""), save_file_to_cache(self.evaluations.export(job, form), self.file.GRADIO_CACHE)
