"""A job in words: its entry in the list, what it waits for, why it ended, its log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from llada_viz.jobs.job_store import Job
from llada_viz.jobs.queue import Jobs
from llada_viz.jobs.tailing import tail

LOG = "log.txt"


def waits_for(jobs: Jobs, job: Job) -> str:
    """What a queued job waits for; "" of any other."""
    if job.state != "queued":
        return ""
    others = [other for other in jobs.list() if other.device == job.device and not other.has_ended]
    ahead = sum(other.place < job.place for other in others)
    return f"waits for {ahead} other job{'s' * (ahead > 1)}" if ahead else "starts in a moment"


def list_label(job: Job) -> str:
    """A job's entry in the list of jobs: state, title and time."""
    return f"{job.state} · {job.title} · {submitted_at(job)}"


def submitted_at(job: Job) -> str:
    """When a job was submitted, by the server's clock: the time today, else day and time."""
    created = time.localtime(job.created)
    today = created[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if today else "%d %b %H:%M", created)


def submitted_minute(job: Job) -> str:
    """When a job was submitted, without the seconds."""
    return submitted_at(job).rpartition(":")[0] if submitted_at(job).count(":") == 2 else submitted_at(job)


def why_ended(job: Job) -> str:
    """Why a job ended: its note; but the last line with "error:" in the log of one that failed."""
    if job.state == "failed":
        for line in reversed(log_of(job)):
            if line.startswith("error: "):
                return f"{line.removeprefix('error: ').rstrip('.')}."
    return job.note


def log_of(job: Job, lines: int = 200) -> list[str]:
    """The end of a job's log."""
    return tail(job.folder / LOG, lines)


def stamp(job: Job, files: Sequence[Path]) -> str:
    """A text that changes whenever the job's state or one of the files does. Reads file times only."""
    facts = []
    for path in (job.folder / LOG, *files):
        try:
            fact = path.stat()
        except OSError:
            continue
        facts.append((path.name, fact.st_size, fact.st_mtime_ns))
    return f"{job.id} {job.state} {job.note} {job.attempts} {facts}"
