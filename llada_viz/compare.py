"""The Compare tab: two to four samplers on one prompt and seed, live, in lock-step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from llada_viz.bundled import Bundled, Example
from llada_viz.canvas import Message
from llada_viz.compare_canvas import CompareCanvas, message
from llada_viz.comparison import MEASURES, Comparison, Comparisons
from llada_viz.lanes import SIZES, Chosen, Lanes
from llada_viz.runs import Run
from llada_viz.scope import problem_of
from llada_viz.visualize import MOST_PROMPT, NO_CHECKER, UPDATES_PER_SECOND, alert, buttons
from models.loading import ModelError
from samplers.batch import answer_text
from samplers.events import Finished, Started
from samplers.registry import entry
from samplers.requests import RequestError, Tools, prepare
from samplers.settings import SettingError
from tasks import TASKS

FIRST_EXAMPLE = 2
NEED_GOLD = ("word",)  # their checkers compare with an answer that a prompt alone does not have


class Compare:
    """Builds the tab; its methods are what its events do."""

    def __init__(self, bundled: Bundled, known: Comparisons) -> None:
        self.bundled, self.known = bundled, known
        self.first = bundled.examples[FIRST_EXAMPLE]
        self.lanes = Lanes("compare")

    def build(self) -> None:
        """Lay out the tab and connect its events."""
        with gr.Row(elem_classes="lz-page"):
            with gr.Column(elem_classes="lz-card lz-form", min_width=280):
                self._form()
            with gr.Column(elem_classes="lz-out", min_width=0):
                self.canvas = CompareCanvas(self.known, elem_id="compare-canvas")
        self.run_id = gr.State("")
        self._connect()

    def _form(self) -> None:
        self.prompt = gr.Textbox(self.first.prompt, label="Prompt", lines=4, elem_id="compare-prompt")
        with gr.Row(elem_classes="lz-examples"):
            self.examples = [gr.Button(e.label, size="sm", min_width=0) for e in self.bundled.examples]
        self.lanes.build()
        with gr.Row(elem_classes="lz-two"):
            self.sizes = [
                gr.Number(value, label=label, min_width=80, elem_id=f"compare-{name}")
                for (name, label, _), value in zip(SIZES, sizes_of(self.first), strict=True)
            ]
            self.seed = gr.Number(0, label="Seed", min_width=80, elem_id="compare-seed")
        self.measure = gr.Radio(
            list(MEASURES), value=MEASURES[0], label="In step by", elem_id="compare-measure",
            info="Sequences evaluated (NFE), or seconds of decoding.",
        )  # fmt: skip
        self.alert = gr.HTML(alert(self.bundled.problem), elem_id="compare-alert", apply_default_css=False)
        with gr.Row(elem_classes="lz-go"):
            self.start = gr.Button("Compare", variant="primary", elem_id="compare-run", min_width=80)
            self.stop = gr.Button("Stop", elem_id="compare-stop", min_width=80, interactive=False)

    def _connect(self) -> None:
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        ends = [self.start, self.stop]
        asked = [self.run_id, self.prompt, self.seed, self.measure, *self.sizes, *self.lanes.inputs]
        begun = self.start.click(
            self.on_start, asked, [self.alert, self.run_id, self.canvas, *ends],
            trigger_mode="once", concurrency_limit=None, **quiet,
        )  # fmt: skip
        decoding = begun.success(
            self.on_decode, self.run_id, self.canvas,
            trigger_mode="once", concurrency_id="gpu", concurrency_limit=1, **quiet,
        )  # fmt: skip
        decoding.then(lambda: buttons(running=False), None, ends, queue=False, **quiet)
        self.stop.click(
            self.on_stop, self.run_id, [self.canvas, *ends], cancels=[decoding], queue=False, **quiet
        )
        for button, example in zip(self.examples, self.bundled.examples, strict=True):
            values = (example.prompt, *sizes_of(example))
            button.click(lambda u=values: u, None, [self.prompt, *self.sizes], queue=False, **quiet)

    def on_start(
        self, old: str, prompt: str, seed: float, measure: str, *values: Any
    ) -> Iterator[tuple[Any, ...]]:
        """Check what was asked for; a refusal is a sentence, and the boards stay as they are."""
        try:
            if (before := self.known.get(old)) is not None and not before.ended:
                raise RequestError("a comparison is still going on; allowed: one at a time, press Stop first")
            comparison = self._prepare(prompt or "", seed, measure, values)
        except (RequestError, SettingError, ModelError, ValueError) as error:
            yield alert(f"{error}."), old, gr.skip(), *buttons(running=False)
            raise gr.Error(str(error), visible=False, print_exception=False) from None
        empty: list[list[Any]] = [[] for _ in comparison.runs]
        yield alert(""), comparison.id, message(comparison, empty, notice="Starting…"), *buttons(running=True)

    def _prepare(self, prompt: str, seed: Any, measure: str, values: tuple[Any, ...]) -> Comparison:
        if self.bundled.loaded is None:
            raise ModelError(self.bundled.problem.rstrip("."))
        if len(prompt) > MOST_PROMPT:
            raise RequestError(f"prompt has {len(prompt)} characters; allowed: at most {MOST_PROMPT}")
        if measure not in MEASURES:
            raise RequestError(f"in step by = {measure!r} is not valid; allowed: {', '.join(MEASURES)}")
        shared = {name: _whole(value) for (name, _, _), value in zip(SIZES, values, strict=False)}
        lanes = self.lanes.read(values[len(SIZES) :], {**shared, "early_stop": True}, least=2)
        task = problem_of(prompt)
        runs = [self._run(lane, prompt, _whole(seed), task) for lane in lanes]
        return self.known.add(Comparison(runs, measure, task))

    def _run(self, lane: Chosen, prompt: str, seed: Any, task: dict[str, Any] | None) -> Run:
        assert self.bundled.loaded is not None
        found = entry(lane.sampler)
        if found.cls.scored and task is None:
            raise RequestError(NO_CHECKER.format(title=found.title))
        tools = Tools(scorer="checker" if found.cls.scored else "")
        prepared = prepare(
            self.bundled.loaded, lane.sampler, lane.settings, tools, seed=seed, prompt=prompt, task=task
        )
        return Run(self.bundled.pieces, self.bundled.name, prepared.stream())

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
        assert self.bundled.loaded is not None
        text = answer_text(self.bundled.loaded, list(last.tokens[0][first.prompt_length :]))
        task = TASKS[comparison.task["name"]]
        return "right" if task.check(comparison.task["problem"], text).correct else "wrong"


def sizes_of(example: Example) -> list[int]:
    """The sizes that an example is decoded with."""
    return [example.settings.get(name, usual) for name, _, usual in SIZES]


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
