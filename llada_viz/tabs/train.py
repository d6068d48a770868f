"""The Train tab: a form from the objectives, a queue of jobs with live curves, checkpoints to use."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from llada_viz.decoding.attached import Attached, Attachments
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.networks import Sources
from llada_viz.decoding.runs import OPENED, Runs
from llada_viz.jobs.job_facts import log_of, submitted_minute
from llada_viz.jobs.job_store import Job
from llada_viz.jobs.trainings import KIND, TrainingRequest, Trainings, near
from llada_viz.render.curves import figures
from llada_viz.render.job import log_box
from llada_viz.tabs.train_example import example_of
from llada_viz.tabs.train_form import TrainForm
from llada_viz.tabs.train_kept import KeptTraining
from llada_viz.tabs.train_view import (
    EMPTY,
    LOADED,
    NO_SAMPLE,
    OFF_HERE,
    newest_in,
    sample_of,
    stamp_of,
    state_of,
)
from llada_viz.widgets import foot
from llada_viz.widgets.canvas import TokenCanvas, message
from llada_viz.widgets.form_values import FormValues
from llada_viz.widgets.job_panel import JobPanel
from llada_viz.widgets.live import QUIET, Updates, alert
from llada_viz.widgets.starting import press_at_once, released
from llada_viz.widgets.staying_form import StayingForm
from models.checkpoint import ModelError
from samplers.events import EventError
from samplers.recording.traces import TraceError, read_trace
from samplers.requests import RequestError
from samplers.settings import sentence_of
from training.registry import objective

OFF = (
    "Training is off on this public host. To train, run the app on your own machine (llada-viz, or python "
    "app.py in a checkout), or copy the command below: it needs nothing but this program"
)
# One measurement at a time: two at once would slow each other down.
MEASURED: dict[str, Any] = {"concurrency_id": "measure", "concurrency_limit": 1, **QUIET}
OWN_COPY = "The exact command of a job, with its folders, is in its log."


class Train:
    """Builds the tab. The methods `on_…` are its event handlers. public: a host where strangers meet."""

    def __init__(
        self, bundled: Bundled, runs: Runs, trainings: Trainings, attachments: Attachments, public: bool,
        secret: str = "",
    ) -> None:  # fmt: skip
        self.secret = secret or None
        self.bundled, self.runs, self.trainings = bundled, runs, trainings
        self.attachments, self.public = attachments, public
        self.form = TrainForm(near(trainings.model))
        self.kept = KeptTraining(self.form)
        self.staying = StayingForm("train", self.kept.back, self.kept.first)
        self.panel = JobPanel(trainings.jobs, KIND, "training", partial(stamp_of, trainings), public)

    # ---- layout ------------------------------------------------------------------------------

    def build(self, attached: gr.State, tabs: gr.Tabs, tab: gr.Tab | None = None) -> None:
        """Lay out the tab and connect its events. attached: the page's state with the id of an attachment;
        tab: the one that it lies in; when it is opened it says how long a training takes."""
        self.attached, self.tabs = attached, tabs
        self.run_id = gr.State("")
        with gr.Row(elem_classes="lz-page"):
            with gr.Column(elem_classes="lz-card lz-form", min_width=280):
                if self.public:
                    gr.HTML(alert(f"{OFF}."), elem_id="train-off-alert", apply_default_css=False)
                self.staying.build_words()
                self.form.build()
                self.staying.build_reset()
                notice = "" if self.public else alert(self.bundled.problem)
                with gr.Column(elem_classes="lz-bottom", min_width=0):
                    self.alert = gr.HTML(notice, elem_id="train-alert", apply_default_css=False)
                    self.foot = foot.job_state("train")
                    self.start = gr.Button(
                        "Train", variant="primary", elem_id="train-run", interactive=not self.public
                    )
                    self.time = gr.HTML(elem_id="train-time", apply_default_css=False)
            with gr.Column(elem_classes="lz-out", min_width=0):
                self._what()
                self._job()
                self._checkpoints()
        self._connect(tab)

    def _what(self) -> None:
        with gr.Column(elem_classes="lz-panel"):
            self.problem = gr.HTML(elem_id="train-problem-alert", apply_default_css=False)
            with gr.Row(elem_classes="lz-tools"):
                self.show, self.measure = (
                    gr.Button(
                        word, size="sm", min_width=80, elem_id=f"train-{name}", interactive=allowed
                    )
                    for word, name, allowed in (
                        ("Show an example", "show", True), ("Estimate the time", "measure", not self.public)
                    )
                )  # fmt: skip
            self.example = gr.HTML(elem_id="train-example", apply_default_css=False)
            with gr.Accordion("Command", open=False, elem_classes="lz-more", elem_id="train-as-command"):
                self.command = gr.Textbox(
                    info=OWN_COPY, lines=4, max_lines=40, interactive=False, buttons=["copy"],
                    show_label=False, label="Command", elem_id="train-command",
                )  # fmt: skip
        opened = self.on_command({component: component.value for component in self.form.inputs})
        self.command.value, self.problem.value = opened[self.command], opened[self.problem]

    def _job(self) -> None:
        with gr.Column(elem_classes="lz-panel"):
            empty = OFF_HERE if self.public else EMPTY
            self.panel.build("train", empty, self.secret, ticks=not self.public)
            self.curves = gr.HTML(elem_id="train-curves", apply_default_css=False)
            with gr.Accordion("Log and command", open=False, elem_classes="lz-more"):
                self.log = gr.HTML(elem_id="train-log", apply_default_css=False)

    def _checkpoints(self) -> None:
        with gr.Column(elem_classes="lz-panel"):
            self.hint = gr.HTML(NO_SAMPLE, elem_id="train-hint", apply_default_css=False)
            with gr.Row(elem_classes="lz-two lz-pick", visible=False) as self.picks:
                self.step, self.sample = (
                    gr.Dropdown(
                        [], label=label, elem_id=f"train-{name}", min_width=80, interactive=True,
                        allow_custom_value=True,
                    )
                    for label, name in (("Checkpoint", "step"), ("Sample", "sample"))
                )  # fmt: skip
            self.facts = gr.HTML(elem_id="train-sample-facts", apply_default_css=False)
            with gr.Row(elem_classes="lz-tools", visible=False) as self.uses:
                self.replay = gr.Button(
                    "Replay the sample", size="sm", min_width=80, interactive=False, elem_id="train-replay"
                )
                self.load = gr.Button(
                    "Load this checkpoint in Visualize", size="sm", min_width=80, interactive=False,
                    elem_id="train-load",
                )  # fmt: skip
            self.load_alert = gr.HTML(elem_id="train-load-alert", apply_default_css=False)
        self.canvas = TokenCanvas(self.runs, elem_id="train-canvas", visible=False)

    # ---- events ------------------------------------------------------------------------------

    def _connect(self, tab: gr.Tab | None) -> None:
        self.values = FormValues({*self.form.inputs, self.attached})
        self._follow_form(tab)
        panel, picks = self.panel, [self.step, self.sample]
        shows = [self.curves, self.log, self.hint, *picks, self.replay, self.load, *self._of_checkpoints]
        panel.connect(self.view, picks, shows, self.alert)
        press_at_once(self.start)
        begun = self.values.gathered(self.start.click).success(
            self.values.given_to(self.on_start), self.values.inputs(panel.visitor_jobs), panel.start_outputs,
            trigger_mode="once", **QUIET,
        )  # fmt: skip
        panel.look_again_after(begun.success)
        released(self.start, begun, self.alert)
        foot.follow(self.foot, panel.state, begun)
        panel.look_again_after(self.step.input)
        panel.look_again_after(self.sample.input)
        panel.job.input(lambda: (gr.update(visible=False), ""), None, [self.canvas, self.load_alert], **QUIET)
        self.replay.click(
            self.on_replay, {panel.job, *picks}, [self.load_alert, self.canvas, self.run_id],
            trigger_mode="once", **QUIET,
        )  # fmt: skip
        self.load.click(
            self.on_load, {panel.job, self.step, self.attached},
            [self.load_alert, self.attached, self.tabs], trigger_mode="once", **QUIET,
        )  # fmt: skip

    def _look(self, *events: Any, **options: Any) -> Any:
        """Say what the form stands for when one of these happens."""
        outputs = [self.command, self.problem, self.time]
        return self.values.gathered(*events, **options).success(
            self.values.given_to(self.on_command), self.values.inputs(), outputs,
            queue=False, **options, **QUIET,
        )  # fmt: skip

    def _time(self, *events: Any) -> None:
        """Say how long it would take when one of these happens."""
        self.values.gathered(*events).success(
            self.values.given_to(self.on_time), self.values.inputs(), self.time,
            trigger_mode="once", **MEASURED,
        )  # fmt: skip

    def when_opened(self, page: gr.Blocks) -> None:
        """When the page opens: the form as it was."""
        self._look(self.staying.on_load(page).then)

    def _follow_form(self, tab: gr.Tab | None) -> None:
        form, data = self.form, self.form.data
        set_inputs: set[Any] = {form.objective, form.start_from, data.sets, data.uploads}
        uploaded = data.upload.upload(
            self.on_upload, {data.upload, *set_inputs}, [data.sets, data.uploads],
            trigger_mode="always_last", **QUIET,
        )  # fmt: skip
        for event in (
            form.objective.input(form.on_objective, set_inputs, form.shown, **QUIET),
            form.start_from.input(form.on_start_from, set_inputs, form.shown, **QUIET),
            uploaded.success(form.on_other_sets, set_inputs, form.of_sets, **QUIET),
            data.sets.input(form.on_other_sets, set_inputs, form.of_sets, **QUIET),
        ):
            looked = self._look(event.then)
            if not self.public:
                self._time(looked.then)
        self._time(self.measure.click)
        if not self.public and tab is not None:
            self._time(tab.select)
        self._look(self.staying.connect(self.kept.form_kept, self.kept.outputs).then)
        # Alert and example were about another objective: clear them.
        form.objective.input(lambda: ("", ""), None, [self.alert, self.example], queue=False, **QUIET)
        typed = [widget.input for widget in form.widgets.values()]
        self._look(self.attached.change, *typed, trigger_mode="always_last")
        self.values.gathered(self.show.click).success(
            self.values.given_to(self.on_example), self.values.inputs(), [self.problem, self.example],
            trigger_mode="once", **QUIET,
        )  # fmt: skip

    def _request(self, values: Mapping[Any, Any]) -> TrainingRequest:
        """The form as a request, of the model that the Models tab loaded. ValueError: a sentence."""
        request = self.form.request(values)
        using = self.attachments.using(values.get(self.attached) or "")
        if not isinstance(using, Attached) or "model" not in using.origins or using.loaded is None:
            return request
        if using.loaded.model.quantized_as:
            what = f"model = {using.name!r} is {using.loaded.precision} and cannot learn"
            raise ValueError(f"{what}; allowed: one that is loaded in float32 or bfloat16")
        return replace(request, model=using.source.model, revision=using.loaded.revision)

    def _local(self) -> None:
        if self.public:
            raise gr.Error(f"{OFF}.", print_exception=False)

    def on_upload(self, values: Mapping[Any, Any]) -> Updates:
        """A file that was just uploaded becomes the data."""
        self._local()
        data = self.form.data
        entry = objective(values[self.form.objective])
        chosen, uploads = data.on_upload(values[data.upload], values[data.uploads], entry)
        return {data.sets: chosen, data.uploads: uploads}

    def on_command(self, values: Mapping[Any, Any]) -> Updates:
        """The command that the form stands for; a sentence where it cannot be run."""
        try:
            request = self._request(values)
            time = time_html(self.trainings.estimate(request, measure=False))
            return {self.command: self.trainings.command(request), self.problem: "", self.time: time}
        except (ValueError, OSError) as error:
            return {self.command: "", self.problem: alert(sentence_of(error)), self.time: ""}

    def on_time(self, values: Mapping[Any, Any]) -> Iterator[str]:
        """How long the training would take, measured."""
        self._local()
        yield time_html("Measuring two steps to estimate the time…")
        try:
            estimate = self.trainings.estimate(self._request(values))
        except (ValueError, OSError) as error:
            estimate = sentence_of(error)
        if any(job.state == "running" for job in self.trainings.jobs.list()):
            estimate += " Another job is running, which slows this one down."
        yield time_html(estimate)

    def on_example(self, values: Mapping[Any, Any]) -> Iterator[Updates]:
        """One example as it stands in the data, in the template and as it is learned."""
        loading = "<p class='lz-about' role='status'>Loading an example…</p>"
        yield {self.problem: "", self.example: loading}
        try:
            yield {self.example: example_of(self.trainings.model, self._request(values))}
        except (ValueError, OSError, RuntimeError) as error:
            yield {self.problem: alert(sentence_of(error)), self.example: ""}

    def on_start(self, values: Mapping[Any, Any]) -> Iterator[Updates]:
        """Queue a job; a refusal is a sentence."""
        self._local()
        yield from self.panel.on_start(lambda: self._begin(values), values[self.panel.visitor_jobs])

    def _begin(self, values: Mapping[Any, Any]) -> str:
        if self.bundled.loaded is None:
            raise ValueError(self.bundled.problem.rstrip("."))
        return self.trainings.start(self._request(values))

    def view(self, job: Job | None, values: Mapping[Any, Any]) -> Updates:
        """The chosen training as it stands: curves, log, checkpoints."""
        if job is None:
            empty, off = gr.update(choices=[], value=None), gr.update(interactive=False)
            nothing: Updates = {self.step: empty, self.sample: empty, self.replay: off, self.load: off}
            nothing |= {self.facts: "", **dict.fromkeys([self.picks, self.uses], gr.update(visible=False))}
            return {self.curves: "", self.log: "", self.hint: NO_SAMPLE, **nothing}
        return {
            self.panel.state: state_of(self.trainings, job),
            self.curves: figures(self.trainings.log(job).curves()),
            self.log: log_box([shlex.join(job.argv), "", *log_of(job)]),
            **self._picks(job, values),
        }

    def _picks(self, job: Job, values: Mapping[Any, Any]) -> Updates:
        """Updates of the lists of checkpoints and samples.

        A chosen checkpoint stays chosen while it exists, unless it was the newest one at the last look: then
        the choice moves on to the new newest. The same goes for nothing chosen. Samples: the chosen, or the
        first.
        """
        steps_saved = [str(number) for number in self.trainings.checkpoints(job)]
        step, newest = values[self.step], newest_in(values[self.panel.last_look])
        step = step if step in steps_saved and step != newest else (steps_saved[-1] if steps_saved else None)
        samples = [path.stem for path in self.trainings.samples(job, int(step))] if step else []
        sample = values[self.sample] if values[self.sample] in samples else next(iter(samples), None)
        steps = [(f"step {int(number):,}", number) for number in reversed(steps_saved)]
        return {
            self.hint: LOADED if steps_saved else NO_SAMPLE,
            self.facts: sample_of(self.trainings, job, int(step), sample) if step and sample else "",
            **dict.fromkeys([self.picks, self.uses], gr.update(visible=bool(steps_saved))),
            self.step: gr.update(choices=steps, value=step),
            self.sample: gr.update(
                choices=[(name.replace("-", " "), name) for name in samples], value=sample
            ),
            self.replay: gr.update(interactive=bool(samples)),
            self.load: gr.update(interactive=bool(steps_saved)),
        }

    @property
    def _of_checkpoints(self) -> list[Any]:
        return [self.facts, self.picks, self.uses]

    def on_replay(self, values: Mapping[Any, Any]) -> Updates:
        """Show a recorded sample on the canvas."""
        job, step = self.panel.visible_job(values[self.panel.job]), values[self.step]
        try:
            paths = self.trainings.samples(job, int(step)) if step else []
            path = next((path for path in paths if path.stem == values[self.sample]), None)
            if path is None:
                raise TraceError("there is no such sample; allowed: one of the list")
            run = self.runs.open(read_trace(path, OPENED))
        except (TraceError, EventError, OSError, ValueError) as error:
            return {self.load_alert: alert(sentence_of(error))}
        shown = gr.update(visible=True, value=message(run, run.frames))
        return {self.load_alert: "", self.canvas: shown, self.run_id: run.id}

    def on_load(self, values: Mapping[Any, Any]) -> Updates:
        """Attach what a checkpoint holds, for this browser tab, and go to Visualize."""
        self._local()
        job, step = self.panel.visible_job(values[self.panel.job]), values[self.step]
        checkpoints = {str(number): path for number, path in self.trainings.checkpoints(job).items()}
        if step not in checkpoints:
            return {self.load_alert: alert("There is no such checkpoint.")}
        title = objective(job.config["objective"]).title
        try:
            called = job.config.get("name") or f"{title} of {submitted_minute(job)}"
            label = f"{called}, step {int(step):,}"
            trained_on = Sources(**job.config.get("trained_on", {"model": ""}))
            base = trained_on if trained_on.model else None
            attachment_id = self.attachments.add(values[self.attached], checkpoints[step], label, base=base)
        except (ModelError, RequestError, OSError) as error:
            return {self.load_alert: alert(sentence_of(error))}
        return {self.load_alert: "", self.attached: attachment_id, self.tabs: gr.update(selected="visualize")}


def time_html(text: str) -> str:
    """A sentence on the time that a training takes."""
    return f"<p class='lz-about' role='status'>{escape(text)}</p>" if text else ""
