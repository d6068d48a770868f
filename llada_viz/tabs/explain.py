"""The Explain tab: how masked diffusion writes, in five experiments with the bundled model, and a card for
each sampler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.comparison import MEASURES, Comparison, Comparisons
from llada_viz.decoding.entrance import ENTRANCE
from llada_viz.decoding.experiments import Experiment, experiments
from llada_viz.decoding.preparing import prepare_run
from llada_viz.decoding.runs import Run
from llada_viz.render.explain import BEGIN, experiment_text, question, sampler_cards
from llada_viz.widgets.canvas import Message
from llada_viz.widgets.compare_canvas import CompareCanvas, message, notice, stopped
from llada_viz.widgets.live import (
    QUIET,
    Updates,
    Values,
    alert,
    checked_prompt,
    refusal,
    streamed,
)
from llada_viz.widgets.starting import buttons, start_and_stop, wire
from models.checkpoint import ModelError
from samplers.requests import RequestError
from samplers.settings import SettingError

GOES_ON = "An experiment is still going on: press Stop first."


class Explain:
    """Builds the tab. The methods `on_…` are its event handlers."""

    idle, busy = "Compare", "Comparing…"

    def __init__(self, bundled: Bundled, comparisons: Comparisons, attachments: Attachments) -> None:
        self.bundled, self.comparisons, self.attachments = bundled, comparisons, attachments
        self.experiments = experiments()

    def build(self) -> None:
        """Lay out the tab and connect its events."""
        with gr.Row(elem_classes="lz-page lz-alone lz-above"):
            gr.HTML(
                f"<h2>How masked diffusion writes</h2><p>{BEGIN}</p>",
                elem_classes="lz-explain",
                apply_default_css=False,
            )
        with gr.Row(elem_classes="lz-page"):
            with gr.Column(elem_classes="lz-card lz-form", min_width=280):
                titles = [(f"{n}. {one.title}", n - 1) for n, one in enumerate(self.experiments, 1)]
                self.choice = gr.Radio(titles, value=0, label="Experiment", elem_id="explain-choice")
                self.seed = gr.Number(
                    0, label="Seed", info="Another seed, another run.", precision=0, elem_id="explain-seed"
                )
                self.alert, self.start, self.stop = start_and_stop(
                    self.idle, self.bundled.problem, "explain-"
                )
            with gr.Column(elem_classes="lz-out", min_width=0):
                self.text = gr.HTML(
                    self._text(0), elem_classes="lz-explain", apply_default_css=False, elem_id="explain-text"
                )
                self.canvas = CompareCanvas(self.comparisons, elem_id="explain-canvas")
                self.look = gr.HTML(
                    question(self.experiments[0]),
                    elem_classes="lz-explain",
                    apply_default_css=False,
                    elem_id="explain-look",
                )
        with gr.Row(elem_classes="lz-page lz-alone"):
            gr.HTML(
                f"<h2>How each sampler writes</h2>{sampler_cards()}",
                elem_classes="lz-explain",
                apply_default_css=False,
            )
        self.run_id = gr.State("")
        self._connect()

    def _connect(self) -> None:
        inputs = {self.choice, self.seed}
        wire(self, self.on_start, inputs, lambda _: buttons(self, running=False))
        self.choice.change(self.on_choice, {self.choice}, [self.text, self.look], queue=False, **QUIET)

    def _chosen(self, number: Any) -> Experiment:
        if not isinstance(number, int) or not 0 <= number < len(self.experiments):
            raise RequestError(f"experiment = {number!r}; allowed: 0 to {len(self.experiments) - 1}")
        return self.experiments[number]

    def _text(self, number: int) -> str:
        experiment = self.experiments[number]
        return experiment_text(number + 1, experiment, experiment.asked(self.bundled)[0])

    def on_choice(self, values: Values) -> Updates:
        """Another experiment: its text and its question."""
        experiment = self._chosen(values[self.choice])
        return {self.text: self._text(values[self.choice]), self.look: question(experiment)}

    def on_start(self, values: Values) -> Iterator[Updates]:
        """Begin the chosen experiment; a refusal is a sentence, and the boards stay as they are."""
        try:
            before = self.comparisons.get(values[self.run_id])
            if before is not None and not before.ended:
                raise RequestError("an experiment is still going on", GOES_ON)
            comparison = self._prepare(self._chosen(values[self.choice]), values[self.seed])
        except (RequestError, SettingError, ModelError) as error:
            update, ending = refusal(error, self.alert)
            yield update | buttons(self, running=False)
            raise ending from None
        begun = notice(comparison, ENTRANCE.notice() or "Starting…")
        yield {
            self.alert: alert(""), self.run_id: comparison.id, self.canvas: begun,
            **buttons(self, running=True),
        }  # fmt: skip

    def _prepare(self, experiment: Experiment, seed: Any) -> Comparison:
        using = self.attachments.using("")  # the bundled model, whatever is attached
        prompt, answer = experiment.asked(self.bundled)
        text, golds = checked_prompt(using, prompt), {" ".join(prompt.split()): answer}
        of_task = self.bundled.settings_of(experiment.task)
        ready = [
            prepare_run(using, one.sampler, one.settings_for(of_task), text, seed, scorer=one.scorer)
            for one in experiment.tries
        ]
        runs = [Run(using.pieces, using.name, one.stream(), golds=golds, place=one.place) for one in ready]
        names = [one.label for one in experiment.tries]
        return self.comparisons.add(Comparison(runs, MEASURES[0], names=names))

    def on_decode(self, run_id: str, visitor: str = "") -> Iterator[Message]:
        """Decode all tries in step, and send their frames. visitor: whose runs they are."""
        comparison = self.comparisons.get(run_id)
        if comparison is not None:
            yield from streamed(comparison, message, notice, visitor)

    def on_stop(self, values: Values) -> Updates:
        """End all tries; what they have written stays on the page."""
        comparison = self.comparisons.get(values[self.run_id])
        if comparison is None:
            return buttons(self, running=False)
        return {self.canvas: stopped(comparison), **buttons(self, running=False)}
