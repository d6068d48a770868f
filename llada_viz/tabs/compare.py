"""The Compare tab: two to four samplers on one prompt and seed, live, in lock-step; and saved traces beside
them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import Bundled, Example
from llada_viz.decoding.comparison import MEASURES, Asked, Comparison, Comparisons, different_names
from llada_viz.decoding.entrance import ENTRANCE
from llada_viz.decoding.kept import kept_lanes, size_ranges
from llada_viz.decoding.line_up import MOST_LANES, SIZES, lanes_of
from llada_viz.decoding.preparing import prepare_run
from llada_viz.decoding.runs import OPENED, Run, recorded
from llada_viz.decoding.setups import setup_of
from llada_viz.export.exports import Exports
from llada_viz.gallery.shelf import Shelf
from llada_viz.widgets.canvas import Message
from llada_viz.widgets.compare_canvas import CompareCanvas, message, notice, stopped, whole
from llada_viz.widgets.kept_form import KeptForm
from llada_viz.widgets.lane_presets import LanePresets
from llada_viz.widgets.line_up import LineUp
from llada_viz.widgets.live import (
    QUIET,
    Updates,
    Values,
    alert,
    checked_prompt,
    example_buttons,
    head_settings,
    more_cells,
    refusal,
    streamed,
    without_fraction,
)
from llada_viz.widgets.scorer_input import ScorerInput
from llada_viz.widgets.starting import buttons, start_and_stop, wire
from llada_viz.widgets.staying_form import StayingForm
from models.checkpoint import ModelError
from samplers.events import EventError
from samplers.recording.traces import TraceError, read_trace
from samplers.requests import RequestError
from samplers.settings import SettingError, sentence_of

FIRST_EXAMPLE = 2
GOES_ON = "A comparison is still going on: press Stop first."


class Compare:
    """Builds the tab. The methods `on_…` are its event handlers."""

    idle, busy = "Compare", "Comparing…"

    def __init__(
        self, bundled: Bundled, comparisons: Comparisons, attachments: Attachments | None = None,
        exports: Exports | None = None, shelf: Shelf | None = None,
    ) -> None:  # fmt: skip
        self.bundled, self.comparisons, self.exports, self.shelf = bundled, comparisons, exports, shelf
        self.attachments = attachments or Attachments(bundled)
        self.scorer = ScorerInput(self.attachments, "compare", always=True)
        self.first = bundled.examples[FIRST_EXAMPLE]
        self.staying = StayingForm("compare", self.back, lambda: self.kept.first())

    def build(self, attached: gr.State | None = None) -> None:
        """Lay out the tab and connect its events. attached: the page's state with the id of an attachment."""
        self.attached = attached or gr.State("")
        with gr.Row(elem_classes="lz-page"):
            with gr.Column(elem_classes="lz-card lz-form", min_width=280):
                self._form()
                self.alert, self.start, self.stop = start_and_stop(
                    self.idle, self.bundled.problem, "compare-"
                )
            with gr.Column(elem_classes="lz-out", min_width=0):
                self.canvas = CompareCanvas(
                    self.comparisons, acts=True, exports=self.exports, shelf=self.shelf,
                    elem_id="compare-canvas",
                )  # fmt: skip
        self.run_id = gr.State("")
        self._connect()

    def _form(self) -> None:
        self.staying.build_words()
        self.prompt = gr.Textbox(self.first.prompt, label="Prompt", lines=4, elem_id="compare-prompt")
        self.examples = example_buttons(self.bundled)
        usual = head_settings(self.attachments.using_or_bundled(""))
        self.lanes = LineUp(least=2, usual=usual, elem_id="compare-lanes")
        self.presets = LanePresets("compare", self.attachments)
        self.presets.build()
        with gr.Row(elem_classes="lz-two"):
            self.sizes = [
                gr.Number(value, label=label, min_width=80, elem_id=f"compare-{name}")
                for (name, label, _), value in zip(SIZES, sizes_of(self.first), strict=True)
            ]
            self.seed = gr.Number(0, label="Seed", min_width=80, elem_id="compare-seed")
        self.scorer.build(visible=bool(self.bundled.rewards))
        self.measure = gr.Radio(
            list(MEASURES), value=MEASURES[0], label="Keep in step by", elem_id="compare-measure",
            info="Sequences evaluated (NFE), or seconds of decoding.",
        )  # fmt: skip
        self.opener = gr.UploadButton(
            "Open a saved trace beside", elem_id="compare-open", size="sm", elem_classes="lz-open"
        )
        self.staying.build_reset()

    def _connect(self) -> None:
        inputs = {self.prompt, self.seed, self.measure, self.attached, self.scorer.scorer, *self.sizes}
        self.scorer.follow(self.attached, *self.sizes)
        sizes = {name: component for (name, _, _), component in zip(SIZES, self.sizes, strict=True)}
        self.presets.connect(self.attached, self.lanes, sizes, self.scorer.scorer)
        wire(self, self.on_start, inputs | {self.lanes}, lambda _: buttons(self, running=False))
        self.shown = shown = [self.alert, self.run_id, self.canvas, self.start, self.stop]
        self.opener.upload(
            self.on_open, {self.opener, self.run_id}, shown, trigger_mode="always_last", **QUIET
        )
        self.staying.connect(self.kept, [*self.kept.fields.values()])
        typed = {"trigger_mode": "always_last", "queue": False, **QUIET}
        read: set[Any] = {self.prompt, self.attached, self.sizes[0]}
        self.prompt.input(self.on_prompt, read, self.sizes, **typed)
        for button, example in zip(self.examples, self.bundled.examples, strict=True):
            filled = [self.prompt, *self.sizes, self.scorer.of_adapter]
            button.click(self._filler(example), {self.attached}, filled, queue=False, **QUIET)

    def _filler(self, example: Example) -> Any:
        """The handler of an example's button: fills in its prompt, and sizes that suit the model in use."""

        def fill(values: Values) -> Updates:
            sizes = sizes_of(example)
            using = self.attachments.using_or_bundled(values[self.attached])
            wanted = using.steps_for(*sizes[:2])
            return {
                self.prompt: example.prompt,
                **dict(zip(self.sizes, [*sizes[:2], wanted or sizes[2]], strict=True)),
                **self.scorer.filled(using),
            }

        return fill

    def when_opened(self, page: gr.Blocks) -> None:
        """When the page opens: the form as it was, and the visitor's own presets."""
        self.staying.on_load(page)
        self.presets.on_load(page)

    @property
    def kept(self) -> KeptForm:
        """What stays through a refresh."""
        fields = {
            "prompt": self.prompt, "lanes": self.lanes, "seed": self.seed, "measure": self.measure,
            "scorer": self.scorer.scorer, **dict(zip(size_ranges(), self.sizes, strict=True)),
        }  # fmt: skip
        return KeptForm("compare", fields, size_ranges())

    def back(self, right: dict[str, Any], wrong: dict[str, str]) -> Updates:
        """The form as a browser kept it."""
        sizes = dict(zip(size_ranges(), sizes_of(self.first), strict=True))
        usual = head_settings(self.attachments.using_or_bundled(""))
        right |= kept_lanes(right, wrong, sizes, 2, usual) | {"scorer": self.scorer.kept(right, wrong)}
        return {component: right.get(name, component.value) for name, component in self.kept.fields.items()}

    def on_prompt(self, values: Values) -> Updates:
        """More cells for a prompt that is known to need them."""
        using = self.attachments.using_or_bundled(values[self.attached])
        sizes = more_cells(using, values[self.prompt] or "", values[self.sizes[0]])
        return {c: sizes.get(name, gr.update()) for c, (name, _, _) in zip(self.sizes, SIZES, strict=True)}

    def on_start(self, values: Values) -> Iterator[Updates]:
        """Check what was asked for; a refusal is a sentence, and the boards stay as they are."""
        try:
            before = self.comparisons.get(values[self.run_id])
            if before is not None and not before.ended:
                raise RequestError("a comparison is still going on", GOES_ON)
            comparison = self._prepare(values)
        except (RequestError, SettingError, ModelError, ValueError) as error:
            update, ending = refusal(error, self.alert)
            yield update | buttons(self, running=False)
            raise ending from None
        begun = notice(comparison, ENTRANCE.notice() or "Starting…")
        yield {
            self.alert: alert(""), self.run_id: comparison.id, self.canvas: begun,
            **buttons(self, running=True),
        }  # fmt: skip

    def _prepare(self, values: Values) -> Comparison:
        using = self.attachments.using(values[self.attached])
        text = checked_prompt(using, values[self.prompt])
        if (measure := values[self.measure]) not in MEASURES:
            raise RequestError(f"measure = {measure!r} is not valid; allowed: {', '.join(MEASURES)}")
        sizes = zip(SIZES, self.sizes, strict=True)
        shared = {name: without_fraction(values[component]) for (name, _, _), component in sizes}
        lanes = lanes_of(values[self.lanes], {**shared, "early_stop": True}, 2, head_settings(using))
        scorer, seed = values[self.scorer.scorer], values[self.seed]
        runs = []
        for lane in lanes:
            ready = prepare_run(using, lane.sampler, lane.settings, text, seed, scorer=scorer)
            setup = setup_of(
                using, lane.sampler, lane.settings, text, without_fraction(seed), scorer=scorer or ""
            )
            runs.append(
                Run(
                    using.pieces, using.name, ready.stream(), golds=self.bundled.golds, place=ready.place,
                    setup=setup,
                )
            )  # fmt: skip
        asked = Asked(text, values[self.lanes], shared, seed, scorer)
        return self.comparisons.add(Comparison(runs, measure, [lane.label for lane in lanes], asked))

    def on_decode(self, run_id: str, visitor: str = "") -> Iterator[Message]:
        """Decode all runs in step, and send their frames. visitor: whose runs they are."""
        comparison = self.comparisons.get(run_id)
        if comparison is not None:
            yield from streamed(comparison, message, notice, visitor)

    def on_open(self, values: Values) -> Updates:
        """Put a saved trace beside what was compared, or begin with it; a file that is no trace is a
        sentence, and the boards stay."""
        before = self.comparisons.get(values[self.run_id])
        try:
            if before is not None and not before.ended:
                raise TraceError(GOES_ON)
            runs = [] if before is None else [run for run in before.runs if run.frames]
            if len(runs) >= MOST_LANES:
                beside = MOST_LANES - 1
                raise TraceError(f"{len(runs)} boards are there; allowed: a trace beside at most {beside}")
            runs.append(recorded(read_trace(values[self.opener] or "", OPENED), self.bundled.golds))
        except (TraceError, EventError, OSError) as error:
            return {self.alert: alert(sentence_of(error))}
        named = before.names if before is not None and len(before.names) == len(runs) - 1 else ()
        return self._show(runs, named)

    def show(self, runs: list[Run], values: Values) -> Updates:
        """Put recorded runs side by side: updates of `shown`. TraceError: too few, too many, or a comparison
        goes on."""
        if (before := self.comparisons.get(values[self.run_id])) is not None and not before.ended:
            raise TraceError(GOES_ON)
        if not 2 <= len(runs) <= MOST_LANES:
            raise TraceError(f"{len(runs)} traces were chosen; allowed: 2 to {MOST_LANES}")
        return self._show(runs)

    def _show(self, runs: list[Run], named: Sequence[str] = ()) -> Updates:
        """Show recorded runs. named: names of the first of them."""
        names = different_names([*named, *(run.layout.sampler for run in runs[len(named) :])])
        comparison = self.comparisons.add(Comparison(runs, MEASURES[0], names))  # a trace knows no seconds
        return {
            self.alert: alert(""), self.run_id: comparison.id, self.canvas: whole(comparison),
            **buttons(self, running=False),
        }  # fmt: skip

    def on_stop(self, values: Values) -> Updates:
        """End all runs; what they have written stays on the page."""
        comparison = self.comparisons.get(values[self.run_id])
        if comparison is None:
            return buttons(self, running=False)
        return {self.canvas: stopped(comparison), **buttons(self, running=False)}


def sizes_of(example: Example) -> list[int]:
    """The sizes that an example is decoded with."""
    return [example.settings.get(name, default) for name, _, default in SIZES]
