"""LineUp: the Gradio component of assets/canvas/lineup.mjs, in which up to four samplers are chosen, each
with its settings in a form. Its value is the text of `llada_viz.decoding.line_up`."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from llada_viz.decoding.line_up import FIRST, NO_SETTINGS, Usual, form_facts, written


class LineUp(gr.HTML):
    """The form. least: how many samplers must be chosen; usual: settings by sampler that stand in for
    defaults. The event `input`: a person changed it."""

    def __init__(
        self, value: str | None = None, least: int = 1, usual: Usual = NO_SETTINGS, **options: Any
    ) -> None:
        parts = f"element, props, trigger, watch, facts: {json.dumps(form_facts(least, usual))}"
        super().__init__(
            written(FIRST) if value is None else value,
            html_template="<div class='lz-lineup'></div>",
            js_on_load=f"window.LladaCanvas.mountLineUp({{ {parts} }});",
            apply_default_css=False,
            **options,
        )

    def postprocess(self, value: str | None) -> str | None:
        """The text as it is. gr.HTML would check it for markup, but the value is no HTML."""
        return value

    def api_info(self) -> dict[str, Any]:
        return {"type": "string"}
