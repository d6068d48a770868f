"""The Compare tab: two to four samplers on one prompt and seed, live, in lock-step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import Bundled, Example
from llada_viz.decoding.comparison import MEASURES, Comparison, Comparisons
from llada_viz.decoding.runs import Run
from llada_viz.widgets.attached_bar import AttachedBar
from llada_viz.widgets.canvas import Message
from llada_viz.widgets.compare_canvas import CompareCanvas, message
from llada_viz.widgets.lanes import SIZES, Lanes
from llada_viz.widgets.live import (
    UPDATES_PER_SECOND,
    alert,
    buttons,
    checked_prompt,
    example_buttons,
    fill_from,
    prepared,
    usual,
    whole,
    wire,
)
from models.loading import ModelError
from samplers.batch import answer_text
from samplers.events import Finished, Started
from samplers.requests import RequestError
from samplers.settings import SettingError
from tasks import TASKS
from tasks.recognise import problem_of

FIRST_EXAMPLE = 2
NEED_GOLD = ("word",)  # their checkers compare with an answer that a prompt alone does not have


class Compare:
    """Builds the tab; its methods are what its events do."""

    def __init__(self, bundled: Bundled, known: Comparisons, attachments: Attachments | None = None) -> None:
        self.bundled, self.known = bundled, known
        self.attachments = attachments or Attachments(bundled)
        self.bar = AttachedBar(self.attachments, "compare")
        self.first = bundled.examples[FIRST_EXAMPLE]
        self.lanes = Lanes("compare")

    def build(self, attached: gr.State | None = None) -> None:
        """Lay out the tab and connect its events. attached: the page's state, an id of Attachments."""
        self.attached = attached or gr.State("")
        with gr.Row(elem_classes="lz-page"):
            with gr.Column(elem_classes="lz-card lz-form", min_width=280):
                self._form()
            with gr.Column(elem_classes="lz-out", min_width=0):
                self.canvas = CompareCanvas(self.known, elem_id="compare-canvas")
        self.run_id = gr.State("")
        self._connect()

    def _form(self) -> None:
        self.bar.build(self.attached)
        self.prompt = gr.Textbox(self.first.prompt, label="Prompt", lines=4, elem_id="compare-prompt")
        self.examples = example_buttons(self.bundled)
        self.lanes.build()
        with gr.Row(elem_classes="lz-two"):
            self.sizes = [
                gr.Number(value, label=label, min_width=80, elem_id=f"compare-{name}")
                for (name, label, _), value in zip(SIZES, sizes_of(self.first), strict=True)
            ]
            self.seed = gr.Number(0, label="Seed", min_width=80, elem_id="compare-seed")
        self.bar.scorer_input(visible=bool(self.bundled.rewards), follows=True)
        self.measure = gr.Radio(
            list(MEASURES), value=MEASURES[0], label="In step by", elem_id="compare-measure",
            info="Sequences evaluated (NFE), or seconds of decoding.",
        )  # fmt: skip
        self.alert = gr.HTML(alert(self.bundled.problem), elem_id="compare-alert", apply_default_css=False)
        with gr.Row(elem_classes="lz-go"):
            self.start = gr.Button("Compare", variant="primary", elem_id="compare-run", min_width=80)
            self.stop = gr.Button("Stop", elem_id="compare-stop", min_width=80, interactive=False)

    def _connect(self) -> None:
        extra = [self.attached, self.bar.scorer]
        asked = [self.prompt, self.seed, self.measure, *extra, *self.sizes, *self.lanes.inputs]
        self.bar.connect()
        wire(self, self.on_start, asked, lambda _: buttons(running=False))
        for button, example in zip(self.examples, self.bundled.examples, strict=True):
            fill_from(button, [example.prompt, *sizes_of(example)], [self.prompt, *self.sizes])

    def on_start(
        self, old: str, prompt: str, seed: float, measure: str, attached: str, scorer: str, *values: Any
    ) -> Iterator[tuple[Any, ...]]:
        """Check what was asked for; a refusal is a sentence, and the boards stay as they are."""
        try:
            if (before := self.known.get(old)) is not None and not before.ended:
                raise RequestError("a comparison is still going on; allowed: one at a time, press Stop first")
            comparison = self._prepare(prompt, seed, measure, attached, scorer, values)
        except (RequestError, SettingError, ModelError, ValueError) as error:
            yield alert(f"{error}."), old, gr.skip(), *buttons(running=False)
            raise gr.Error(str(error), visible=False, print_exception=False) from None
        empty: list[list[Any]] = [[] for _ in comparison.runs]
        yield alert(""), comparison.id, message(comparison, empty, notice="Starting…"), *buttons(running=True)

    def _prepare(
        self, prompt: str, seed: Any, measure: str, attached: str, scorer: str, values: tuple[Any, ...]
    ) -> Comparison:
        using = self.attachments.using(attached)
        text = checked_prompt(using, prompt)
        if measure not in MEASURES:
            raise RequestError(f"in step by = {measure!r} is not valid; allowed: {', '.join(MEASURES)}")
        shared = {name: whole(value) for (name, _, _), value in zip(SIZES, values, strict=False)}
        lanes = self.lanes.read(values[len(SIZES) :], {**shared, "early_stop": True}, 2, usual(using))
        ready = [prepared(using, lane.sampler, lane.settings, text, seed, scorer=scorer) for lane in lanes]
        runs = [Run(using.pieces, using.name, one.stream()) for one in ready]
        return self.known.add(Comparison(runs, measure, problem_of(text), using.loaded))

    def on_decode(self, run_id: str) -> Iterator[Message]:
        """Decode all in lock-step, and send the frames about 30 times a second."""
        comparison = self.known.get(run_id)
        if comparison is None:
            return
        try:
            while any(lanes := comparison.advance(1 / UPDATES_PER_SECOND)):
                yield message(comparison, lanes)
            yield message(comparison, lanes, self.verdicts(comparison))
        finally:
            comparison.stop()

    def on_stop(self, run_id: str) -> tuple[Any, ...]:
        """End all runs; what they wrote stays."""
        comparison = self.known.get(run_id)
        if comparison is None:
            return gr.skip(), *buttons(running=False)
        comparison.stop()
        last = [run.frames[-1:] for run in comparison.runs]
        said = "" if any(last) else "Stopped before it began."
        return message(comparison, last, notice=said), *buttons(running=False)

    def verdicts(self, comparison: Comparison) -> list[str]:
        """right or wrong for each lane, by the exact checker of the bundled tasks; "" elsewhere."""
        return [self._verdict(comparison, run) for run in comparison.runs]

    def _verdict(self, comparison: Comparison, run: Run) -> str:
        if comparison.task is None or comparison.task["name"] in NEED_GOLD or not run.events:
            return ""
        first, last = run.events[0], run.events[-1]
        if not isinstance(first, Started) or not isinstance(last, Finished):
            return ""
        assert comparison.loaded is not None
        text = answer_text(comparison.loaded, list(last.tokens[0][first.prompt_length :]))
        task = TASKS[comparison.task["name"]]
        return "right" if task.check(comparison.task["problem"], text).correct else "wrong"


def sizes_of(example: Example) -> list[int]:
    """The sizes that an example is decoded with."""
    return [example.settings.get(name, usual) for name, _, usual in SIZES]
