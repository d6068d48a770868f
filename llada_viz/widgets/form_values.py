"""The inputs of a form as one input of an event.

With each answer of the server Gradio's page tells every component that was an input or an output of an
earlier event how the event is getting on, and looks for each in the tree of the whole page: a form of 60
inputs cost 6 ms an answer, 30 answers a second. An event that stays in the browser does none of that. So the
browser gathers the values first, as a text, and the server takes them apart as Gradio would.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import gradio as gr

from llada_viz.widgets.live import QUIET, Values

GATHER = "(...values) => JSON.stringify(values)"


class FormValues:
    """inputs: components of the form; the page's states among them stay inputs of their own. Lays out a
    component that nobody sees, so it is made where a layout is open."""

    def __init__(self, inputs: Iterable[Any]) -> None:
        every = sorted(inputs, key=lambda component: component._id)
        self.states = [component for component in every if isinstance(component, gr.State)]
        self.fields = [component for component in every if not isinstance(component, gr.State)]
        self.text = gr.Textbox("", visible=False)

    def gathered(self, *events: Callable[..., Any], **options: Any) -> Any:
        """Gather the values when one of these happens; what needs them comes after it, with `success`."""
        event = events[0] if len(events) == 1 else partial(gr.on, events)
        return event(None, self.fields, self.text, js=GATHER, queue=False, **QUIET, **options)

    def inputs(self, *others: Any) -> set[Any]:
        """The inputs of an event that comes after. others: beside the form."""
        return {self.text, *self.states, *others}

    def given_to(self, handler: Callable[..., Any]) -> Callable[[Values], Any]:
        """A handler of `inputs`, for one that takes the values of the form."""

        def handle(values: Values) -> Any:
            return handler({**values, **self.read(values[self.text])})

        def handle_each(values: Values) -> Iterator[Any]:
            yield from handler({**values, **self.read(values[self.text])})

        return handle_each if inspect.isgeneratorfunction(handler) else handle

    def read(self, text: str) -> dict[Any, Any]:
        """The values of the fields. gr.Error: they are none."""
        try:
            given = json.loads(text)
        except (TypeError, ValueError):
            given = None
        if not isinstance(given, list) or len(given) != len(self.fields):
            raise gr.Error("The values of the form did not arrive: try once more.", print_exception=False)
        return {field: field.preprocess(value) for field, value in zip(self.fields, given, strict=True)}
