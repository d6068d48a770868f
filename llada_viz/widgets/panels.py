"""The panels under the canvas that the server draws, by plotly: to zoom, to hover over and to save. Which are
open is chosen in the canvas, whose script remembers it; only those are drawn."""

from __future__ import annotations

from typing import Any

import gradio as gr

from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.run_models import RunModels
from llada_viz.decoding.runs import Runs
from llada_viz.widgets.asked_panels import DependenciesPanel, RegretPanel
from llada_viz.widgets.event_panels import DraftsPanel, OrderPanel
from llada_viz.widgets.live import QUIET, Updates
from llada_viz.widgets.panel_card import GOES_ON, NO_RUN, Look, PanelCard

# The id of the run on the canvas and which panels are open, in the places of the last two inputs.
OPEN = """(...inputs) => {
  const { timeline } = document.querySelector('#canvas .lz').parentElement.tokenCanvas;
  return [...inputs.slice(0, -2), timeline?.run ?? '', window.LladaCanvas.openPanels().join(' ')];
}"""
DRAWN: dict[str, Any] = {"js": OPEN, "queue": False, "trigger_mode": "always_last", **QUIET}
"""A panel that is opened while others are being drawn is drawn after them."""


class Panels:
    """Of the run that the canvas shows."""

    def __init__(self, runs: Runs, models: RunModels, attachments: Attachments) -> None:
        self.runs, self.attachments = runs, attachments
        self.regret = RegretPanel(runs, models, attachments)
        self.dependencies = DependenciesPanel(runs, models, attachments)
        self.cards: list[PanelCard] = [OrderPanel(), DraftsPanel(), self.regret, self.dependencies]

    def build(self, run_id: gr.State, attached: gr.State, canvas: gr.HTML) -> None:
        """Lay them out, and connect them. run_id: of the run that the canvas shows; attached: what the page
        decodes with; canvas: its event `select` says that other panels were chosen."""
        with gr.Row(elem_classes="lz-drawn"):
            for card in self.cards:
                card.build()
        shown, chosen = gr.Textbox("", visible=False), gr.Textbox("", visible=False)
        self.inputs = [run_id, attached, shown, chosen]
        for event in (canvas.select, attached.change):
            event(self.draw, self.inputs, self.outputs, **DRAWN)
        self.regret.connect(run_id, attached, shown)
        self.dependencies.connect(run_id, attached, shown)

    def after(self, *events: Any) -> None:
        """Draw them anew when these are over."""
        for event in events:
            event.then(self.draw, self.inputs, self.outputs, **DRAWN)

    @property
    def outputs(self) -> list[Any]:
        return [component for card in self.cards for component in card.outputs]

    def draw(self, run_id: str, attached: str, shown: str, names: str) -> Updates:
        """The panels that are open. shown: the run on the canvas, where the page has begun none: the one that
        it opens with; names: of the panels, with spaces between them."""
        chosen, run = set(names.split()), self.runs.get(run_id or shown)
        text = NO_RUN if run is None or not run.events else "" if run.ended else GOES_ON
        updates: Updates = {}
        if run is None or text:
            for card in self.cards:
                updates |= card.empty(text)
            return updates
        look = Look(run, self.attachments.using_or_bundled(attached))
        for card in self.cards:
            updates |= card.drawn(look) if card.name in chosen else card.empty("")
        return updates
