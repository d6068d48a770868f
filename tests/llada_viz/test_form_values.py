"""A form's inputs as one input of an event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest

from llada_viz.page import create_ui
from llada_viz.widgets.form_values import FormValues


@pytest.fixture
def form() -> FormValues:
    with gr.Blocks():
        parts = [
            gr.Textbox(""),
            gr.Number(1, precision=0),
            gr.Checkbox(),
            gr.Dropdown(["a", "b"]),
            gr.State(""),
        ]
        return FormValues(reversed(parts))


def test_values_arrive_as_the_inputs_would_give_them(form: FormValues) -> None:
    assert [type(field) for field in form.fields] == [gr.Textbox, gr.Number, gr.Checkbox, gr.Dropdown]
    values = form.read(json.dumps(["<b> ]]", 7.0, True, "b"]))
    assert list(values.values()) == ["<b> ]]", 7, True, "b"] and isinstance(values[form.fields[1]], int)


@pytest.mark.parametrize("text", ["", "7", "{}", "[]", '["", 1, true]', '["", 1, true, "a", "b"]', "[", None])
def test_what_is_no_form_is_refused(form: FormValues, text: Any) -> None:
    with pytest.raises(gr.Error, match="did not arrive"):
        form.read(text)


def test_a_choice_that_is_not_offered_is_refused(form: FormValues) -> None:
    with pytest.raises(gr.Error, match="not in the list of choices"):
        form.read('["", 1, true, "c"]')


def test_a_handler_sees_the_form_and_what_else_it_was_given(form: FormValues) -> None:
    text, number, *_ = form.fields
    given = {form.text: '["what", 2, false, null]', form.states[0]: "id"}

    def handler(values: Any) -> Any:
        return values[text], values[number], values[form.states[0]]

    def yields(values: Any) -> Iterator[Any]:
        yield handler(values)

    assert form.given_to(handler)(given) == ("what", 2, "id")
    assert list(form.given_to(yields)(given)) == [("what", 2, "id")]


def test_no_event_of_the_page_tells_many_components_how_it_gets_on() -> None:
    """Each costs the page a search through its tree, at each answer of the server."""
    told = {
        f"{event.name} {number}": len(
            {p._id for p in [*event.inputs, *(event.show_progress_on or event.outputs)]}
        )
        for number, event in create_ui().fns.items()
        if event.fn is not None and event.targets
    }
    assert {name: count for name, count in told.items() if count > 17} == {}
