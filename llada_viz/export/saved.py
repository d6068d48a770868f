"""A run's trace as a file that a browser keeps."""

from __future__ import annotations

import base64
import re

from llada_viz.decoding.runs import Run
from llada_viz.render.question import question_of
from samplers.recording.trace_files import MAGIC
from samplers.recording.traces import TraceError, pack_trace

LONGEST_PART = 40
"""Letters of a file's name that say one thing."""


def saved(run: Run) -> dict[str, str]:
    """The file's name, and its text, or in base64 its bytes, where it is compressed. "error": it is too large
    to be read again."""
    try:
        file = pack_trace(run.trace())
    except TraceError as error:
        return {"error": str(error)}
    name = name_of(run)
    if file.startswith(MAGIC):
        return {"name": f"{name}.jsonl.gz", "base64": base64.b64encode(file).decode()}
    return {"name": f"{name}.jsonl", "text": file.decode()}


def name_of(run: Run, *others: Run) -> str:
    """A name for a file of a run, or of several side by side: its question, sampler and seed, in letters that
    every system takes."""
    layout = run.layout
    seed = layout.settings.get("seed")
    samplers = " ".join(each.layout.sampler for each in (run, *others))
    parts = question_of(layout.prompt), samplers, "" if seed is None else f"seed {seed}"
    words = (re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-")[:LONGEST_PART] for part in parts)
    return "_".join(filter(None, (word.strip("-") for word in words))) or "llada-viz-trace"
