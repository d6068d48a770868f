"""What tabs with live decoding share: how a prompt becomes a run, how its buttons are wired, what is said.

Handlers take a set of components, so what they are given is {component: value}, and answer with the
components that change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from html import escape
from typing import Any, Protocol

import gradio as gr

from llada_viz.decoding.attached import Using
from llada_viz.decoding.bundled import Bundled
from models.loading import ModelError
from samplers.registry import Entry, entry, head_users, make
from samplers.requests import Prepared, RequestError, Tools, prepare
from tasks.recognise import problem_of

UPDATES_PER_SECOND = 30
MOST_PROMPT = 20_000
CHECKER = "checker"
NO_CHECKER = (
    "{title} needs scores. The exact checker scores the five bundled kinds of problem, and this prompt is "
    "none of them; allowed: such a prompt, or a reward model as the scorer"
)
NO_HEAD = (
    "{what} needs a UPS head, and none is loaded that was trained on this network; allowed: another choice, "
    "or a head that the Train tab trains (remask-sft)"
)
Updates = dict[Any, Any]
"""What a handler answers: component -> its new value, or an update."""
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
Values = Mapping[Any, Any]
"""What a handler is given: the value of every component of its inputs."""


class LiveTab(Protocol):
    """A tab that decodes. `idle`, `busy`: what its primary button says."""

    start: Any
    stop: Any
    alert: Any
    run_id: Any
    canvas: Any
    idle: str
    busy: str

    def on_decode(self, run_id: str) -> Iterator[Any]: ...
    def on_stop(self, values: Values) -> Updates: ...


def checked_prompt(using: Using, prompt: str | None) -> str:
    """The prompt, when there is a model to ask and the prompt is not too long."""
    if using.loaded is None:
        raise ModelError(using.problem.rstrip("."))
    length = len(prompt or "")
    if length > MOST_PROMPT:
        raise RequestError(
            f"prompt has {length} characters; allowed: at most {MOST_PROMPT}",
            f"The prompt has {length:,} characters; it may have {MOST_PROMPT:,}.",
        )
    return prompt or ""


def prepared(
    using: Using, sampler: str, settings: Mapping[str, Any], prompt: str, seed: Any, constraints: str = "",
    scorer: str = CHECKER,
) -> Prepared:  # fmt: skip
    """A run of a checked prompt; a sampler that needs scores gets them from the scorer, one of
    `scorers`, and one that needs a head the head."""
    assert using.loaded is not None
    found, task = entry(sampler), problem_of(prompt)
    tools = Tools()
    needs = make(sampler, settings).needs
    if needs.scorer and scorer == CHECKER:
        if task is None:
            raise RequestError(NO_CHECKER.format(title=found.title))
        tools = Tools(scorer=CHECKER)
    elif needs.scorer:
        check_scorer(using, scorer)
        tools = Tools(scorer="prm", reward=using.reward(scorer))
    if needs.head:
        if using.ups_head is None:
            raise no_head(found)
        tools = replace(tools, ups_head=using.ups_head)
    return prepare(
        using.loaded, sampler, settings, tools,
        seed=whole(seed), prompt=prompt, constraints=constraints, task=task,
    )  # fmt: skip


def no_head(found: Entry) -> RequestError:
    """What is said of a sampler that needs a head where there is none."""
    with_head = ", ".join(f"{name} = {value!r}" for name, value in found.with_head.items())
    return RequestError(NO_HEAD.format(what=with_head or found.title))


def usual(using: Using) -> dict[str, dict[str, Any]]:
    """Settings that depend on what is at hand, by sampler: those that can use a head do when there is one."""
    return {found.name: dict(found.with_head) for found in head_users()} if using.has_head else {}


def scorers(using: Using) -> list[tuple[str, str]]:
    """(shown, value) of whatever can score: the exact checker, then the reward models."""
    return [("exact checker", CHECKER), *((f"reward model: {name}", name) for name in using.rewards)]


def check_scorer(using: Using, scorer: str) -> None:
    """RequestError unless it is one of `scorers`."""
    allowed = [value for _, value in scorers(using)]
    if scorer not in allowed:
        raise RequestError(f"scorer = {scorer!r} is not known; allowed: {', '.join(allowed)}")


def wire(
    tab: LiveTab, begin: Callable[[Values], Any], inputs: set[Any], end: Callable[[str], Updates]
) -> None:
    """Start begins and then decodes, Stop ends it. begin: checks what the inputs hold, yields updates;
    end: run id -> Start and Stop as they must be."""
    ends = [tab.start, tab.stop]
    begun = tab.start.click(
        begin, {tab.run_id, *inputs}, [tab.alert, tab.run_id, tab.canvas, *ends],
        trigger_mode="once", concurrency_limit=None, **QUIET,
    )  # fmt: skip
    decoding = begun.success(
        tab.on_decode, tab.run_id, tab.canvas,
        trigger_mode="once", concurrency_id="gpu", concurrency_limit=1, **QUIET,
    )  # fmt: skip
    decoding.then(end, tab.run_id, ends, queue=False, **QUIET)
    tab.stop.click(tab.on_stop, {tab.run_id}, [tab.canvas, *ends], cancels=[decoding], queue=False, **QUIET)


def example_buttons(bundled: Bundled) -> list[Any]:
    """One button an example."""
    with gr.Row(elem_classes="lz-examples"):
        return [gr.Button(example.label, size="sm", min_width=0) for example in bundled.examples]


def whole(value: Any) -> Any:
    """What the browser sent for a whole number: 64.0 is 64."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def alert(text: str) -> str:
    """A sentence that a screen reader speaks at once; '' clears it."""
    text = f"{text.rstrip('.')}." if text.endswith("..") else text  # a message that was a whole sentence
    return f'<p role="alert">{escape(text)}</p>' if text else ""


def nothing() -> Updates:
    """The answer of a handler that changes nothing."""
    return dict(gr.skip())


def buttons(tab: LiveTab, running: bool) -> Updates:
    """Start and Stop of a tab while a run goes on, or while none does."""
    return {
        tab.start: gr.update(interactive=not running, value=tab.busy if running else tab.idle),
        tab.stop: gr.update(interactive=running),
    }
