"""TraceGallery: the Gradio component of assets/canvas/gallery.mjs. Its value is {"say": a refusal}.

The event `click` opens a run, {"id"}; `select` compares some, {"ids"}.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from llada_viz.export.asked import kept_finder
from llada_viz.export.exports import Exports
from llada_viz.gallery.shelf import Answer, Shelf
from llada_viz.render import canvas_files
from llada_viz.widgets.export_functions import export_functions


class TraceGallery(gr.HTML):
    """The cards of the traces on a shelf. exports: where they are written as files."""

    def __init__(self, shelf: Shelf, exports: Exports, **options: Any) -> None:
        def cards(request: Any) -> Answer:
            """Called by the page, as the others are: see `Shelf`."""
            return shelf.cards(request)

        def change(request: Any) -> Answer:
            return shelf.change(request)

        def remove(request: Any) -> Answer:
            return shelf.remove(request)

        def bring(request: Any) -> Answer:
            return shelf.bring(request)

        super().__init__(
            html_template=canvas_files.template("gallery"),
            js_on_load="window.LladaCanvas.mountGallery({ element, props, server, watch, trigger });",
            server_functions=[
                cards,
                change,
                remove,
                bring,
                *export_functions(exports, kept_finder(shelf)),
            ],  # fmt: skip
            apply_default_css=False,
            **options,  # Gradio makes the component anew, with its own options, for an update
        )

    def postprocess(self, value: Answer | None) -> Answer | None:  # type: ignore[override]
        """The message as it is. gr.HTML would check it for markup, but the value is no HTML."""
        return value

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}
