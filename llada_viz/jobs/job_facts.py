"""What can be said of a job: what it is listed as, what it waits for, why it failed, its log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from llada_viz.jobs.job_store import Job
from llada_viz.jobs.queue import Jobs
from llada_viz.jobs.tailing import tail

LOG = "log.txt"


def waits(jobs: Jobs, job: Job) -> str:
    """What a queued job waits for; "" of any other."""
    if job.state != "queued":
        return ""
    others = [other for other in jobs.list() if other.device == job.device and not other.has_ended]
    ahead = sum(other.place < job.place for other in others)
    return f"waits for {ahead} other job{'s' * (ahead > 1)}" if ahead else "starts in a moment"


def listed(job: Job) -> str:
    """State, title and time: what tells it from others like it."""
    return f"{job.state} · {job.title} · {when(job)}"


def when(job: Job) -> str:
    """When a job was asked for, by the server's clock."""
    asked = time.localtime(job.created)
    today = asked[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if today else "%d %b %H:%M", asked)


def clock(job: Job) -> str:
    """When a job was asked for, to the minute."""
    return when(job).rpartition(":")[0] if when(job).count(":") == 2 else when(job)


def reason(job: Job) -> str:
    """Why a job failed: the last sentence that begins with "error:" in its log, else its note."""
    if job.state == "failed":
        for line in reversed(log_of(job)):
            if line.startswith("error: "):
                return f"{line.removeprefix('error: ').rstrip('.')}."
    return job.note


def log_of(job: Job, lines: int = 200) -> list[str]:
    """The end of a job's log."""
    return tail(job.folder / LOG, lines)


def stamp(job: Job, files: Sequence[Path]) -> str:
    """Changes whenever the job's state or one of the files does; costs a look at the disk each."""
    facts = []
    for path in (job.folder / LOG, *files):
        try:
            fact = path.stat()
        except OSError:
            continue
        facts.append((path.name, fact.st_size, fact.st_mtime_ns))
    return f"{job.id} {job.state} {job.note} {job.attempts} {facts}"
