"""The Visualize tab: a prompt, a sampler and its settings on the left, the live canvas beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from llada_viz.decoding.attached import Attached, Attachments, Using
from llada_viz.decoding.bundled import Bundled, Example
from llada_viz.decoding.chats import Asked
from llada_viz.decoding.comparison import Comparisons
from llada_viz.decoding.entrance import ENTRANCE
from llada_viz.decoding.fillings import Filling
from llada_viz.decoding.preparing import prepare_run
from llada_viz.decoding.run_models import RunModels
from llada_viz.decoding.runs import OPENED, Run, Runs
from llada_viz.decoding.scope import hint
from llada_viz.decoding.setups import Setup, setup_of
from llada_viz.export.exports import Exports
from llada_viz.gallery.opening import opening_run
from llada_viz.gallery.shelf import Shelf
from llada_viz.tabs.visualize_setups import NO_FILLING, VisualizeSetups
from llada_viz.widgets.below_canvas import BelowCanvas
from llada_viz.widgets.branching import Branching
from llada_viz.widgets.canvas import Message, message, notice, opening
from llada_viz.widgets.chat_box import ChatBox
from llada_viz.widgets.form import SIZES, SamplerForm, about, choices
from llada_viz.widgets.live import (
    QUIET,
    Updates,
    Values,
    alert,
    checked_prompt,
    example_buttons,
    more_cells,
    no_change,
    refusal,
    streamed,
    without_fraction,
)
from llada_viz.widgets.panels import OPEN
from llada_viz.widgets.preset_menu import PresetMenu
from llada_viz.widgets.scorer_input import ScorerInput
from llada_viz.widgets.starting import buttons, start_and_stop, wire
from models.checkpoint import ModelError
from samplers.events import EventError
from samplers.recording.traces import Trace, TraceError, read_trace
from samplers.registry import SAMPLERS, entry, head_users, make
from samplers.requests import RequestError
from samplers.settings import SettingError, sentence_of

FIRST_EXAMPLE = 4  # filled in when the page opens, so that Run can be pressed at once; it hesitates visibly
STARTING = "Starting…"
ASK = "What the model answers. Ctrl+Enter runs it."
GOES_ON = "A run is still going on: press Stop first."
# The board shows what is asked for: it hears of the prompt and the sizes.
BESIDE = "(...beside) => window.LladaCanvas.formChanged(...beside)"
# A moment later, when the page has put the new sizes into the form.
PRESS_RUN = "() => setTimeout(() => document.querySelector('#run').click(), 100)"


class Visualize:
    """Builds the tab. The methods `on_…` are its event handlers."""

    idle, busy = "Run", "Running…"

    def __init__(
        self, bundled: Bundled, runs: Runs, attachments: Attachments | None = None,
        comparisons: Comparisons | None = None, shelf: Shelf | None = None,
        exports: Exports | None = None,
    ) -> None:  # fmt: skip
        self.bundled, self.runs, self.shelf, self.exports = bundled, runs, shelf, exports
        self.attachments, self.models = attachments or Attachments(bundled), RunModels()
        self.branching = Branching(runs, self.attachments, comparisons or Comparisons(), self.models)
        self.scorer = ScorerInput(self.attachments, "visualize")
        self.chat = ChatBox()
        self.below = BelowCanvas(runs, self.models, self.attachments)
        self.presets = PresetMenu(bundled)
        self.first = bundled.examples[FIRST_EXAMPLE]
        first = dict(self.first.settings)
        for sampler in head_users() if bundled.has_head else ():
            first |= sampler.with_head
        self.form = SamplerForm(first=first, longest=self._longest())
        self.setups = VisualizeSetups(self)

    def _longest(self) -> int | None:
        loaded = self.bundled.loaded
        return loaded.max_length if loaded is not None else None

    # ---- layout ------------------------------------------------------------------------------

    def build(self, attached: gr.State | None = None) -> None:
        """Lay out the tab and connect its events. attached: the page's state with the id of an attachment."""
        self.attached = attached or gr.State("")
        with gr.Row(elem_classes="lz-page"):
            with gr.Column(elem_classes="lz-card lz-form", min_width=280):
                self.setups.build_words()
                self._prompt()
                self._sampler()
                self._more()
                self.alert, self.start, self.stop = start_and_stop(self.idle, self.bundled.problem)
            with gr.Column(elem_classes="lz-out", min_width=0):
                self.chat.build_rounds()
                self.canvas = self.branching.canvas(
                    shelf=self.shelf, exports=self.exports, again=True, panels=True, elem_id="canvas",
                    value=self._opening(),
                )  # fmt: skip
                self.run_id = gr.State("")
                self.branching.build()
                self.below.build(self.run_id, self.attached, self.canvas)
        self._connect()

    def _opening(self) -> Message:
        """The recorded run that the page opens with, on a board of the form's sizes."""
        run = opening_run(self.runs.golds)
        if run is not None:
            self.runs.keep(run)
        return opening(run, {name: self.form.input(name).value for name in ("gen_length", "block_length")})

    def _prompt(self) -> None:
        self.prompt = gr.Textbox(
            self.first.prompt, label="Prompt", lines=4, max_lines=10, elem_id="prompt", info=ASK
        )
        self.hint = gr.HTML(elem_id="hint", apply_default_css=False)
        self.examples = example_buttons(self.bundled)
        self.presets.build()
        self.chat.build_switch()

    def _sampler(self) -> None:
        self.setups.build_menu()
        self.sampler = gr.Dropdown(
            choices(), value=self.form.chosen, label="Sampler", elem_id="sampler", filterable=False
        )
        text = escape(about(self.form.chosen))
        self.about = gr.HTML(text, elem_classes="lz-about", apply_default_css=False)
        self.form.front()
        gr.HTML(f'<div data-tips="{escape(json.dumps(self.form.tips()))}"></div>', visible="hidden")
        self.scorer.build(visible=entry(self.form.chosen).needs.scorer)

    def _more(self) -> None:
        with gr.Accordion("Settings of this sampler", open=False, elem_classes="lz-more"):
            self.form.own()
        with gr.Accordion("Seed, constraints, guidance", open=False, elem_classes="lz-more"):
            self.seed = gr.Number(0, label="Seed", info="The same seed gives the same run.", elem_id="seed")
            self.constraints = gr.Textbox(
                label="Word constraints", placeholder="3:word, 10:other", elem_id="constraints",
                info="cell:word, …; the first cell is 0. A space is put before a word, but not before one in "
                'quotation marks, such as 3:"word". Those cells are given from the start and never change.',
            )  # fmt: skip
            self.form.rest()
        self.setups.build_tools()
        self.opener = gr.UploadButton("Open a saved trace", elem_id="open", size="sm", elem_classes="lz-open")

    # ---- events ------------------------------------------------------------------------------

    def _connect(self) -> None:
        inputs = {
            self.prompt, self.sampler, self.seed, self.constraints, self.attached, self.scorer.scorer,
            self.chat.switch, *self.form.inputs,
        }  # fmt: skip
        sizes = [self.form.input(name) for name in SIZES]
        for each in (beside := [self.prompt, *sizes[:2]]):
            each.change(None, beside, None, js=BESIDE, queue=False, **QUIET)
        self.below.after(*wire(self, self.on_run, inputs, self.on_end))
        self.branching.connect(self, self.below.after)
        self._follow_run()
        self.scorer.follow(self.attached, *sizes)
        left = [*self.presets.outputs, self.setups.menu.choice, self.setups.menu.words]
        board = [self.alert, self.run_id, self.canvas, self.start, self.stop, self.setups.words]
        self.shown = shown = [*board, *self.setups.outputs, *left]
        opened = {"trigger_mode": "always_last", **QUIET}
        self.opener.upload(self.on_open, {self.opener, self.run_id}, shown, **opened)
        own = [self.about, self.scorer.scorer, *self.form.inputs, self.setups.filled, *left]
        self.sampler.change(self.on_sampler, {self.sampler, self.setups.filled, *sizes}, own, **QUIET)
        filled = [self.chat.switch, *shown]
        self.presets.choice.input(self.on_preset, {self.presets.choice, self.run_id}, filled, **QUIET)
        self.attached.change(self.on_presets, {self.attached}, [self.presets.box], queue=False, **QUIET)
        chosen = [self.sampler, *self.form.inputs]
        self.attached.change(self.on_attached, {self.attached}, chosen, queue=False, **QUIET)
        self.attached.change(self.on_limits, {self.attached}, sizes[:2], queue=False, **QUIET)
        again = self.canvas.submit(self.on_again, {self.run_id}, [self.prompt, *sizes], **QUIET)
        again.success(None, None, None, js=PRESS_RUN)
        typed = {"trigger_mode": "always_last", "queue": False, **QUIET}
        asked: set[Any] = {self.prompt, self.attached}
        for event in (self.prompt.change, self.attached.change):
            event(self.on_prompt, asked, self.hint, **typed)
        for event in (self.prompt.input, self.attached.change):  # not of a prompt that came with its sizes
            event(self.on_typed, {*asked, self.form.input("gen_length")}, sizes, **typed)
        self.setups.connect(inputs)
        for button, example in zip(self.examples, self.bundled.examples, strict=True):
            filled = [self.prompt, *self.form.inputs, self.scorer.of_adapter, *self.presets.outputs]
            button.click(self._filler(example), {self.attached}, filled, queue=False, **QUIET)

    def _follow_run(self) -> None:
        self.chat.follow(self.run_id, self.prompt)
        inputs: set[Any] = {*self.below.inputs, self.chat.switch}
        outputs = [self.chat.rounds, self.prompt, self.branching.beside, *self.below.outputs]
        self.run_id.change(self.on_shown, inputs, outputs, js=OPEN, queue=False, **QUIET)

    def on_shown(self, values: Values) -> Updates:
        """Another run is on the canvas: one event for all, each would cost Run's first frame some time."""
        return self.chat.on_run(values) | self.branching.on_shown(values) | self.below.shown(values)

    def _filler(self, example: Example) -> Any:
        """The handler of an example's button: fills in its prompt, and settings for the model in use."""

        def fill(values: Values) -> Updates:
            settings = dict(example.settings)
            using = self.attachments.using_or_bundled(values[self.attached])
            length, block = settings.get("gen_length"), settings.get("block_length")
            if length and block and (steps := using.steps_for(length, block)):
                settings["steps"] = steps
            filled = {self.prompt: example.prompt, **self.form.fill(settings), **self.scorer.filled(using)}
            return filled | self.presets.left()

        return fill

    def on_run(self, values: Values) -> Iterator[Updates]:
        """Check what was asked for; a refusal is a sentence, and the canvas stays as it is."""
        old = values[self.run_id]
        try:
            if self._going_on(old):
                raise RequestError("a run is still going on", GOES_ON)
            run = self._prepare(values)
        except (RequestError, SettingError, ModelError) as error:
            update, ending = refusal(error, self.alert)
            yield update | buttons(self, self._going_on(old))
            raise ending from None
        begun = notice(run, ENTRANCE.notice() or STARTING)
        yield {self.alert: alert(""), self.run_id: run.id, self.canvas: begun, **buttons(self, running=True)}

    def setup(self, values: Values) -> Setup:
        """The form as a set-up; RequestError, SettingError or ModelError: a sentence."""
        using, asked = self._asked(values)
        return self._setup(using, values, asked)

    def _asked(self, values: Values) -> tuple[Using, Asked | None]:
        """The model in use, and what is asked of it in a conversation."""
        using = self.attachments.using(values[self.attached])
        text, sampler = checked_prompt(using, values[self.prompt]), values[self.sampler]
        assert using.loaded is not None
        length = make(sampler, self.form.values(sampler, values)).gen_length
        return using, self.chat.asked(values, using.loaded, text, length)

    def _setup(self, using: Using, values: Values, asked: Asked | None) -> Setup:
        sampler, prompt = values[self.sampler], values[self.prompt] or ""
        return setup_of(
            using, sampler, self.form.values(sampler, values), prompt, without_fraction(values[self.seed]),
            values[self.constraints] or "", values[self.scorer.scorer] or "", asked.messages if asked else (),
        )  # fmt: skip

    def _prepare(self, values: Values) -> Run:
        using, asked = self._asked(values)
        setup, loaded = self._setup(using, values, asked), using.loaded
        assert loaded is not None
        ready = prepare_run(
            using, setup.sampler, self.form.values(setup.sampler, values), setup.prompt, setup.seed,
            setup.constraints, setup.scorer, setup.earlier,
        )  # fmt: skip
        room = loaded.max_length - ready.canvas.prompt_length
        run = self.runs.start(ready, using.pieces, using.name, most_cells=room, setup=setup)
        self.models.remember(run, loaded)
        self.chat.begin(run, asked)
        return run

    def on_decode(self, run_id: str, visitor: str = "") -> Iterator[Message]:
        """Decode the run, and send its frames. visitor: whose run it is."""
        run = self.runs.get(run_id)
        if run is not None:
            yield from streamed(run, message, notice, visitor)

    def on_end(self, run_id: str) -> Updates:
        """Decoding is over: set Run and Stop, for another run may have begun meanwhile."""
        return buttons(self, self._going_on(run_id))

    def _going_on(self, run_id: str) -> bool:
        run = self.runs.get(run_id)
        return run is not None and not run.ended

    def on_stop(self, values: Values) -> Updates:
        """End the run, and send its last frame, which says that it was stopped."""
        run = self.runs.get(values[self.run_id])
        if run is None:
            return buttons(self, running=False)
        run.stop()
        last = message(run, run.frames[-1:]) if run.frames else notice(run, "Stopped before the first step.")
        return {self.canvas: last, **buttons(self, running=False)}

    def on_again(self, values: Values) -> Updates:
        """The answer was cut off: fill in more cells, in blocks of the same size, and more steps."""
        run = self.runs.get(values[self.run_id])
        if run is None or not run.frames or not run.frames[-1].get("again"):
            raise gr.Error("The server no longer has this run: press Run.", print_exception=False)
        layout, again = run.layout, run.frames[-1]["again"]
        sizes = {"gen_length": again, "block_length": layout.block_length}
        if layout.steps:
            sizes["steps"] = layout.steps * again // layout.gen_length
        filled: Updates = {self.form.input(name): value for name, value in sizes.items()}
        if question := self.chat.again(run.id):
            filled[self.prompt] = question
        return filled

    def on_open(self, values: Values) -> Updates:
        """Show a saved run; a file that is no trace is a sentence, and the canvas stays."""
        return self._opened(values[self.opener] or "", values)

    def _opened(self, trace: Path | str, values: Values) -> Updates:
        try:
            return self.show(read_trace(trace, OPENED), values)
        except (TraceError, EventError, OSError) as error:
            return {self.alert: alert(sentence_of(error))}

    def show(self, trace: Trace, values: Values) -> Updates:
        """Put a recorded run on the board, and what it was asked into the form: updates of `shown`.
        EventError: it does not fold."""
        run = self.runs.open(trace)
        if (running := self.runs.get(values[self.run_id])) is not None:
            running.stop()
        shown = {self.alert: alert(""), self.run_id: run.id, self.canvas: message(run, run.frames)}
        return shown | self.setups.of_run(run) | self.presets.left() | buttons(self, running=False)

    def on_preset(self, values: Values) -> Updates:
        """A repair was chosen: show its recorded run, and fill in everything that Run needs to decode it."""
        repair = self.presets.get(values[self.presets.choice])
        if repair is None:
            return self.presets.left()
        preset = repair.preset
        settings, scorer = dict(preset.settings), repair.scorer
        filling = Filling(preset.sampler, settings, scorer, preset.prompt, preset.seed, "")
        filled = self.setups.fill(filling) | {self.chat.switch: False}
        return self._opened(repair.trace, values) | filled | self.presets.chosen(repair)

    def on_presets(self, values: Values) -> Updates:
        """Presets are offered for the bundled model as it is."""
        return self.presets.follow(not values[self.attached])

    def on_sampler(self, values: Values) -> Updates:
        """Show what the sampler does, and its settings: those that the form was filled with, where they are
        of this sampler. With another sampler no preset is chosen any more."""
        sampler, filled = values[self.sampler], values[self.setups.filled]
        if filled and filled["sampler"] == sampler:
            return self.of_sampler(sampler, filled["settings"], filled["scorer"])
        length, block = (values[self.form.input(name)] for name in ("gen_length", "block_length"))
        blocks = int((length or 0) // block) if block else 1
        return {
            **self.of_sampler(sampler, {}, ""), **self.form.show(sampler, blocks), **self.presets.left(),
            **self.setups.menu.left(), self.setups.filled: NO_FILLING,
        }  # fmt: skip

    def of_sampler(self, sampler: str, settings: Mapping[str, Any], scorer: str) -> Updates:
        """What a sampler does, with given settings and a scorer; "" leaves the scorer as it is."""
        shown: dict[str, Any] = {"visible": entry(sampler).needs.scorer}
        if scorer:
            shown["value"] = scorer
        return {
            self.about: escape(about(sampler)), self.scorer.scorer: gr.update(**shown),
            **self.form.show_filled(sampler, settings),
        }  # fmt: skip

    def on_attached(self, values: Values) -> Updates:
        """Something was attached: choose a sampler that uses it. For a head the first that can use one, for a
        reward model the first that needs a scorer; without any head, settings that need one are reset."""
        try:
            using = self.attachments.using(values[self.attached])
        except RequestError:
            return no_change()
        if isinstance(using, Attached) and using.own_head is not None:
            user = head_users()[0]
            return {self.sampler: user.name, **self.form.fill(user.with_head)}
        if isinstance(using, Attached) and using.own_reward is not None:
            return {self.sampler: next(name for name, kind in SAMPLERS.items() if kind.needs.scorer)}
        if using.ups_head is None:
            without = {k: v for user in head_users() for k, v in user.without_head.items()}
            return self.form.fill(without)
        return no_change()

    def on_limits(self, values: Values) -> Updates:
        """Another model reads another number of cells."""
        loaded = self.attachments.using_or_bundled(values[self.attached]).loaded
        return self.form.limits(loaded.max_length if loaded is not None else None)

    def on_prompt(self, values: Values) -> Updates:
        """A hint when the prompt lies outside what the bundled model has learned."""
        using, prompt = self.attachments.using_or_bundled(values[self.attached]), values[self.prompt] or ""
        other = isinstance(using, Attached) and "model" in using.origins
        text = "" if other else hint(prompt, self.bundled.name)
        return {self.hint: f"<p>{escape(text)}</p>" if text else ""}

    def on_typed(self, values: Values) -> Updates:
        """More cells for a prompt that is known to need them."""
        using = self.attachments.using_or_bundled(values[self.attached])
        sizes = more_cells(using, values[self.prompt] or "", values[self.form.input("gen_length")])
        return {self.form.input(name): value for name, value in sizes.items()} or no_change()
