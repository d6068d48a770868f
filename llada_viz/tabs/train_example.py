"""One training example, made by the training code itself."""

from __future__ import annotations

from html import escape
from pathlib import Path

from llada_viz.jobs.trainings import TrainingRequest
from llada_viz.render.training import example
from training.engine.settings import RunArguments, settings_of
from training.registry import objective


def example_of(model: Path, request: TrainingRequest) -> str:
    """The first example of a training as HTML; of a preference pair both answers. Nothing is trained or
    written. ValueError, RuntimeError, OSError: what the job would fail with."""
    name = request.model or str(model)
    arguments = RunArguments(name, request.data, device="cpu", revision=request.revision)
    entry = objective(request.objective)
    preview = entry.data.preview(arguments, settings_of(entry.settings, request.settings)).as_json()
    notes = "".join(f"<p class='lz-about'>{escape(note)}</p>" for note in preview["notes"])
    if preview["rejected"] is None:
        return notes + example(preview)
    return f"{notes}{example(preview)}<h3>The rejected answer</h3>{example(preview['rejected'])}"
