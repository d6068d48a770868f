"""The places of the plotly figures on the page: an evaluation's plots of accuracy against cost, a run's map
of confidence by position and step."""

from __future__ import annotations

from typing import Any

import gradio as gr

from evaluation.runs.report import Report
from llada_viz.decoding.runs import Runs
from llada_viz.render.figures import confidence_map, pareto
from llada_viz.widgets.live import QUIET, Updates

NO_RUN = "<p class='lz-about'>No run yet. Press Run, or open a saved trace.</p>"
GOES_ON = "<p class='lz-about'>The run goes on: this is how far it was.</p>"


def pareto_plot() -> gr.Plot:
    """The place of an evaluation's accuracy against its cost, empty."""
    return gr.Plot(visible=False, show_label=False, elem_id="evaluate-pareto")


def drawn_pareto(report: Report | None) -> Any:
    """The figure, or nothing where no sampler has an accuracy yet."""
    figure = pareto(report.summaries) if report is not None else None
    return gr.update(value=figure, visible=figure is not None)


class MapPlot:
    """Confidence by position and step, of the run that is shown. Drawn when its accordion is opened; another
    run closes it."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs

    def build(self, run_id: gr.State) -> None:
        """Lay it out, closed. run_id: the page's state, the id of the run that the canvas shows."""
        with gr.Accordion(
            "Position × step, to zoom and to save", open=False, elem_classes="lz-more", elem_id="map"
        ) as self.fold:
            self.about = gr.HTML(apply_default_css=False)
            self.plot = gr.Plot(show_label=False, elem_id="map-plot", visible=False)
        self.fold.expand(self.draw, run_id, [self.about, self.plot], queue=False, **QUIET)

    def closed(self) -> Updates:
        """Another run is shown."""
        return {self.fold: gr.update(open=False)}

    def draw(self, run_id: str) -> tuple[str, Any]:
        """What stood in each cell after each step, and how sure it was."""
        run = self.runs.get(run_id)
        if run is None or not run.events:
            return NO_RUN, gr.update(visible=False)
        trace = run.trace()
        figure = confidence_map(trace.events, trace.pieces)
        return "" if run.ended else GOES_ON, gr.update(value=figure, visible=True)
