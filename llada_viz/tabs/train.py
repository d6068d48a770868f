"""The Train tab: a form from the objectives, a queue of jobs with live curves, checkpoints to use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.runs import Runs
from llada_viz.jobs.job_facts import when
from llada_viz.jobs.trainings import KIND, Trainings, near
from llada_viz.tabs.train_example import example_of
from llada_viz.tabs.train_form import TrainForm
from llada_viz.tabs.train_view import EMPTY, NO_SAMPLE, look
from llada_viz.widgets.canvas import TokenCanvas, message
from llada_viz.widgets.job_panel import ACTIONS, JobPanel
from llada_viz.widgets.live import QUIET, alert
from models.loading import ModelError
from samplers.events import EventError
from samplers.requests import RequestError
from samplers.traces import TraceError, read_trace
from training.registry import objective

OFF = (
    "Training is off on this public host. To train, run the app on your own machine (python app.py), or "
    "copy the command below: it needs nothing but this repository"
)
SURE = "(job, sure) => [job, window.confirm('Delete this training, with its checkpoints and log?')]"
OWN_COPY = "A job reads its own copy of an upload, and writes into its own folder: see its log."


class Train:
    """Builds the tab; its methods are what its events do. public: a host where strangers meet."""

    def __init__(
        self, bundled: Bundled, runs: Runs, trainings: Trainings, attachments: Attachments, public: bool
    ) -> None:
        self.bundled, self.runs, self.trainings = bundled, runs, trainings
        self.attachments, self.public = attachments, public
        self.form = TrainForm(bundled.name, near(trainings.model))
        self.panel = JobPanel(trainings.jobs, KIND, "training", public)

    # ---- layout ------------------------------------------------------------------------------

    def build(self, attached: gr.State, tabs: gr.Tabs) -> None:
        """Lay out the tab and connect its events. attached: the page's state, an id of Attachments."""
        self.attached, self.tabs = attached, tabs
        self.seen, self.run_id = gr.State(""), gr.State("")
        self.timer = gr.Timer(1.5, active=not self.public)
        with gr.Row(elem_classes="lz-page"):
            with gr.Column(elem_classes="lz-card lz-form", min_width=280):
                self.form.build()
                said = alert(f"{OFF}.") if self.public else alert(self.bundled.problem)
                self.alert = gr.HTML(said, elem_id="train-alert", apply_default_css=False)
                self.start = gr.Button(
                    "Train", variant="primary", elem_id="train-run", interactive=not self.public
                )
            with gr.Column(elem_classes="lz-out", min_width=0):
                self._what()
                self._job()
                self._checkpoints()
        self._connect()

    def _what(self) -> None:
        with gr.Column(elem_classes="lz-panel"):
            self.command = gr.Textbox(
                self.on_command(*self._first())[0], label="Command", info=OWN_COPY, lines=4, max_lines=40,
                interactive=False, buttons=["copy"], elem_id="train-command",
            )  # fmt: skip
            self.problem = gr.HTML(elem_id="train-problem-alert", apply_default_css=False)
            with gr.Row(elem_classes="lz-tools"):
                self.show = gr.Button(
                    "Show an example", size="sm", min_width=80, elem_id="train-show",
                    interactive=not self.public,
                )  # fmt: skip
            self.example = gr.HTML(elem_id="train-example", apply_default_css=False)

    def _first(self) -> list[Any]:
        """What the form holds when the page opens."""
        return [found.value for found in self.form.inputs]

    def _job(self) -> None:
        with gr.Column(elem_classes="lz-panel"):
            self.panel.build("train")
            self.state = gr.HTML(EMPTY, elem_id="train-state", apply_default_css=False)
            with gr.Row(elem_classes="lz-tools"):
                self.panel.buttons()
                self.sure = gr.Checkbox(False, visible=False)
            self.curves = gr.HTML(elem_id="train-curves", apply_default_css=False)
            with gr.Accordion("Log and command", open=False, elem_classes="lz-more"):
                self.log = gr.HTML(elem_id="train-log", apply_default_css=False)

    def _checkpoints(self) -> None:
        with gr.Column(elem_classes="lz-panel"):
            self.hint = gr.HTML(NO_SAMPLE, elem_id="train-hint", apply_default_css=False)
            with gr.Row(elem_classes="lz-two lz-pick"):
                self.step, self.sample = (
                    gr.Dropdown(
                        [], label=label, elem_id=f"train-{name}", min_width=80, interactive=True,
                        allow_custom_value=True,
                    )
                    for label, name in (("Checkpoint", "step"), ("Sample", "sample"))
                )  # fmt: skip
            with gr.Row(elem_classes="lz-tools"):
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

    def _connect(self) -> None:
        self._follow_form()
        shown = [
            self.panel.job, self.state, *self.panel.actions, self.curves, self.log, self.hint, self.step,
            self.sample, self.replay, self.load, self.seen,
        ]  # fmt: skip
        looked = [self.panel.job, self.step, self.sample, self.seen]
        begun = self.start.click(
            self.on_start, self.form.inputs, [self.alert, self.panel.job], trigger_mode="once", **QUIET
        )
        begun.success(self.on_look, looked, shown, **QUIET)
        self.timer.tick(self.on_tick, looked, shown, trigger_mode="once", queue=False, **QUIET)
        chosen = self.panel.job.input(
            lambda: (gr.update(visible=False), ""), None, [self.canvas, self.load_alert], **QUIET
        )
        chosen.then(self.on_look, looked, shown, **QUIET)
        self.step.input(self.on_look, looked, shown, **QUIET)
        for button, action in zip(self.panel.actions, ACTIONS, strict=True):
            asks = {"js": SURE} if action == "remove" else {}
            button.click(
                lambda job, sure, a=action: self.on_job(job, sure, a), [self.panel.job, self.sure],
                self.alert, **asks, **QUIET,
            ).then(self.on_look, looked, shown, **QUIET)  # fmt: skip
        picked = [self.panel.job, self.step, self.sample]
        self.replay.click(
            self.on_replay, picked, [self.load_alert, self.canvas, self.run_id], trigger_mode="once", **QUIET
        )
        self.load.click(
            self.on_load, [self.panel.job, self.step, self.attached],
            [self.load_alert, self.attached, self.tabs], trigger_mode="once", **QUIET,
        )  # fmt: skip

    def _follow_form(self) -> None:
        form, data = self.form, self.form.data
        named = [data.sets, data.uploads]
        look = {"fn": self.on_command, "inputs": form.inputs, "outputs": [self.command, self.problem]}
        for event in (
            form.objective.input(form.on_objective, [form.objective, *named], form.shown, **QUIET),
            form.start_from.input(
                form.on_start_from, [form.objective, form.start_from, *named], form.shown, **QUIET
            ),
            data.upload.upload(
                self.on_upload,
                [data.upload, data.uploads, form.objective],
                named,
                trigger_mode="always_last",
                **QUIET,
            ).success(form.on_other_sets, [form.objective, *named], form.of_sets, **QUIET),
            data.sets.input(form.on_other_sets, [form.objective, *named], form.of_sets, **QUIET),
        ):
            event.then(**look, **QUIET)
        # What was said of another objective is not true of this one.
        form.objective.input(lambda: ("", ""), None, [self.alert, self.example], queue=False, **QUIET)
        for widget in form.widgets.values():
            widget.input(**look, trigger_mode="always_last", queue=False, **QUIET)
        self.show.click(
            self.on_example, form.inputs, [self.problem, self.example], trigger_mode="once", **QUIET
        )

    def _local(self) -> None:
        if self.public:
            raise gr.Error(f"{OFF}.", print_exception=False)

    def on_upload(self, path: str, uploads: dict[str, str], name: str) -> tuple[Any, Any]:
        """A file that was just uploaded. name: of the objective."""
        self._local()
        return self.form.data.on_upload(path, uploads, objective(name))

    def on_command(self, *values: Any) -> tuple[str, str]:
        """The command that the form stands for; a sentence where it cannot be run."""
        try:
            return self.trainings.command(self.form.asked(*values)), alert("")
        except (ValueError, OSError) as error:
            return "", alert(f"{error}.")

    def on_example(self, *values: Any) -> Iterator[tuple[Any, Any]]:
        """One example as it stands in the data, in the template and as it is learned."""
        self._local()
        yield alert(""), "<p class='lz-about' role='status'>Loading an example…</p>"
        try:
            yield alert(""), example_of(self.trainings.model, self.form.asked(*values))
        except (ValueError, OSError, RuntimeError) as error:
            yield alert(f"{error}."), ""

    def on_start(self, *values: Any) -> Iterator[tuple[Any, Any]]:
        """Queue a job; a refusal is a sentence."""
        self._local()
        try:
            if self.bundled.loaded is None:
                raise ValueError(self.bundled.problem.rstrip("."))
            job = self.trainings.start(self.form.asked(*values))
        except (ValueError, OSError) as error:
            yield alert(f"{error}."), gr.skip()
            raise gr.Error(str(error), visible=False, print_exception=False) from None
        yield alert(""), gr.update(choices=self.panel.choices(), value=job)

    def on_tick(self, chosen: str | None, step: Any, sample: Any, seen: str) -> tuple[Any, ...]:
        """As `on_look`, but nothing when nothing has changed."""
        return look(self.trainings, self.panel, chosen, step, sample, seen, only_changes=True)

    def on_look(self, chosen: str | None, step: Any, sample: Any, seen: str) -> tuple[Any, ...]:
        """The chosen training as it stands, else the newest."""
        return look(self.trainings, self.panel, chosen, step, sample, seen, only_changes=False)

    def on_job(self, chosen: str | None, sure: bool, action: str) -> str:
        """Stop, resume or delete."""
        self._local()
        if action == "remove" and not sure:
            return alert("")
        return self.panel.act(action, chosen)

    def on_replay(self, chosen: str | None, step: Any, sample: Any) -> tuple[Any, Any, Any]:
        """Show a recorded sample on the canvas."""
        job = self.panel.of(chosen)
        try:
            paths = self.trainings.samples(job, int(step)) if step else []
            path = next((path for path in paths if path.stem == sample), None)
            if path is None:
                raise TraceError("there is no such sample; allowed: one of the list")
            run = self.runs.open(read_trace(path))
        except (TraceError, EventError, OSError, ValueError) as error:
            return alert(f"{error}."), gr.skip(), gr.skip()
        return alert(""), gr.update(visible=True, value=message(run, run.frames)), run.id

    def on_load(self, chosen: str | None, step: Any, attached: str) -> tuple[Any, Any, Any]:
        """Attach what a checkpoint holds, for this browser tab, and go to Visualize."""
        self._local()
        job = self.panel.of(chosen)
        known = {str(number): path for number, path in self.trainings.checkpoints(job).items()}
        if step not in known:
            return alert("There is no such checkpoint."), gr.skip(), gr.skip()
        try:
            label = f"{job.config['objective']} of {when(job)}, step {int(step):,}"
            fresh = self.attachments.add(attached, known[step], label)
        except (ModelError, RequestError, OSError) as error:
            return alert(f"{error}."), gr.skip(), gr.skip()
        return alert(""), fresh, gr.update(selected="visualize")
