"""The form of the Evaluate tab as a job was asked for, so that what is shown can be asked once more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from evaluation.sets.public_sets import EVALUATED
from llada_viz.jobs.job_store import Job
from llada_viz.tabs.evaluate_form import UPLOADED, EvaluateForm, samples
from llada_viz.widgets.live import Updates
from tasks import TASKS


def form_of(form: EvaluateForm, job: Job) -> Updates:
    """Updates that fill in the form; {} of a job whose set is gone."""
    config: dict[str, Any] = job.config
    source, path = config["data"], ""
    choices = samples(form.public)
    if source not in [value for _, value in choices]:
        path = str(job.folder / "data" / config["name"])
        if source in TASKS or source in EVALUATED or not Path(path).is_file():
            return {}
        source, choices = UPLOADED, [(f"{config['name']} (uploaded)", UPLOADED), *choices]
    filled = form.fill(form.look(source, path))
    filled |= {
        form.source: gr.update(choices=choices, value=source), form.path: path,
        form.limit: config["limit"] or 0, form.seed: config["seed"], form.template: config["template"],
        form.shots: config.get("shots", 0), form.shots_from: config.get("shots_from", ""),
    }  # fmt: skip
    for component, name in ((form.question, "question"), (form.answer, "answer")):
        if config[name]:
            filled[component] = gr.update(**{**filled[component], "value": config[name]})
    filled |= {form.sizes[name]: value for name, value in config.get("sizes", {}).items()}
    if config.get("line_up"):
        filled[form.lanes] = config["line_up"]
    return filled


def filled(form: EvaluateForm) -> list[Any]:
    """What `form_of` updates."""
    examples = [form.shots, form.shots_from]
    return [*form.shown, form.path, form.lanes, form.seed, form.template, *examples]
