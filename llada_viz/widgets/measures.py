"""The card of measures under the canvas: shown when a run has ended."""

from __future__ import annotations

from typing import Any

import gradio as gr

from llada_viz.decoding.runs import Run, Runs
from llada_viz.render.measures import panel
from llada_viz.widgets.live import QUIET, Updates
from samplers.measuring.judges import ends_among
from samplers.measuring.measures_command import measured
from samplers.registry import SAMPLERS


class MeasuresPanel:
    """Of the run that the canvas shows."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs

    def build(self, run_id: gr.State) -> None:
        """Lay it out, hidden. run_id: the page's state, the id of the run that the canvas shows."""
        self.run_id = run_id
        with gr.Column(
            visible=False, elem_classes="lz-measures", elem_id="measures", min_width=0
        ) as self.card:
            self.facts = gr.HTML(apply_default_css=False)

    def after(self, *events: Any) -> None:
        """Draw it anew when these are over."""
        for event in events:
            event.then(self.draw, self.run_id, self.outputs, queue=False, **QUIET)

    @property
    def outputs(self) -> list[Any]:
        return [self.card, self.facts]

    def draw(self, run_id: str) -> Updates:
        """What the run did; nothing while it goes on."""
        run = self.runs.get(run_id)
        if run is None or not run.ended or not run.events:
            return {self.card: gr.update(visible=False), self.facts: ""}
        trace = run.trace()
        data = measured(trace.events, trace.pieces, ends_among(trace.pieces), run.gold)
        return {self.card: gr.update(visible=True), self.facts: panel(data, can_draft(run))}


def can_draft(run: Run) -> bool:
    """Whether its sampler has the setting `drafts`."""
    sampler = SAMPLERS.get(str(getattr(run.events[0], "settings", {}).get("sampler")))
    return sampler is not None and any(setting.name == "drafts" for setting in sampler.settings)
