"""A panel under the canvas that the server draws: its title, a sentence, a plotly figure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

import gradio as gr
import plotly.graph_objects as go

from llada_viz.decoding.attached import Using
from llada_viz.decoding.runs import Run
from llada_viz.widgets.live import Updates
from samplers.measuring.judges import ends_among
from samplers.measuring.row_log import Recorder, recorded

NO_RUN = "No run yet. Press Run, or open a saved trace."
GOES_ON = "The run goes on. This is drawn when it ends."


@dataclass(frozen=True)
class Look:
    """What the panels are drawn of. run: with at least one event; using: what the page decodes with now."""

    run: Run
    using: Using

    @cached_property
    def recorder(self) -> Recorder:
        """The run's writes and drafts."""
        return recorded(self.run.events, ends_among(self.run.trace().pieces), full_drafts=True)


class PanelCard:
    """Lays one out. name: in the menu (assets/canvas/panels.mjs) and in its id; about: what it shows."""

    name, title, about = "", "", ""

    def build(self) -> None:
        """Lay it out; the page's script shows it where it is chosen."""
        with gr.Column(elem_id=f"panel-{self.name}", elem_classes="lz-drawn-card", min_width=0):
            head = f"<h3>{escape(self.title)}</h3><p>{escape(self.about)}</p>"
            gr.HTML(head, elem_classes="lz-drawn-head", apply_default_css=False)
            self.controls()
            self.said = gr.HTML(sentence(NO_RUN), elem_id=f"said-{self.name}", apply_default_css=False)
            self.plot = gr.Plot(visible=False, show_label=False, elem_id=f"plot-{self.name}")

    def controls(self) -> None:
        """Lay out what stands between the title and the sentence."""

    @property
    def outputs(self) -> list[Any]:
        """The components that `drawn` and `empty` update."""
        return [self.said, self.plot]

    def drawn(self, look: Look) -> Updates:
        """The panel of a run that has ended."""
        raise NotImplementedError

    def empty(self, text: str) -> Updates:
        """The panel without a figure; "": with nothing at all, for it is closed."""
        return self.shown(text, None)

    def shown(self, text: str, figure: go.Figure | None) -> Updates:
        """A sentence, and a figure or none."""
        return {
            self.said: sentence(text),
            self.plot: gr.update(value=figure, visible=figure is not None),
        }


def sentence(text: str) -> str:
    """A sentence of a panel; "" for none."""
    return f'<p role="status">{escape(text)}</p>' if text else ""
