"""What the tabs with a start button share: Start and Stop, and what they show at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import gradio as gr

from llada_viz.widgets.form_values import FormValues
from llada_viz.widgets.live import QUIET, Updates, Values, alert

STARTS = "() => ({ __type__: 'update', interactive: false, value: 'Starting…' })"
"""Of a button that was pressed: the browser says so at once, however busy the server is."""


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


def start_and_stop(label: str, problem: str, prefix: str = "") -> tuple[gr.HTML, gr.Button, gr.Button]:
    """Lay out the foot of a form: its alert, Start and Stop. problem: the alert's text at first."""
    with gr.Column(elem_classes="lz-bottom", min_width=0):
        place = gr.HTML(alert(problem), elem_id=f"{prefix}alert", apply_default_css=False)
        with gr.Row(elem_classes="lz-go"):
            start = gr.Button(label, variant="primary", elem_id=f"{prefix}run", min_width=80)
            stop = gr.Button("Stop", elem_id=f"{prefix}stop", min_width=80, interactive=False)
    return place, start, stop


def buttons(tab: LiveTab, running: bool) -> Updates:
    """Updates of Start and Stop. running: whether a run goes on."""
    return {
        tab.start: gr.update(interactive=not running, value=tab.busy if running else tab.idle),
        tab.stop: gr.update(interactive=running),
    }


def wire(
    tab: LiveTab, begin: Callable[[Values], Any], inputs: set[Any], end: Callable[[str], Updates]
) -> tuple[Any, Any]:
    """Connect Start, which calls `begin` and then decodes, and Stop; what ends with a run, and with a stop.

    begin: checks the values of the inputs and yields updates, or raises; end: run id -> updates of the two
    buttons when decoding is over.
    """
    ends, form = [tab.start, tab.stop], FormValues(inputs)
    tab.start.click(None, None, tab.start, js=STARTS, queue=False, **QUIET)
    begun = form.gathered(tab.start.click).success(
        form.given_to(begin), form.inputs(tab.run_id), [tab.alert, tab.run_id, tab.canvas, *ends],
        trigger_mode="once", concurrency_limit=None, **QUIET,
    )  # fmt: skip

    def decode(run_id: str, request: gr.Request) -> Iterator[Any]:
        yield from tab.on_decode(run_id, str(request.session_hash or ""))

    begun.failure(end, tab.run_id, ends, queue=False, **QUIET)
    decoding = begun.success(
        decode, tab.run_id, tab.canvas,
        trigger_mode="once", concurrency_limit=None, postprocess=False, **QUIET,
    )  # fmt: skip
    ended = decoding.then(end, tab.run_id, ends, queue=False, **QUIET)
    stopped = tab.stop.click(
        tab.on_stop, {tab.run_id}, [tab.canvas, *ends], cancels=[decoding], queue=False, **QUIET
    )
    return ended, stopped


def press_at_once(button: Any) -> None:
    """Show in the browser that a button was pressed. Connect it before what the press begins: the browser
    does one after the other. `released`: the server has answered."""
    pressed = f"() => {{ document.querySelector('#{button.elem_id}').dataset.pressed = ''; }}"
    button.click(None, None, None, js=pressed, queue=False, **QUIET)


def released(button: Any, begun: Any, place: Any) -> None:
    """Show it no more once an event has begun something, or has refused it at `place`: after a refusal the
    browser runs nothing that waits for the event."""
    over = f"() => {{ delete document.querySelector('#{button.elem_id}').dataset.pressed; }}"
    begun.success(None, None, None, js=over, queue=False, **QUIET)
    place.change(None, None, None, js=over, queue=False, **QUIET)
