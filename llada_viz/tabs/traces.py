"""The Traces tab: kept runs as cards; one is opened in Visualize, several in Compare, one by its link."""

from __future__ import annotations

import time
from typing import Any

import gradio as gr

from llada_viz.decoding.runs import recorded
from llada_viz.export.exports import Exports
from llada_viz.gallery.shelf import CANNOT, Shelf
from llada_viz.tabs.compare import Compare
from llada_viz.tabs.visualize import Visualize
from llada_viz.widgets.live import QUIET, Updates, Values, alert
from llada_viz.widgets.trace_gallery import TraceGallery
from samplers.settings import sentence_of

GONE = (
    "The run of this link is not here any more: it was deleted, or kept on another machine. "
    "Ask whoever sent the link for the trace file, or run something new."
)


class Traces:
    """Builds the tab. The methods `on_…` are its event handlers."""

    def __init__(self, shelf: Shelf, visualize: Visualize, compare: Compare, exports: Exports) -> None:
        self.shelf, self.visualize, self.compare, self.exports = shelf, visualize, compare, exports

    def build(self, tabs: gr.Tabs) -> None:
        """Lay out the tab and connect its events."""
        self.tabs = tabs
        with gr.Row(elem_classes="lz-page lz-alone"):
            self.gallery = TraceGallery(self.shelf, self.exports, elem_id="traces")
        wired = {"trigger_mode": "once", **QUIET}
        shown = [self.tabs, self.gallery]
        opened, compared = [*self.visualize.shown, *shown], [*self.compare.shown, *shown]
        self.gallery.click(self.on_open, {self.visualize.run_id}, opened, **wired)
        self.gallery.select(self.on_compare, {self.compare.run_id}, compared, **wired)

    def on_open(self, values: Values, event: gr.EventData) -> Updates:
        """Show a kept run in Visualize."""
        try:
            updates = self.visualize.show(self.shelf.trace(_asked(event, "id")), values)
        except CANNOT as error:
            return self._cannot(error)
        return updates | {self.tabs: gr.Tabs(selected="visualize")}

    def on_compare(self, values: Values, event: gr.EventData) -> Updates:
        """Show kept runs side by side in Compare."""
        ids = _asked(event, "ids")
        try:
            runs = [
                recorded(self.shelf.trace(id), self.shelf.gallery.golds)
                for id in (ids if isinstance(ids, list) else [])
            ]
            updates = self.compare.show(runs, values)
        except CANNOT as error:
            return self._cannot(error)
        return updates | {self.tabs: gr.Tabs(selected="compare")}

    def on_link(self, values: Values, request: gr.Request) -> Updates:
        """The page was opened by a link to a kept run."""
        id = request.query_params.get("run", "")
        if not id:
            return dict(gr.skip())
        try:
            return self.visualize.show(self.shelf.trace(id), values)
        except CANNOT:
            return {self.visualize.alert: alert(GONE)}

    def _cannot(self, error: Exception) -> Updates:
        return {self.gallery: {"say": sentence_of(error), "at": time.time()}}


def _asked(event: gr.EventData, name: str) -> Any:
    data = event._data
    return data.get(name) if isinstance(data, dict) else None
