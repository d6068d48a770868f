"""What tabs with background jobs share: the list, how the chosen job stands, its buttons, looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import gradio as gr

from llada_viz.jobs.job_facts import list_label
from llada_viz.jobs.job_store import Job
from llada_viz.jobs.queue import Jobs
from llada_viz.widgets.live import QUIET, Updates, alert
from samplers.settings import sentence_of

ACTIONS = {"stop": "Stop", "resume": "Resume", "remove": "Delete"}
SURE = "(job, mine, sure) => [job, mine, window.confirm('Delete this {noun} for good, with all its files?')]"
EVERY = 1.5  # seconds between two looks
View = Callable[[Job | None, Mapping[Any, Any]], Updates]
"""What a tab shows of the chosen job, None where there is none, given the values of its own inputs."""


class JobPanel:
    """The jobs of one kind. noun: what one is called; stamp: of a job, something that changes whenever there
    is more to show; public: a host where strangers meet, who see their own jobs only, and delete none."""

    def __init__(
        self, jobs: Jobs, kind: str, noun: str, stamp: Callable[[Job], str], public: bool = False
    ) -> None:
        self.jobs, self.kind, self.noun, self.stamp, self.public = jobs, kind, noun, stamp, public

    # ---- layout ------------------------------------------------------------------------------

    def build(self, prefix: str, empty: str, secret: str | None = None, ticks: bool = True) -> None:
        """Lay out the list, the state and a row `tools` of buttons, to which the caller may add. empty: HTML
        of the state where there is no job; secret: of the browser's state; ticks: whether it looks by
        itself."""
        self.empty = empty
        # Ids of the visitor's jobs, unreadable without the key, which outlives a restart.
        self.mine = gr.BrowserState([], storage_key=f"llada-viz-{self.kind}s", secret=secret)
        # Custom values: what was chosen may be gone by the time that it is sent, and would be refused.
        self.job = gr.Dropdown(
            [], label=self.noun.capitalize(), elem_id=f"{prefix}-job", interactive=True,
            allow_custom_value=True,
        )  # fmt: skip
        self.state = gr.HTML(empty, elem_id=f"{prefix}-state", apply_default_css=False)
        with gr.Row(elem_classes="lz-tools") as self.tools:
            self.actions = {
                action: gr.Button(
                    word, size="sm", min_width=80, interactive=False, elem_id=f"{prefix}-{word.lower()}",
                    visible=not (self.public and action == "remove"),
                )
                for action, word in ACTIONS.items()
            }  # fmt: skip
        self.seen, self.sure = gr.State(""), gr.Checkbox(False, visible=False)
        self.timer = gr.Timer(EVERY, active=ticks)

    def connect(self, view: View, asks: Iterable[Any], shows: Iterable[Any], said: Any) -> None:
        """Follow the chosen job. asks, shows: the components whose values `view` is given, and those that it
        updates; said: where a refusal is shown."""
        self.view, self.said = view, said
        self.looked: set[Any] = {self.job, self.mine, self.seen, *asks}
        self.shown: list[Any] = [self.job, self.state, self.seen, *self.actions.values(), *shows]
        self.timer.tick(self.on_tick, self.looked, self.shown, trigger_mode="once", queue=False, **QUIET)
        self.look_after(self.job.input)
        for action, button in self.actions.items():
            asking = SURE.format(noun=self.noun) if action == "remove" else None
            done = button.click(
                partial(self.on_action, action), [self.job, self.mine, self.sure], said, js=asking, **QUIET
            )
            self.look_after(done.then)

    def look_after(self, event: Callable[..., Any]) -> Any:
        """Look again after this."""
        return event(self.on_look, self.looked, self.shown, **QUIET)

    # ---- which -------------------------------------------------------------------------------

    def visible(self, mine: Sequence[str] = ()) -> list[Job]:
        """What this visitor may see, the newest first."""
        return [j for j in self.jobs.list() if j.kind == self.kind and (not self.public or j.id in mine)]

    def choices(self, mine: Sequence[str] = ()) -> list[tuple[str, str]]:
        """(what it is listed as, id) of each."""
        return [(list_label(job), job.id) for job in self.visible(mine)]

    def of(self, chosen: Any, mine: Sequence[str] = ()) -> Job:
        """The chosen job, if this visitor may see it; gr.Error with a sentence otherwise."""
        for job in self.visible(mine):
            if job.id == chosen:
                return job
        raise gr.Error(f"There is no such {self.noun}.", print_exception=False)

    # ---- events ------------------------------------------------------------------------------

    def on_start(self, begin: Callable[[], str], mine: Sequence[str]) -> Iterator[Updates]:
        """Queue a job. begin: does it and returns its id; its refusal is a sentence."""
        try:
            job = begin()
        except (ValueError, OSError) as error:
            yield {self.said: alert(sentence_of(error))}
            raise gr.Error(str(error), visible=False, print_exception=False) from None
        mine = [*mine, job]
        yield {self.said: "", self.mine: mine, self.job: gr.update(choices=self.choices(mine), value=job)}

    @property
    def starts(self) -> list[Any]:
        """What `on_start` updates."""
        return [self.said, self.mine, self.job]

    def on_tick(self, values: Mapping[Any, Any]) -> Updates:
        """As `on_look`, but nothing when nothing has changed."""
        return self._look(values, only_changes=True)

    def on_look(self, values: Mapping[Any, Any]) -> Updates:
        """The chosen job as it stands, else the newest."""
        return self._look(values, only_changes=False)

    def _look(self, values: Mapping[Any, Any], only_changes: bool) -> Updates:
        known = self.visible(values[self.mine])
        job = next((job for job in known if job.id == values[self.job]), known[0] if known else None)
        options = [(list_label(job), job.id) for job in known]
        now = f"{options} {self.stamp(job) if job else ''}"
        if only_changes and now == values[self.seen]:
            return {self.seen: gr.skip()}
        # A tick that comes late keeps its hands off what was chosen meanwhile.
        stays = only_changes and job is not None and job.id == values[self.job]
        chosen: dict[str, Any] = {} if stays else {"value": job.id if job else None}
        may = {
            "stop": job is not None and job.state in ("queued", "running"),
            "resume": job is not None and job.can_resume,
            "remove": job is not None and job.has_ended,
        }
        return {
            self.state: self.empty, self.job: gr.update(choices=options, **chosen), self.seen: now,
            **{self.actions[action]: gr.update(interactive=one) for action, one in may.items()},
            **self.view(job, values),
        }  # fmt: skip

    def on_action(self, action: str, chosen: Any, mine: Sequence[str], sure: bool) -> str:
        """Stop, resume or (when the visitor is sure) remove; an alert when that cannot be done, else ""."""
        job = self.of(chosen, mine)
        if action == "remove" and self.public:
            raise gr.Error("Nothing is deleted on a public host.", print_exception=False)
        try:
            if action != "remove" or sure:
                getattr(self.jobs, action)(job.id)
        except (ValueError, OSError) as error:
            return alert(f"{error}.")
        return ""
