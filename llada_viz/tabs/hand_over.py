"""What the Compare tab hands to others: a lane to Visualize, its samplers to Evaluate."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr

from llada_viz.decoding.comparison import Asked
from llada_viz.tabs.compare import Compare
from llada_viz.tabs.evaluate import Evaluate
from llada_viz.tabs.visualize import Visualize
from llada_viz.widgets.live import QUIET, Updates, alert
from tasks.recognise import kind_of

ROWS = 50
GONE = "The server no longer has this comparison: press Compare"


class HandOver:
    """Connects the buttons on Compare's boards. tabs: of the page."""

    def __init__(self, compare: Compare, visualize: Visualize, evaluate: Evaluate, tabs: gr.Tabs) -> None:
        self.compare, self.visualize, self.evaluate, self.tabs = compare, visualize, evaluate, tabs

    def connect(self) -> None:
        """Connect the events; the tabs must have been built."""
        compare, visualize, form = self.compare, self.visualize, self.evaluate.form
        asked: set[Any] = {compare.run_id, visualize.run_id}
        shown = [compare.alert, self.tabs, *visualize.shown]
        compare.canvas.select(self.on_open, asked, shown, **QUIET)
        filled = [*form.shown, form.lanes, form.seed, form.scorer, self.evaluate.note]
        asked = {compare.run_id, compare.attached, form.source, form.path}
        compare.canvas.submit(self.on_evaluate, asked, [compare.alert, self.tabs, *filled], **QUIET)

    def on_open(self, values: Mapping[Any, Any], event: gr.EventData) -> Updates:
        """Show the run of a lane in Visualize, with its slider at the end."""
        run = self.compare.comparisons.run_of(values[self.compare.run_id], event.lane)
        if run is None:
            return {self.compare.alert: alert(GONE)}
        if not run.ended or not run.events:
            return {self.compare.alert: alert("This run has not ended: press Stop first")}
        tab: Updates = {self.compare.alert: "", self.tabs: gr.update(selected="visualize")}
        return tab | self.visualize.show(run.trace(), values)

    def on_evaluate(self, values: Mapping[Any, Any]) -> Updates:
        """Fill in Evaluate: the samplers that were compared, on many questions of the prompt's kind."""
        comparison = self.compare.comparisons.get(values[self.compare.run_id])
        if comparison is None or comparison.asked is None:
            return {self.compare.alert: alert(GONE)}
        asked, form = comparison.asked, self.evaluate.form
        kind = kind_of([asked.prompt])
        source = kind or values[form.source]
        using = self.compare.attachments.using_or_bundled(values[self.compare.attached])
        filled = form.on_set(source, values[form.path], using)
        filled |= {form.sizes[name]: value for name, value in asked.sizes.items() if name in form.sizes}
        return filled | {
            form.source: source, form.limit: ROWS, form.lanes: asked.line_up, form.seed: asked.seed,
            form.scorer: asked.scorer, self.compare.alert: "", self.evaluate.note: _note(asked, kind),
            self.tabs: gr.update(selected="evaluate"),
        }  # fmt: skip


def _note(asked: Asked, kind: str) -> str:
    of = (
        f"{ROWS} held-out problems of the prompt’s kind, {kind}"
        if kind
        else f"the chosen set, up to {ROWS} rows"
    )
    return f"<p role='status'>{escape(f'From Compare: its samplers and sizes, on {of}. Press Evaluate.')}</p>"
