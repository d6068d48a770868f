"""One training as the Train tab shows it: values and updates for its components."""

from __future__ import annotations

import shlex
from typing import Any

import gradio as gr

from llada_viz.jobs.job_facts import log_of, reason, waits
from llada_viz.jobs.job_store import Job
from llada_viz.jobs.trainings import Trainings
from llada_viz.render.job import log_box, progress
from llada_viz.render.training import figures, pace
from llada_viz.widgets.job_panel import JobPanel

EMPTY = "<p class='lz-about'>No training yet. Choose an objective and data, and press Train.</p>"
NO_SAMPLE = "<p class='lz-about'>Checkpoints appear here, with samples decoded from each.</p>"
PARTS = 13  # of `look`


def look(
    trainings: Trainings, panel: JobPanel, chosen: str | None, step: Any, sample: Any, seen: str,
    only_changes: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """Updates of: list, state, three buttons, curves, log, hint, checkpoint, sample, two buttons, and
    what was seen. seen: what the last look gave; only_changes: when nothing has changed since, nothing
    is updated."""
    job, options = panel.find(chosen), panel.choices()
    known = [str(number) for number in trainings.checkpoints(job)] if job else []
    now = f"{options} {trainings.stamp(job) if job else ''} {known[-1] if known else ''}"
    if only_changes and now == seen:
        return (gr.skip(),) * PARTS
    if job is None:
        nothing, off = gr.update(choices=[], value=None), gr.update(interactive=False)
        return nothing, EMPTY, *panel.ready(None), "", "", NO_SAMPLE, nothing, nothing, off, off, now
    log, steps = trainings.log(job), int(job.config["settings"]["max_steps"])
    return (
        gr.update(choices=options, value=job.id), _state(trainings, panel, job), *panel.ready(job),
        figures(log.curves(), steps), log_box([shlex.join(job.argv), "", *log_of(job)]),
        *_picks(trainings, job, None if step == seen.rpartition(" ")[2] else step, sample), now,
    )  # fmt: skip


def _state(trainings: Trainings, panel: JobPanel, job: Job) -> str:
    log, steps = trainings.log(job), int(job.config["settings"]["max_steps"])
    said = pace(log.step, steps, log.pace, job.state == "running")
    if job.state == "queued":
        said = waits(panel.jobs, job)
    elif job.state == "running" and not log.lines:
        last = (log_of(job, 1) or [""])[-1]
        said = f"is making its data: {last}" if last.startswith("pairs: ") else "is loading model and data"
    end = log_of(job) if job.state in ("failed", "lost") else []
    return progress(job.state, f"{said}. {reason(job)}".strip(), log.step / steps, "Steps done", end)


def _picks(trainings: Trainings, job: Job, step: Any, sample: Any) -> tuple[Any, ...]:
    """Hint, checkpoints, samples, and whether the buttons can be pressed. What was chosen stays as
    long as it is there; else (and where that was the newest) the newest checkpoint, and its first
    sample."""
    known = [str(number) for number in trainings.checkpoints(job)]
    step = step if step in known else (known[-1] if known else None)
    samples = [path.stem for path in trainings.samples(job, int(step))] if step else []
    sample = sample if sample in samples else (samples[0] if samples else None)
    steps = [(f"step {int(number):,}", number) for number in reversed(known)]
    return (
        "" if known else NO_SAMPLE,
        gr.update(choices=steps, value=step),
        gr.update(choices=[(name.replace("-", " "), name) for name in samples], value=sample),
        gr.update(interactive=bool(samples)), gr.update(interactive=bool(known)),
    )  # fmt: skip
