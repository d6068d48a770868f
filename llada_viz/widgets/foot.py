"""The foot of a form, always in view: its button, and the state of the chosen job."""

from __future__ import annotations

from typing import Any

import gradio as gr

from llada_viz.widgets.live import QUIET

WITHOUT_LOG = "(html) => html.replace(/<pre[^]*$/, '')"
REVEAL = "() => setTimeout(() => window.LladaCanvas.reveal(document.querySelector('{}')), 100)"


def job_state(prefix: str) -> gr.HTML:
    """The place in the foot for the job's state. prefix: of its element id."""
    return gr.HTML(elem_id=f"{prefix}-foot", elem_classes="lz-foot-state", apply_default_css=False)


def follow(foot: gr.HTML, state: gr.HTML, begun: Any) -> None:
    """Show in the foot what `state` shows of the job, without its log. begun: the event that starts a job;
    after it, `state` is scrolled into view."""
    state.change(None, state, foot, js=WITHOUT_LOG, queue=False, **QUIET)
    begun.success(None, None, None, js=REVEAL.format(f"#{state.elem_id}"))
