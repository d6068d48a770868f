"""TokenCanvas: a Gradio component whose DOM is drawn by the script in assets/canvas.

Its value is one message, {"run", "number", "frames", "last", "notice", "ready"}: number: of the run, higher
than that of an earlier one; frames as in render.frames; last: the seq of the newest frame, when there are
more than one message holds; notice: a sentence to show while there are no frames yet; ready: the end is shown
at once. Or it is {"run", "aside"}: something that the card of the run's cells is to say. The script receives
the value; the HTML template does not. Of values that come faster than a browser takes them it sees the last
only, so any message may be the first of its run. The first value of all may be an `opening`.

Frames travel as one JSON text. Of a generator's values Gradio sends only what changed from one to the
next, and 6.31 does so wrongly for lists inside lists (a deletion in an inner list ends up at another
index). A text is sent as a whole, and is quicker to compare.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from llada_viz.decoding.branches import Branches
from llada_viz.decoding.cell_questions import CellQuestions
from llada_viz.decoding.runs import NUMBERS, Run, Runs
from llada_viz.export.asked import run_finder
from llada_viz.export.exports import Exports
from llada_viz.export.saved import saved
from llada_viz.gallery.shelf import Answer, Shelf
from llada_viz.render import canvas_files
from llada_viz.render.frames import Frame
from llada_viz.widgets.cell_functions import cell_functions
from llada_viz.widgets.export_functions import export_functions

MOST_FRAMES = 256  # in one message or answer
Message = dict[str, Any]


def message(run: Run, frames: list[Frame]) -> Message:
    """Frames for the page, at most MOST_FRAMES; the page fetches the rest itself."""
    text = json.dumps(frames[:MOST_FRAMES], ensure_ascii=False, allow_nan=False)
    value: Message = {"run": run.id, "number": run.number, "frames": text}
    if len(frames) > MOST_FRAMES:
        value["last"] = frames[-1]["seq"]
    return value


def opening(run: Run | None, sizes: Mapping[str, int]) -> Message:
    """What the canvas is opened with: a recorded run, whose frames it fetches itself, and the sizes of the
    empty board."""
    begun: Message = {"run": "", "number": 0, "frames": "[]", "opening": dict(sizes)}
    return begun if run is None else begun | {"run": run.id, "last": len(run.frames) - 1}


def notice(run: Run, text: str) -> Message:
    """A sentence for a run that has no frames yet."""
    return {"run": run.id, "number": run.number, "frames": "[]", "notice": text}


def shown_whole(run: Run) -> Message:
    """A run that was shown before, once more: its number is that of a new one, or it would be too late."""
    return message(run, run.frames) | {"number": next(NUMBERS), "ready": True}


def aside(run_id: str, **said: Any) -> Message:
    """Something that is said of a run beside its frames. said: refused, told: sentences; offer: what would
    help (cell_questions.offer_for), or "frame": to go to the one that is given; anew:
    ask again what could not be answered."""
    return {"run": run_id, "aside": said, "at": next(NUMBERS)}


def kept_function(shelf: Shelf) -> Callable[[Any], Answer]:
    """What the page calls to keep a run."""

    def keep(request: Any) -> Answer:
        """See `Shelf.keep`."""
        return shelf.keep(request)

    return keep


class TokenCanvas(gr.HTML):
    """The live canvas of the runs in `runs`; its value is a `message`. again: a cut-off answer has a
    button that asks for more cells, which is the event `submit`; questions, branches: its cells can be asked,
    and runs can go on from its frames: events that widgets.branching hears; panels: the page draws some of
    its own (widgets.panels), and that others were chosen is the event `select`; shelf: where runs are
    kept; exports: where they are written as files."""

    def __init__(
        self, runs: Runs, again: bool = False, questions: CellQuestions | None = None,
        branches: Branches | None = None, panels: bool = False,
        shelf: Shelf | None = None, exports: Exports | None = None, **options: Any,
    ) -> None:  # fmt: skip
        def frames(request: Any) -> list[Frame]:
            """Called by the page. Frames of a run, [] when there are none; request: [run id, first seq]."""
            match request:
                case [str(run_id), int(start)] if start >= 0 and (run := runs.get(run_id)):
                    return run.frames[start : start + MOST_FRAMES]
            return []

        def trace(run_id: Any) -> dict[str, str] | None:
            """Called by the page. A run as a trace file; None: there is no such run."""
            run = runs.get(run_id)
            return saved(run) if run is not None and run.events else None

        asks = "again: () => trigger('submit')" if again else "again: null"
        functions: list[Callable[..., Any]] = [frames, trace]
        if questions is not None and branches is not None:
            asks += ", tell: trigger"
            functions += cell_functions(questions, branches)
        asks += ", panels: () => trigger('select')" if panels else ", panels: null"
        if shelf is not None:
            asks += ", keeps: true"
            functions.append(kept_function(shelf))
        if exports is not None:
            asks += ", exports: true"
            functions += export_functions(exports, run_finder(runs))
        super().__init__(
            html_template=canvas_files.template(),
            js_on_load=f"window.LladaCanvas.mount({{ element, props, server, watch, {asks} }});",
            server_functions=functions,
            apply_default_css=False,
            **options,  # Gradio makes the component anew, with its own options, for an update
        )

    def postprocess(self, value: Message | None) -> Message | None:  # type: ignore[override]
        """The message as it is. gr.HTML would check it for markup, but the value is no HTML."""
        return value

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}
