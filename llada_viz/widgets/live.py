"""What the tabs with live decoding share: making a run from a prompt, wiring Start and Stop, alerts.

Event handlers are registered with a set of components, so Gradio calls them with a dict {component: value}.
They return a dict of the components that change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any, Protocol

import gradio as gr

from llada_viz.decoding.attached import Attachments, Using
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.conversation import Message
from llada_viz.decoding.entrance import ENTRANCE
from llada_viz.decoding.served import CHECKER, tools_for
from llada_viz.decoding.setups import MOST_PROMPT
from llada_viz.decoding.sharing import sharing_of
from llada_viz.decoding.zero_gpu import Order, adapter_of, lent, rows_of
from models.checkpoint import ModelError
from samplers.registry import head_users, make
from samplers.requests import Prepared, RequestError, prepare
from samplers.settings import sentence_of

UPDATES_PER_SECOND = 30
UPDATES_OF_ALL = 60  # updates a second, of all runs together
NOTICE_SECONDS = 1.0  # between two sentences about the place in the line
Updates = dict[Any, Any]
"""What a handler returns: component -> its new value, or a gr.update."""
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
Values = Mapping[Any, Any]
"""What a handler is given: component -> its value."""


class Decoding(Protocol):
    """A run, or several that are compared."""

    def advance(self, seconds: float) -> Sequence[Any]: ...
    def stop(self) -> None: ...
    def belongs_to(self, owner: str) -> None: ...


class LiveTab(Protocol):
    """A tab that decodes. idle, busy: the label of its start button before and during a run."""

    start: Any
    stop: Any
    alert: Any
    run_id: Any
    canvas: Any
    idle: str
    busy: str

    def on_decode(self, run_id: str, visitor: str = "") -> Iterator[Any]: ...
    def on_stop(self, values: Values) -> Updates: ...


def checked_prompt(using: Using, prompt: str | None) -> str:
    """The prompt, "" for none. ModelError: no model is loaded. RequestError: the prompt is too long."""
    if using.loaded is None:
        raise ModelError(using.problem.rstrip("."))
    length = len(prompt or "")
    if length > MOST_PROMPT:
        raise RequestError(
            f"prompt has {length} characters; allowed: at most {MOST_PROMPT}",
            f"The prompt has {length:,} characters; it may have {MOST_PROMPT:,}.",
        )
    return prompt or ""


def prepare_run(
    using: Using, sampler: str, settings: Mapping[str, Any], prompt: str, seed: Any, constraints: str = "",
    scorer: str = CHECKER, earlier: Sequence[Message] = (),
) -> Prepared:  # fmt: skip
    """A run that is ready to start, here or on ZeroGPU. prompt: a checked one; scorer: a value of `scorers`,
    for samplers that need one; earlier: turns of a conversation that the prompt goes on with. RequestError:
    the sampler needs a scorer or a UPS head that is not there."""
    ready = prepare_here(using, sampler, settings, prompt, seed, constraints, scorer, earlier)

    def order() -> Order:
        steps, rows = ready.sampler.steps, rows_of(ready.sampler)
        return Order(
            adapter_of(using), sampler, dict(settings), prompt, seed, constraints, scorer, steps, rows,
            tuple(earlier),
        )  # fmt: skip

    return lent(ready, order)


def prepare_ordered(attachments: Attachments, order: Order) -> Prepared:
    """In a worker of ZeroGPU: the run of an order, with the adapter loaded where the worker lacks it."""
    name = attachments.add_bundled(order.adapter) if order.adapter else ""
    return prepare_here(
        attachments.using(name), order.sampler, order.settings, order.prompt, order.seed,
        order.constraints, order.scorer, order.earlier,
    )  # fmt: skip


def prepare_here(
    using: Using, sampler: str, settings: Mapping[str, Any], prompt: str, seed: Any, constraints: str,
    scorer: str, earlier: Sequence[Message] = (),
) -> Prepared:  # fmt: skip
    """As `prepare_run`, to be decoded by this process."""
    assert using.loaded is not None
    built = make(sampler, settings)
    tools, task = tools_for(using, built, prompt, scorer if built.needs.scorer else "")
    tools = replace(tools, sharing=sharing_of(using.loaded))
    asked: dict[str, Any] = {"prompt": prompt}
    if earlier:
        asked = {"messages": [*earlier, {"role": "user", "content": prompt}]}
    return prepare(
        using.loaded, sampler, settings, tools,
        seed=without_fraction(seed), constraints=constraints, task=task, **asked,
    )  # fmt: skip


def head_settings(using: Using) -> dict[str, dict[str, Any]]:
    """Sampler -> the settings with which it uses a UPS head, where there is one and it can; else {}."""
    return {sampler.name: dict(sampler.with_head) for sampler in head_users()} if using.has_head else {}


def wire(
    tab: LiveTab, begin: Callable[[Values], Any], inputs: set[Any], end: Callable[[str], Updates]
) -> tuple[Any, Any]:
    """Connect Start, which calls `begin` and then decodes, and Stop; what ends with a run, and with a stop.

    begin: checks the values of the inputs and yields updates, or raises; end: run id -> updates of the two
    buttons when decoding is over.
    """
    ends = [tab.start, tab.stop]
    begun = tab.start.click(
        begin, {tab.run_id, *inputs}, [tab.alert, tab.run_id, tab.canvas, *ends],
        trigger_mode="once", concurrency_limit=None, **QUIET,
    )  # fmt: skip

    def decode(run_id: str, request: gr.Request) -> Iterator[Any]:
        yield from tab.on_decode(run_id, str(request.session_hash or ""))

    decoding = begun.success(
        decode, tab.run_id, tab.canvas,
        trigger_mode="once", concurrency_limit=None, postprocess=False, **QUIET,
    )  # fmt: skip
    ended = decoding.then(end, tab.run_id, ends, queue=False, **QUIET)
    stopped = tab.stop.click(
        tab.on_stop, {tab.run_id}, [tab.canvas, *ends], cancels=[decoding], queue=False, **QUIET
    )
    return ended, stopped


def streamed(
    decoding: Decoding,
    message: Callable[[Any, Any], Any],
    notice: Callable[[Any, str], Any],
    visitor: str = "",
) -> Iterator[Any]:
    """Decode to the end, and give the page the new frames about 30 times a second, less often when many are
    decoded. message: packs frames; notice: packs a sentence for as long as there is no room at the model."""
    decoding.belongs_to(visitor)
    with ENTRANCE.entered() as place:
        while sentence := place.wait(NOTICE_SECONDS):
            yield notice(decoding, sentence)
        try:
            seconds = 1 / UPDATES_PER_SECOND
            while any(frames := decoding.advance(seconds)):
                yield message(decoding, frames)
                seconds = max(1 / UPDATES_PER_SECOND, ENTRANCE.inside / UPDATES_OF_ALL)
        finally:
            decoding.stop()


def start_and_stop(label: str, problem: str, prefix: str = "") -> tuple[gr.HTML, gr.Button, gr.Button]:
    """Lay out the foot of a form: its alert, Start and Stop. problem: the alert's text at first."""
    with gr.Column(elem_classes="lz-bottom", min_width=0):
        place = gr.HTML(alert(problem), elem_id=f"{prefix}alert", apply_default_css=False)
        with gr.Row(elem_classes="lz-go"):
            start = gr.Button(label, variant="primary", elem_id=f"{prefix}run", min_width=80)
            stop = gr.Button("Stop", elem_id=f"{prefix}stop", min_width=80, interactive=False)
    return place, start, stop


