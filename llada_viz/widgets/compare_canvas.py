"""CompareCanvas: the Gradio component of assets/canvas/compare.mjs. Its value is one message,
{"run", "number", "measure", "lanes", "names", "again", "copies", "notice"}: as in canvas.py; lanes, names and
copies travel as JSON texts, for the reason that it gives; again: whether the samplers can be evaluated;
copies: of each lane, whether it can be copied as code. The event `select` has the number of a lane that is to
be opened in Visualize; `submit`: evaluate the samplers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import gradio as gr

from llada_viz.decoding.comparison import Comparison, Comparisons
from llada_viz.decoding.runs import Run
from llada_viz.decoding.setup_code import CODE
from llada_viz.decoding.setups import Setup
from llada_viz.export.asked import comparison_finder
from llada_viz.export.exports import Exports
from llada_viz.export.saved import saved
from llada_viz.gallery.shelf import Answer, Shelf
from llada_viz.render import canvas_files
from llada_viz.render.frames import Frame
from llada_viz.widgets.canvas import MOST_FRAMES, Message
from llada_viz.widgets.export_functions import export_functions


def message(comparison: Comparison, lanes: list[list[Frame]], notice: str = "") -> Message:
    """New frames of every lane."""
    return {
        "run": comparison.id, "number": comparison.number, "measure": comparison.measure,
        "lanes": json.dumps(lanes, ensure_ascii=False, allow_nan=False),
        "names": json.dumps(list(comparison.names)), "again": comparison.asked is not None,
        "copies": json.dumps([code_setup(run) is not None for run in comparison.runs]), "notice": notice,
    }  # fmt: skip


def code_setup(run: Run) -> Setup | None:
    """What makes the run's tokens again by itself. None: it is recorded, or a branch, which goes on from
    another run."""
    return None if run.parent else run.setup


def notice(comparison: Comparison, text: str) -> Message:
    """A sentence for a comparison that has no frames yet."""
    return message(comparison, [[] for _ in comparison.runs], text)


def whole(comparison: Comparison) -> Message:
    """A comparison of runs that have ended; the page fetches the frames before the last ones itself."""
    return message(comparison, [run.frames[-1:] for run in comparison.runs])


def stopped(comparison: Comparison) -> Message:
    """End all runs; what they have written stays on the page."""
    comparison.stop()
    last = [run.frames[-1:] for run in comparison.runs]
    return message(comparison, last, notice="" if any(last) else "Stopped before the first step.")


def lane_functions(comparisons: Comparisons) -> list[Callable[..., Any]]:
    """What the page calls to read a comparison: frames, measures, trace, copied."""

    def frames(request: Any) -> list[Frame]:
        """Called by the page. Frames of a lane; request: [comparison id, lane number, first seq]."""
        match request:
            case [comparison_id, lane, int(start)] if start >= 0:
                run = comparisons.run_of(comparison_id, lane)
                return run.frames[start : start + MOST_FRAMES] if run is not None else []
        return []

    def measures(comparison_id: Any) -> list[dict[str, Any]]:
        """Called by the page. What each run of a comparison did."""
        comparison = comparisons.get(comparison_id)
        return comparison.measures() if comparison is not None else []

    def trace(request: Any) -> dict[str, str] | None:
        """Called by the page. A lane as a trace file; request: [comparison id, lane number]."""
        match request:
            case [comparison_id, lane]:
                run = comparisons.run_of(comparison_id, lane)
                return saved(run) if run is not None and run.events else None
        return None

    def copied(request: Any) -> str | None:
        """Called by the page. A lane as code; request: [comparison id, lane number, a key of CODE]."""
        match request:
            case [comparison_id, lane, str(kind)] if kind in CODE:
                run = comparisons.run_of(comparison_id, lane)
                setup = code_setup(run) if run is not None else None
                return CODE[kind](setup) if setup is not None else None
        return None

    return [frames, measures, trace, copied]


def kept_function(comparisons: Comparisons, shelf: Shelf) -> Callable[[Any], Answer]:
    """What the page calls to keep the run of a lane."""

    def keep(request: Any) -> Answer:
        """See `Shelf.keep_run`. request: run (the comparison's id), lane (its number), name, key."""
        match request:
            case {"run": comparison_id, "lane": lane}:
                return shelf.keep_run(comparisons.run_of(comparison_id, lane), request)
        return shelf.keep_run(None, request)

    return keep


class CompareCanvas(gr.HTML):
    """The boards of a comparison, one for each lane. comparisons: where the page fetches frames from; acts:
    whether a lane can be opened elsewhere and the samplers evaluated, which are the events `select` and
    `submit`; exports: where the boards are written as files; shelf: where a lane's run is kept."""

    def __init__(
        self, comparisons: Comparisons, acts: bool = False, exports: Exports | None = None,
        shelf: Shelf | None = None, **options: Any,
    ) -> None:  # fmt: skip
        functions = lane_functions(comparisons)
        told = ", trigger" if acts else ""
        if exports is not None:
            told += ", exports: true"
            functions += export_functions(exports, comparison_finder(comparisons))
        if shelf is not None:
            told += ", keeps: true"
            functions.append(kept_function(comparisons, shelf))
        super().__init__(
            html_template=canvas_files.template("compare"),
            js_on_load=f"window.LladaCanvas.mountCompare({{ element, props, server, watch{told} }});",
            server_functions=functions,
            apply_default_css=False,
            **options,  # Gradio makes the component anew, with its own options, for an update
        )

    def postprocess(self, value: Message | None) -> Message | None:  # type: ignore[override]
        """The message as it is. gr.HTML would check it for markup, but the value is no HTML."""
        return value

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}
