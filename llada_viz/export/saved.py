"""A run's trace as a file that a browser keeps."""

from __future__ import annotations

import base64

from llada_viz.decoding.runs import Run
from samplers.recording.trace_files import MAGIC
from samplers.recording.traces import TraceError, pack_trace


def saved(run: Run) -> dict[str, str]:
    """The file's name, and its text, or in base64 its bytes, where it is compressed. "error": it is too large
    to be read again."""
    try:
        file = pack_trace(run.trace())
    except TraceError as error:
        return {"error": str(error)}
    if file.startswith(MAGIC):
        return {"name": "llada-viz-trace.jsonl.gz", "base64": base64.b64encode(file).decode()}
    return {"name": "llada-viz-trace.jsonl", "text": file.decode()}
