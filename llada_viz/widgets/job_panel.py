"""What tabs with background jobs share: the list of jobs, the state of the chosen one, its buttons, and a
timer that looks for changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import gradio as gr

from llada_viz.jobs.job_facts import list_label
from llada_viz.jobs.job_store import Job
from llada_viz.jobs.queue import Jobs
from llada_viz.widgets.live import QUIET, Updates, alert, refusal

ACTIONS = {"stop": "Stop", "resume": "Resume", "remove": "Delete"}
SURE = "(job, ids, sure) => [job, ids, window.confirm('Delete this {noun} for good, with all its files?')]"
EVERY = 1.5  # seconds between two looks
View = Callable[[Job | None, Mapping[Any, Any]], Updates]
"""What a tab shows of the chosen job, None where there is none, given the values of its own inputs."""


class JobPanel:
    """The jobs of one kind.

    noun: what the page calls one; stamp: of a job, a text that changes whenever there is more to show;
    public: a host where strangers meet: each visitor sees only the jobs started in this browser, and can
    delete none.
    """

    def __init__(
        self, jobs: Jobs, kind: str, noun: str, stamp: Callable[[Job], str], public: bool = False
    ) -> None:
        self.jobs, self.kind, self.noun, self.stamp, self.public = jobs, kind, noun, stamp, public

    # ---- layout ------------------------------------------------------------------------------

    def build(self, prefix: str, empty: str, secret: str | None = None, ticks: bool = True) -> None:
        """Lay out the list, the state and a row `tools` of buttons, to which the caller may add.

        prefix: of element ids; empty: HTML to show where there is no job; secret: encrypts what is stored in
        the browser; ticks: whether the timer runs.
        """
        self.empty = empty
        # Ids of the jobs that were started in this browser, stored there, encrypted.
        self.visitor_jobs = gr.BrowserState([], storage_key=f"llada-viz-{self.kind}s", secret=secret)
        # Custom values: Gradio refuses a value that is no longer a choice, and the job may be gone.
        self.job = gr.Dropdown(
            [], label=self.noun.capitalize(), elem_id=f"{prefix}-job", interactive=True,
            allow_custom_value=True, visible=False,
        )  # fmt: skip
        self.state = gr.HTML(empty, elem_id=f"{prefix}-state", apply_default_css=False)
        with gr.Row(elem_classes="lz-tools", visible=False) as self.tools:
            self.actions = {
                action: gr.Button(
                    word, size="sm", min_width=80, interactive=False, elem_id=f"{prefix}-{word.lower()}",
                    visible=not (self.public and action == "remove"),
                )
                for action, word in ACTIONS.items()
            }  # fmt: skip
        self.last_look, self.sure = gr.State(""), gr.Checkbox(False, visible=False)
        self.timer = gr.Timer(EVERY, active=ticks)

    def connect(
        self, view: View, view_inputs: Iterable[Any], view_outputs: Iterable[Any], alert_place: Any
    ) -> None:
        """Connect the events. view: what the tab shows of the chosen job; view_inputs, view_outputs: the
        components whose values it is given, and those that it updates; alert_place: for refusals."""
        self.view, self.alert = view, alert_place
        self.look_inputs: set[Any] = {self.job, self.visitor_jobs, self.last_look, *view_inputs}
        self.look_outputs: list[Any] = [
            self.job,
            self.state,
            self.last_look,
            self.tools,
            *self.actions.values(),
            *view_outputs,
        ]
        self.timer.tick(
            self.on_tick, self.look_inputs, self.look_outputs, trigger_mode="once", queue=False, **QUIET
        )
        self.look_again_after(self.job.input)
        for action, button in self.actions.items():
            asking = SURE.format(noun=self.noun) if action == "remove" else None
            done = button.click(
                partial(self.on_action, action),
                [self.job, self.visitor_jobs, self.sure],
                alert_place,
                js=asking,
                **QUIET,
            )
            self.look_again_after(done.then)

    def look_again_after(self, event: Callable[..., Any]) -> Any:
        """Show the chosen job again after an event."""
        return event(self.on_look, self.look_inputs, self.look_outputs, **QUIET)

    # ---- which -------------------------------------------------------------------------------

    def visible(self, visitor_jobs: Sequence[str] = ()) -> list[Job]:
        """The jobs that this visitor may see, the newest first."""
        return [
            j for j in self.jobs.list() if j.kind == self.kind and (not self.public or j.id in visitor_jobs)
        ]

    def choices(self, visitor_jobs: Sequence[str] = ()) -> list[tuple[str, str]]:
        """(entry in the list, id) of each visible job."""
        return [(list_label(job), job.id) for job in self.visible(visitor_jobs)]

    def visible_job(self, chosen: Any, visitor_jobs: Sequence[str] = ()) -> Job:
        """The chosen job, if this visitor may see it; gr.Error with a sentence otherwise."""
        for job in self.visible(visitor_jobs):
            if job.id == chosen:
                return job
        raise gr.Error(f"There is no such {self.noun}.", print_exception=False)

    def check_one_at_a_time(self, visitor_jobs: Sequence[str]) -> None:
        """ValueError: on a public host, where a job of this visitor has not ended."""
        if self.public and any(not job.has_ended for job in self.visible(visitor_jobs)):
            raise ValueError(f"your last {self.noun} is still going on; allowed here: one at a time")

    # ---- events ------------------------------------------------------------------------------

    def on_start(self, begin: Callable[[], str], visitor_jobs: Sequence[str]) -> Iterator[Updates]:
        """Queue a job. begin: does it and returns its id; its refusal is a sentence."""
        try:
            job = begin()
        except (ValueError, OSError) as error:
            update, ending = refusal(error, self.alert)
            yield update
            raise ending from None
        visitor_jobs = [*visitor_jobs, job]
        yield {
            self.alert: "",
            self.visitor_jobs: visitor_jobs,
            self.job: gr.update(choices=self.choices(visitor_jobs), value=job, visible=True),
        }

    @property
    def start_outputs(self) -> list[Any]:
        """What `on_start` updates."""
        return [self.alert, self.visitor_jobs, self.job]

    def on_tick(self, values: Mapping[Any, Any]) -> Updates:
        """As `on_look`, but changes nothing on the page when nothing has happened."""
        return self._look(values, only_changes=True)

    def on_look(self, values: Mapping[Any, Any]) -> Updates:
        """Show the chosen job, or the newest where none is chosen."""
        return self._look(values, only_changes=False)

    def _look(self, values: Mapping[Any, Any], only_changes: bool) -> Updates:
        jobs = self.visible(values[self.visitor_jobs])
        job = next((job for job in jobs if job.id == values[self.job]), jobs[0] if jobs else None)
        options = [(list_label(job), job.id) for job in jobs]
        now = f"{options} {self.stamp(job) if job else ''}"
        if only_changes and now == values[self.last_look]:
            return {self.last_look: gr.skip()}
        # A late tick must not undo a choice that was made meanwhile.
        stays = only_changes and job is not None and job.id == values[self.job]
        chosen: dict[str, Any] = {} if stays else {"value": job.id if job else None}
        allowed = {
            "stop": job is not None and job.state in ("queued", "running"),
            "resume": job is not None and job.can_resume,
            "remove": job is not None and job.has_ended,
        }
        return {
            self.state: self.empty, self.last_look: now,
            self.job: gr.update(choices=options, visible=bool(jobs), **chosen),
            self.tools: gr.update(visible=bool(jobs)),
            **{self.actions[action]: gr.update(interactive=one) for action, one in allowed.items()},
            **self.view(job, values),
        }  # fmt: skip

    def on_action(self, action: str, chosen: Any, visitor_jobs: Sequence[str], sure: bool) -> str:
        """Stop, resume or (when the visitor is sure) remove; an alert when that cannot be done, else ""."""
        job = self.visible_job(chosen, visitor_jobs)
        if action == "remove" and self.public:
            raise gr.Error("Nothing is deleted on a public host.", print_exception=False)
        try:
            if action == "resume":
                self.check_one_at_a_time(visitor_jobs)
            if action != "remove" or sure:
                getattr(self.jobs, action)(job.id)
        except (ValueError, OSError) as error:
            return alert(f"{error}.")
        return ""
