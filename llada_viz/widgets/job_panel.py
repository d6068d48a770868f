"""What tabs with background jobs share: which are listed for whom, what is said of one, its buttons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from llada_viz.jobs.job_facts import listed
from llada_viz.jobs.job_store import Job
from llada_viz.jobs.queue import Jobs
from llada_viz.widgets.live import alert

ACTIONS = ("stop", "resume", "remove")


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
