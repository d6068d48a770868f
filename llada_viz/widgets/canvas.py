"""TokenCanvas: a Gradio component whose DOM is drawn by the script in assets/canvas.

Its value is one message, {"run", "frames", "last", "notice"}: frames as in render.frames, the seq
of the last frame that exists (when they are too many for one message), and a sentence to show
while there are none yet. The template never sees the value.

Frames travel as one JSON text. Gradio sends the difference between two values of a generator, and
in 6.31 the difference of lists inside lists is wrong (a deletion in an inner list is shifted once
more for every list around it); a text is replaced as a whole, and costs less to compare, too.
"""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from llada_viz.decoding.runs import Run, Runs
from llada_viz.render.frames import Frame
from llada_viz.widgets import assets
from samplers.traces import dump_trace

MOST_FRAMES = 256  # in one message or answer
Message = dict[str, Any]


def message(run: Run, frames: list[Frame]) -> Message:
    """Frames for the page; the rest is fetched by the page when they are many."""
    text = json.dumps(frames[:MOST_FRAMES], ensure_ascii=False, allow_nan=False)
    value: Message = {"run": run.id, "frames": text}
    if len(frames) > MOST_FRAMES:
        value["last"] = frames[-1]["seq"]
    return value


def notice(run: Run, text: str) -> Message:
    """A sentence for a run that has no frames yet."""
    return {"run": run.id, "frames": "[]", "notice": text}


class TokenCanvas(gr.HTML):
    """The live canvas of the runs in `runs`; its value is a `message`. again: a cut-off answer has a
    button that asks for more cells, which is the event `submit`."""

    def __init__(self, runs: Runs, again: bool = False, **options: Any) -> None:
        def frames(asked: Any) -> list[Frame]:
            """Frames of a run, asked for as [run id, first seq]; [] when there are none. Reads only."""
            match asked:
                case [str(run_id), int(start)] if start >= 0 and (run := runs.get(run_id)):
                    return run.frames[start : start + MOST_FRAMES]
            return []

        def trace(run_id: Any) -> str | None:
            """A run as a trace file; None when it is not known. Reads only."""
            run = runs.get(run_id)
            return dump_trace(run.trace()) if run is not None and run.events else None

        asks = "again: () => trigger('submit')" if again else "again: null"
        super().__init__(
            html_template=assets.template(),
            head=f"<script>{assets.script()}</script>",
            js_on_load=f"window.LladaCanvas.mount({{ element, props, server, watch, {asks} }});",
            server_functions=[frames, trace],
            apply_default_css=False,
            **options,  # Gradio makes the component anew, with its own options, for an update
        )

    def postprocess(self, value: Message | None) -> Message | None:  # type: ignore[override]
        """The message as it is: HTML's own check looks for markup, and there is none."""
        return value

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}
