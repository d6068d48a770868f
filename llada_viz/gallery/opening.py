"""The recorded run that plays when the page opens. Any trace may stand in its file."""

from __future__ import annotations

import logging
from pathlib import Path

from llada_viz.decoding.runs import Run, recorded
from llada_viz.render.verdict import Golds
from models.assets import assets
from samplers.events import EventError
from samplers.recording.traces import TraceError, read_trace

LOG = logging.getLogger(__name__)
FILE = "traces/opening.jsonl"


def opening_run(golds: Golds, file: Path | None = None) -> Run | None:
    """The run of the file; None where there is none that can be read, which the log says: the page then opens
    with an empty board. golds: right answers by prompt, for the verdict."""
    try:
        return recorded(read_trace(file or assets() / FILE), golds)
    except (TraceError, EventError, OSError) as error:
        LOG.warning("the page opens without a recorded run: %s", error)
        return None
