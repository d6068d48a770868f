"""The state of a training in a sentence, and a stamp that changes when there is more to show."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from llada_viz.decoding.runs import OPENED
from llada_viz.jobs.job_facts import log_of, waits_for, why_ended
from llada_viz.jobs.job_store import Job
from llada_viz.jobs.trainings import Trainings
from llada_viz.render.job import progress
from llada_viz.render.sample import Written, sample_html, written
from llada_viz.render.training import pace
from samplers.events import EventError
from samplers.recording.traces import TraceError, read_trace

EMPTY = "<p class='lz-about'>No training yet. Choose an objective and data, and press Train.</p>"
OFF_HERE = (
    "<p class='lz-about'>Nothing is trained on this public host. Show an example has what would be learned; "
    "Command has what to run on your own machine.</p>"
)
LOADED = (
    "<p class='lz-about'>A checkpoint that is loaded in Visualize serves this browser tab until it is "
    "reloaded; the checkpoint itself stays here.</p>"
)
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


def sample_of(trainings: Trainings, job: Job, step: int, name: str) -> str:
    """What a sample asks, what the first checkpoint that recorded it wrote, and what this one writes, as
    HTML; "" of a sample that cannot be read."""
    recorded = [(s, path) for s in trainings.checkpoints(job) if (path := trainings.sample(job, s, name))]
    shown = [(s, path) for s, path in recorded[:1] if s < step]
    shown += [(s, path) for s, path in recorded if s == step]
    found = [(s, _written(path, path.stat().st_mtime_ns)) for s, path in shown]
    return sample_html([(s, one) for s, one in found if one is not None])


@lru_cache(maxsize=64)
def _written(path: Path, changed: int) -> Written | None:
    """What stands in a trace; cached until the file's time of change differs."""
    try:
        return written(read_trace(path, OPENED))
    except (TraceError, EventError, OSError):
        return None
