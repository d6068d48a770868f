"""What tabs with background jobs share: which are listed for whom, what is said of one, its buttons."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from llada_viz.jobs.job_store import Job
from llada_viz.jobs.queue import Jobs
from llada_viz.jobs.tailing import tail
from llada_viz.widgets.live import alert

ACTIONS = ("stop", "resume", "remove")
LOG = "log.txt"


class JobPanel:
    """The jobs of one kind. noun: what one is called; public: a host where strangers meet, who see
    their own jobs only."""

    def __init__(self, jobs: Jobs, kind: str, noun: str, public: bool = False) -> None:
        self.jobs, self.kind, self.noun, self.public = jobs, kind, noun, public

    def build(self, prefix: str, words: Sequence[str] = ("Stop", "Resume", "Delete")) -> None:
        """Lay out the list; `buttons` lays out the buttons, in a row of the caller's."""
        self.prefix, self.words = prefix, words
        # Custom values: what was chosen may be gone by the time that it is sent, and would be refused.
        self.job = gr.Dropdown(
            [], label=self.noun.capitalize(), elem_id=f"{prefix}-job", interactive=True,
            allow_custom_value=True,
        )  # fmt: skip

    def buttons(self) -> list[Any]:
        """Lay out one button an action; they are in the order of ACTIONS."""
        self.actions = [
            gr.Button(word, size="sm", min_width=80, interactive=False, elem_id=f"{self.prefix}-{action}")
            for word, action in zip(self.words, ACTIONS, strict=True)
        ]
        return self.actions

    def list(self, mine: Sequence[str] = ()) -> list[Job]:
        """What this visitor may see, the newest first."""
        return [j for j in self.jobs.list() if j.kind == self.kind and (not self.public or j.id in mine)]

    def choices(self, mine: Sequence[str] = ()) -> list[tuple[str, str]]:
        """(what it is listed as, id) of each."""
        return [(listed(job), job.id) for job in self.list(mine)]

    def find(self, chosen: Any, mine: Sequence[str] = ()) -> Job | None:
        """The chosen job, else the newest; None where there is none."""
        known = self.list(mine)
        return next((job for job in known if job.id == chosen), known[0] if known else None)

    def of(self, chosen: Any, mine: Sequence[str] = ()) -> Job:
        """The chosen job, if this visitor may see it; gr.Error with a sentence otherwise."""
        for job in self.list(mine):
            if job.id == chosen:
                return job
        raise gr.Error(f"There is no such {self.noun}.", print_exception=False)

    def act(self, action: str, chosen: Any, mine: Sequence[str] = ()) -> str:
        """Stop, resume or remove; an alert when that cannot be done, else ""."""
        try:
            getattr(self.jobs, action)(self.of(chosen, mine).id)
        except (ValueError, OSError) as error:
            return alert(f"{error}.")
        return alert("")

    def ready(self, job: Job | None) -> list[Any]:
        """Updates of the buttons."""
        may = (
            job is not None and job.state in ("queued", "running"),
            job is not None and job.can_resume,
            job is not None and job.has_ended,
        )
        return [gr.update(interactive=one) for one in may]


def waits(jobs: Jobs, job: Job) -> str:
    """What a queued job waits for; "" of any other."""
    if job.state != "queued":
        return ""
    others = [other for other in jobs.list() if other.device == job.device and not other.has_ended]
    ahead = sum(other.place < job.place for other in others)
    return f"waits for {ahead} other job{'s' * (ahead > 1)}" if ahead else "is about to start"


def listed(job: Job) -> str:
    """State, title and time: what tells it from others like it."""
    return f"{job.state} · {job.title} · {when(job)}"


def when(job: Job) -> str:
    """When a job was asked for, by the server's clock."""
    asked = time.localtime(job.created)
    today = asked[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if today else "%d %b %H:%M", asked)


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
