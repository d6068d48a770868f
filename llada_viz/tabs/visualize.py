"""The Visualize tab: a prompt, a sampler and its settings on the left, the live canvas beside it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from llada_viz.decoding.attached import Attached, Attachments
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.runs import Run, Runs
from llada_viz.decoding.scope import hint
from llada_viz.widgets.attached_bar import AttachedBar
from llada_viz.widgets.canvas import Message, TokenCanvas, message, notice
from llada_viz.widgets.form import SamplerForm, about, choices
from llada_viz.widgets.live import (
    QUIET,
    UPDATES_PER_SECOND,
    alert,
    buttons,
    checked_prompt,
    example_buttons,
    fill_from,
    prepared,
    wire,
)
from llada_viz.widgets.plots import MapPlot
from models.loading import ModelError
from samplers.events import EventError
from samplers.registry import SAMPLERS, entry, head_users
from samplers.requests import RequestError
from samplers.settings import SettingError
from samplers.traces import TraceError, read_trace

FIRST_EXAMPLE = 1  # what stands in the form when the page opens: one press of Run is enough
MOST_CELLS = 8192
STARTING = "Starting…"
WAITING = "Waiting for the model: another run is using it."


class Visualize:
    """Builds the tab; its methods are what the page's events do."""

    def __init__(self, bundled: Bundled, runs: Runs, attachments: Attachments | None = None) -> None:
        self.bundled, self.runs = bundled, runs
        self.attachments = attachments or Attachments(bundled)
        self.bar = AttachedBar(self.attachments, "visualize")
        self.first = bundled.examples[FIRST_EXAMPLE]
        first = dict(self.first.settings)
        for found in head_users() if bundled.has_head else ():
            first |= found.with_head
        self.form = SamplerForm(first=first)

    # ---- layout ------------------------------------------------------------------------------

    def build(self, attached: gr.State | None = None) -> None:
        """Lay out the tab and connect its events. attached: the page's state, an id of Attachments."""
        self.attached = attached or gr.State("")
        with gr.Row(elem_classes="lz-page"):
            with gr.Column(elem_classes="lz-card lz-form", min_width=280):
                self.bar.build(self.attached)
                self._prompt()
                self._sampler()
                self._more()
                self._go()
            with gr.Column(elem_classes="lz-out", min_width=0):
                self.canvas = TokenCanvas(self.runs, elem_id="canvas")
                self.run_id = gr.State("")
                MapPlot(self.runs).build(self.run_id)
        self._connect()

    def _prompt(self) -> None:
        self.prompt = gr.Textbox(self.first.prompt, label="Prompt", lines=4, max_lines=10, elem_id="prompt")
        self.hint = gr.HTML(elem_id="hint", apply_default_css=False)
        self.examples = example_buttons(self.bundled)

    def _sampler(self) -> None:
        self.sampler = gr.Dropdown(choices(), value=self.form.chosen, label="Sampler", elem_id="sampler")
        text = escape(about(self.form.chosen))
        self.about = gr.HTML(text, elem_classes="lz-about", apply_default_css=False)
        self.form.front()
        self.bar.scorer_input(visible=entry(self.form.chosen).needs.scorer)

    def _more(self) -> None:
        with gr.Accordion("Settings of this sampler", open=False, elem_classes="lz-more"):
            self.form.own()
        with gr.Accordion("Seed, constraints, guidance", open=False, elem_classes="lz-more"):
            self.seed = gr.Number(0, label="Seed", info="The same seed gives the same run.", elem_id="seed")
            self.constraints = gr.Textbox(
                label="Word constraints", placeholder="3:word, 10:other", elem_id="constraints",
                info="cell:word, …; those cells are given from the start and never change.",
            )  # fmt: skip
            self.form.rest()

    def _go(self) -> None:
        self.alert = gr.HTML(alert(self.bundled.problem), elem_id="alert", apply_default_css=False)
        with gr.Row(elem_classes="lz-go"):
            self.start = gr.Button("Run", variant="primary", elem_id="run", min_width=80)
            self.stop = gr.Button("Stop", elem_id="stop", min_width=80, interactive=False)
        self.opener = gr.UploadButton("Open a saved trace", elem_id="open", size="sm", elem_classes="lz-open")

    # ---- events ------------------------------------------------------------------------------

    def _connect(self) -> None:
        extra = [self.attached, self.bar.scorer]
        asked = [self.prompt, self.sampler, self.seed, self.constraints, *extra, *self.form.inputs]
        wire(self, self.on_run, asked, self.on_end)
        said = [self.alert, self.run_id, self.canvas, self.start, self.stop]
        self.opener.upload(
            self.on_open, [self.opener, self.run_id], said, trigger_mode="always_last", **QUIET
        )
        chosen = [self.sampler, *(self.form.input(name) for name in ("gen_length", "block_length"))]
        shown = [self.about, self.bar.scorer, *self.form.inputs]
        self.sampler.change(self.on_sampler, chosen, shown, **QUIET)
        self.bar.connect()
        self.attached.change(
            self.on_attached, self.attached, [self.sampler, *self.form.inputs], queue=False, **QUIET
        )
        self.prompt.change(
            self.on_prompt, self.prompt, self.hint, trigger_mode="always_last", queue=False, **QUIET
        )
        for button, example in zip(self.examples, self.bundled.examples, strict=True):
            values = [example.prompt, *self.form.fill(example.settings)]
            fill_from(button, values, [self.prompt, *self.form.inputs])

    def on_run(
        self, old: str, prompt: str, sampler: str, seed: float, constraints: str, attached: str,
        scorer: str, *values: Any,
    ) -> Iterator[tuple[Any, ...]]:  # fmt: skip
        """Check what was asked for; a refusal is a sentence, and the canvas stays as it is."""
        try:
            if self._going_on(old):
                raise RequestError("run is still going on; allowed: one at a time, press Stop first")
            run = self._prepare(prompt, sampler, seed, constraints, attached, scorer, values)
        except (RequestError, SettingError, ModelError) as error:
            yield alert(f"{error}."), old, gr.skip(), *buttons(self._going_on(old))
            raise gr.Error(str(error), visible=False, print_exception=False) from None
        text = WAITING if self.runs.busy() else STARTING
        yield alert(""), run.id, notice(run, text), *buttons(running=True)

    def _prepare(
        self, prompt: str, sampler: str, seed: Any, constraints: str, attached: str, scorer: str,
        values: tuple[Any, ...],
    ) -> Run:  # fmt: skip
        using = self.attachments.using(attached)
        text = checked_prompt(using, prompt)
        settings = self.form.values(sampler, values)
        ready = prepared(using, sampler, settings, text, seed, constraints or "", scorer)
        return self.runs.start(ready, using.pieces, using.name)

    def on_decode(self, run_id: str) -> Iterator[Message]:
        """Decode, and send the frames about 30 times a second."""
        run = self.runs.get(run_id)
        if run is None:
            return
        try:
            while frames := run.advance(1 / UPDATES_PER_SECOND):
                yield message(run, frames)
        finally:
            run.stop()

    def on_end(self, run_id: str) -> tuple[Any, Any]:
        """Run and Stop as they must be now: another run may have begun meanwhile."""
        return buttons(self._going_on(run_id))

    def _going_on(self, run_id: str) -> bool:
        run = self.runs.get(run_id)
        return run is not None and not run.ended

    def on_stop(self, run_id: str) -> tuple[Any, ...]:
        """End the run; the frames that were on their way, and one that says so."""
        run = self.runs.get(run_id)
        if run is None:
            return gr.skip(), *buttons(running=False)
        run.stop()
        if not run.frames:
            return notice(run, "Stopped before it began."), *buttons(running=False)
        return message(run, run.frames[-1:]), *buttons(running=False)

    def on_open(self, path: str | None, old: str) -> tuple[Any, ...]:
        """Show a saved run; a file that is no trace is a sentence, and the canvas stays."""
        try:
            trace = read_trace(path or "")
            cells = len(getattr(trace.events[0], "tokens", [[]])[0])
            if cells > MOST_CELLS:
                raise TraceError(f"trace has {cells} cells; allowed: at most {MOST_CELLS}")
            run = self.runs.open(trace)
        except (TraceError, EventError, OSError) as error:
            return alert(f"{error}."), old, gr.skip(), *(gr.skip(), gr.skip())
        if (running := self.runs.get(old)) is not None:
            running.stop()
        return alert(""), run.id, message(run, run.frames), *buttons(running=False)

    def on_sampler(self, sampler: str, gen_length: float | None, block_length: float | None) -> list[Any]:
        """Show what the sampler does, and its settings."""
        blocks = int((gen_length or 0) // block_length) if block_length else 1
        scorer = gr.update(visible=entry(sampler).needs.scorer)
        return [escape(about(sampler)), scorer, *self.form.show(sampler, blocks)]

    def on_attached(self, attached: str) -> list[Any]:
        """Choose what makes use of what was attached: the first sampler that can use a head, or that needs
        a scorer. Without any head, the settings that need one are let go of."""
        keep = [gr.skip()] * (1 + len(self.form.inputs))
        try:
            using = self.attachments.using(attached)
        except RequestError:
            return keep
        if isinstance(using, Attached) and using.own_head is not None:
            found = head_users()[0]
            return [found.name, *self.form.fill(found.with_head)]
        if isinstance(using, Attached) and using.own_reward is not None:
            return [next(name for name, found in SAMPLERS.items() if found.needs.scorer), *keep[1:]]
        if using.ups_head is None:
            without = {k: v for found in head_users() for k, v in found.without_head.items()}
            return [gr.skip(), *self.form.fill(without)]
        return keep

    def on_prompt(self, prompt: str) -> str:
        """A hint when the prompt lies outside what the model has learned."""
        text = hint(prompt or "", self.bundled.name)
        return f'<p role="status">{escape(text)}</p>' if text else ""
