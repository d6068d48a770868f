"""The offer to load the model of a run that can only be watched: the Models tab opens, with its name."""

from __future__ import annotations

import gradio as gr

from llada_viz.decoding.cell_questions import offer_for
from llada_viz.decoding.model_choice import offers
from llada_viz.tabs.models import OTHER, Models
from llada_viz.tabs.visualize import Visualize
from llada_viz.widgets.live import QUIET, Updates, Values, no_change


def offer_models(visualize: Visualize, models: Models, tabs: gr.Tabs) -> None:
    """Connect it, once both tabs are laid out."""
    branching, attached = visualize.branching, visualize.attached

    def load(values: Values, event: gr.EventData) -> Updates:
        run = branching.run_of(event._data)
        using = visualize.attachments.using_or_bundled(values[attached])
        if run is None or offer_for(run, using) != "models":
            return no_change()
        listed = run.model in [name for _, name in offers()]
        named = {models.model: run.model} if listed else {models.model: OTHER, models.named: run.model}
        return {tabs: gr.Tabs(selected="models"), **named}

    shown = [tabs, models.model, models.named]
    visualize.canvas.retry(load, {attached}, shown, queue=False, **QUIET)
