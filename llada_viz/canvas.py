"""TokenCanvas: a Gradio component whose DOM is drawn by the script in assets/canvas.

Its value is one message, {"run", "frames", "last", "notice"}: frames as in render.frames, the seq
of the last frame that exists (when they are too many for one message), and a sentence to show
while there are none yet. The template never sees the value.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from llada_viz import assets
from llada_viz.render.frames import Frame
from llada_viz.runs import Run, Runs
from samplers.traces import dump_trace

MOST_FRAMES = 256  # in one message or answer
Message = dict[str, Any]


def message(run: Run, frames: list[Frame]) -> Message:
    """Frames for the page; the rest is fetched by the page when they are many."""
    value: Message = {"run": run.id, "frames": frames[:MOST_FRAMES]}
    if len(frames) > MOST_FRAMES:
        value["last"] = frames[-1]["seq"]
    return value


def notice(run: Run, text: str) -> Message:
    """A sentence for a run that has no frames yet."""
    return {"run": run.id, "frames": [], "notice": text}


class TokenCanvas(gr.HTML):
    """The live canvas of the runs in `runs`; its value is a `message`."""

    def __init__(self, runs: Runs, elem_id: str = "canvas") -> None:
        def frames(run_id: str, start: int) -> list[Frame]:
            """Frames of a run from `start` on; [] when there are none. Reads only."""
            run = runs.get(run_id)
            if run is None or not isinstance(start, int) or start < 0:
                return []
            return run.frames[start : start + MOST_FRAMES]

        def trace(run_id: str) -> str | None:
            """A run as a trace file; None when it is not known. Reads only."""
            run = runs.get(run_id)
            return dump_trace(run.trace()) if run is not None and run.events else None

        super().__init__(
            html_template=assets.template(),
            head=f"<script>{assets.script()}</script>",
            js_on_load="window.LladaCanvas.mount({ element, props, server, watch });",
            server_functions=[frames, trace],
            apply_default_css=False,
            elem_id=elem_id,
        )

    def postprocess(self, value: Message | None) -> Message | None:  # type: ignore[override]
        """The message as it is: HTML's own check looks for markup, and there is none."""
        return value

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}
