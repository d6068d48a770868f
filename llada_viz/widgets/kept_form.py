"""A form whose values stay in the browser through a refresh."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import gradio as gr

from llada_viz.decoding.kept import fits, is_text, kept_values
from llada_viz.widgets.form import Key, plain
from llada_viz.widgets.live import QUIET, Updates
from samplers.settings import Described

LARGEST = 1e12
RESET = "Of what this browser remembers, some does not fit and was reset: {}"
MOST_CHOSEN = 100
NOT_KEPT: dict[str, Described] = {}


def recall(*names: str) -> str:
    """JavaScript that gives what the browser kept under these names, "" for nothing."""
    keys = json.dumps([f"llada-viz-{name}" for name in names])
    return (
        f"() => {keys}.map((key) => {{ try {{ return localStorage.getItem(key) ?? ''; }}"
        " catch { return ''; } })"
    )


class KeptForm:
    """name: of what is stored; fields: id -> component; settings: of the fields that have a range, by id. The
    caller decides what to do with the values that come back."""

    def __init__(
        self, name: str, fields: Mapping[str, Any], settings: Mapping[str, Described] = NOT_KEPT
    ) -> None:
        self.name, self.fields, self.settings = name, dict(fields), settings

    def keep(self) -> None:
        """Store the values whenever one changes."""
        ids = json.dumps(list(self.fields))
        script = f"(...values) => window.LladaCanvas?.remember('{self.name}', {ids}, values)"
        components = list(self.fields.values())
        gr.on(
            [component.change for component in components], None, components, None, js=script, queue=False,
            **QUIET,
        )  # fmt: skip

    @property
    def begin(self) -> str:
        """JavaScript for when the stored values are back in the form: from now on changes are kept."""
        return f"() => window.LladaCanvas.keeping('{self.name}')"

    def first(self) -> Updates:
        """Every input as it began."""
        return {component: component.value for component in self.fields.values()}

    def read(self, text: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """The stored values that fit, by id; and a sentence for each that does not."""
        right, wrong = {}, {}
        for name, value in kept_values(text).items():
            component, setting = self.fields.get(name), self.settings.get(name)
            if component is None or value is None:  # an input that was empty begins anew
                continue
            value = value if setting is None else plain(value, setting)
            sentence = fits(setting, value) if setting else misfit(component, value)
            if sentence:
                wrong[name] = sentence
            else:
                right[name] = value
        return right, wrong


def field_id(key: Key) -> str:
    """Under which the value of a setting's input is kept. Inputs of one name differ in their choices."""
    name, _, options = key
    return ":".join(["setting", name, *options])


def misfit(component: Any, value: Any) -> str:
    """ "" for a value that a component can show, else a sentence."""
    label = getattr(component, "label", None) or "An input"
    if isinstance(component, gr.Number):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return (
            "" if number and math.isfinite(value) and abs(value) < LARGEST else f"{label} must be a number."
        )
    if isinstance(component, gr.Checkbox):
        return "" if isinstance(value, bool) else f"{label} must be on or off."
    if getattr(component, "multiselect", False):
        texts = isinstance(value, list) and len(value) < MOST_CHOSEN and all(map(is_text, value))
        return "" if texts else f"{label} must be a list."
    if isinstance(component, (gr.Dropdown, gr.Radio)) and not getattr(component, "allow_custom_value", False):
        allowed = [choice[1] for choice in component.choices]
        return "" if isinstance(value, str) and value in allowed else f"{label} has no such choice."
    return "" if is_text(value) else f"{label} must be text."
