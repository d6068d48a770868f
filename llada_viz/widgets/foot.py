"""The foot of a form: its button, and how the job stands, in view however long the form is."""

from __future__ import annotations

from typing import Any

import gradio as gr

from llada_viz.widgets.live import QUIET

WITHOUT_LOG = "(html) => html.replace(/<pre[^]*$/, '')"
REVEAL = "() => setTimeout(() => window.LladaCanvas.reveal(document.querySelector('{}')), 100)"


def job_state(prefix: str) -> gr.HTML:
    """The place in a foot for how the job stands. prefix: of its element's id."""
    return gr.HTML(elem_id=f"{prefix}-foot", elem_classes="lz-foot-state", apply_default_css=False)


def follow(foot: gr.HTML, state: gr.HTML, begun: Any) -> None:
    """Say in the foot what `state` says of the job, without its log, and bring that into view once a
    job was begun. begun: the event that begins one."""
    state.change(None, state, foot, js=WITHOUT_LOG, queue=False, **QUIET)
    begun.success(None, None, None, js=REVEAL.format(f"#{state.elem_id}"))
