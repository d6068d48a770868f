"""The state of a training in a sentence, and a stamp that changes when there is more to show."""

from __future__ import annotations

from llada_viz.jobs.job_facts import log_of, waits_for, why_ended
from llada_viz.jobs.job_store import Job
from llada_viz.jobs.trainings import Trainings
from llada_viz.render.job import progress
from llada_viz.render.training import pace

EMPTY = "<p class='lz-about'>No training yet. Choose an objective and data, and press Train.</p>"
NO_SAMPLE = "<p class='lz-about'>Checkpoints appear here, with samples decoded from each.</p>"


def stamp_of(trainings: Trainings, job: Job) -> str:
    """A text that changes whenever the job or its files do. Its last word: the newest checkpoint, or "-"."""
    return f"{trainings.stamp(job)} {_newest(trainings, job) or '-'}"


def newest_in(seen: str) -> str:
    """The newest checkpoint at the time of a stamp. seen: a text that ends with the stamp."""
    return seen.rpartition(" ")[2]


def state_of(trainings: Trainings, job: Job) -> str:
    """State, step, speed, what is being done, time left, and why it ended, as HTML."""
    log, now, steps = trainings.log(job), trainings.progress(job), int(job.config["settings"]["max_steps"])
    step = max(log.step, now.step if now else 0, _newest(trainings, job))
    going = job.state in ("running", "stopping")
    if job.state == "queued":
        sentence = waits_for(trainings.jobs, job)
    elif going and now is None:
        sentence = "loading the model" if job.state == "running" else f"step {step:,} of {steps:,}"
    else:
        seconds = now.pace if now else log.pace
        left = now.left if now and job.state == "running" else None
        sentence = pace(step, steps, seconds, now.words if now and going else "", left)
    end = log_of(job) if job.state in ("failed", "lost") else []
    return progress(job.state, f"{sentence}. {_why(trainings, job)}".strip(), step / steps, "Steps done", end)


def _newest(trainings: Trainings, job: Job) -> int:
    return max(trainings.checkpoints(job), default=0)


def _why(trainings: Trainings, job: Job) -> str:
    """Why it ended; of a training that was killed also its last checkpoint."""
    why, newest = why_ended(job), _newest(trainings, job)
    if job.state == "stopped" and job.code is not None and job.code < 0:
        why += f" Last checkpoint: {f'step {newest:,}' if newest else 'none'}."
    return why
