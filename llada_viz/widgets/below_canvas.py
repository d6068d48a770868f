"""What stands below the canvas of a run: its panels, its measures, and its map of position and step."""

from __future__ import annotations

from typing import Any

import gradio as gr

from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.run_models import RunModels
from llada_viz.decoding.runs import Runs
from llada_viz.widgets.live import Updates, Values
from llada_viz.widgets.measures import MeasuresPanel
from llada_viz.widgets.panels import Panels
from llada_viz.widgets.plots import MapPlot


class BelowCanvas:
    """Of the run that the canvas shows."""

    def __init__(self, runs: Runs, models: RunModels, attachments: Attachments) -> None:
        self.panels = Panels(runs, models, attachments)
        self.measures, self.map = MeasuresPanel(runs), MapPlot(runs)

    def build(self, run_id: gr.State, attached: gr.State, canvas: gr.HTML) -> None:
        """Lay it out. run_id: the page's state, the id of the run that the canvas shows; attached: what the
        page decodes with."""
        self.run_id = run_id
        self.panels.build(run_id, attached, canvas)
        self.measures.build(run_id)
        self.map.build(run_id)

    @property
    def inputs(self) -> list[Any]:
        """What `shown` reads, in the browser with the script panels.OPEN."""
        return self.panels.inputs

    @property
    def outputs(self) -> list[Any]:
        """What `shown` updates."""
        return [*self.panels.outputs, *self.measures.outputs, self.map.fold]

    def shown(self, values: Values) -> Updates:
        """Another run is on the canvas."""
        panels = self.panels.draw(*(values[component] for component in self.inputs))
        return {**panels, **self.measures.draw(values[self.run_id]), **self.map.closed()}

    def after(self, *events: Any) -> None:
        """Say what the run did when these are over."""
        self.panels.after(*events)
        self.measures.after(*events)