def example_buttons(bundled: Bundled) -> list[Any]:
    """A button for each example."""
    with gr.Row(elem_classes="lz-examples"):
        return [gr.Button(example.label, size="sm", min_width=0) for example in bundled.examples]


def more_cells(using: Using, prompt: str, length: float | None) -> dict[str, int]:
    """Sizes by name for a prompt that is known to need a longer answer than `length`; {} for all others."""
    settings = using.prompt_settings(prompt)
    cells, block = settings.get("gen_length", 0), settings.get("block_length", 0)
    if not block or cells <= (length or 0):
        return {}
    steps = using.steps_for(cells, block) or settings.get("steps", cells)
    return {"gen_length": cells, "block_length": block, "steps": steps}


def without_fraction(value: Any) -> Any:
    """A browser sends whole numbers as floats: 64.0 becomes 64. Anything else stays as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def alert(text: str) -> str:
    """A sentence that a screen reader speaks at once; '' clears it."""
    text = f"{text.rstrip('.')}." if text.endswith("..") else text  # a message that was a whole sentence
    return f'<p role="alert">{escape(text)}</p>' if text else ""


def refusal(error: Exception, place: Any) -> tuple[Updates, gr.Error]:
    """A refusal as the page has it: the update of the alert at `place`, and an error to raise after it was
    sent, which ends the event without a message of Gradio's own."""
    return {place: alert(sentence_of(error))}, gr.Error(str(error), visible=False, print_exception=False)


def no_change() -> Updates:
    """The updates of a handler that changes nothing."""
    return dict(gr.skip())


def buttons(tab: LiveTab, running: bool) -> Updates:
    """Updates of Start and Stop. running: whether a run goes on."""
    return {
        tab.start: gr.update(interactive=not running, value=tab.busy if running else tab.idle),
        tab.stop: gr.update(interactive=running),
    }
