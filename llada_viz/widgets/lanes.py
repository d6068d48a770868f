"""The part of the forms of Compare and Evaluate in which up to four samplers are chosen, each with its
settings as text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import gradio as gr

from llada_viz.decoding.lane import Lane, labelled_lanes
from llada_viz.widgets.form import choices
from llada_viz.widgets.live import QUIET
from samplers.registry import entry, parse_settings
from samplers.requests import RequestError
from samplers.settings import SettingError

NONE = "none"
ROWS_SHOWN = 2  # rows that are visible at first
# What all lanes share: name, label, and the value where a set or an example names none.
SIZES = (("gen_length", "Answer length", 32), ("block_length", "Block length", 8), ("steps", "Steps", 32))
Usual = Mapping[str, Mapping[str, Any]]
NO_SETTINGS: Usual = MappingProxyType({})
FIRST = (("low_confidence", ""), ("threshold", "threshold=0.9"), (NONE, ""), (NONE, ""))


class Lanes:
    """Rows of a sampler and its settings: two, and more behind a button."""

    def __init__(self, prefix: str, first: Sequence[tuple[str, str]] = FIRST) -> None:
        self.prefix, self.first = prefix, first
        self.inputs: list[Any] = []
        self.rows: list[Any] = []

    def build(self) -> None:
        """Lay out the rows, and the button that shows the next one."""
        chosen = sum(sampler != NONE for sampler, _ in self.first)
        shown = min(max(chosen, ROWS_SHOWN), len(self.first))
        self._rows(shown)
        self.count = gr.State(shown)
        self.add = gr.Button(
            "Add a sampler", size="sm", elem_id=f"{self.prefix}-add", elem_classes="lz-open",
            visible=shown < len(self.rows),
        )  # fmt: skip
        self.add.click(self.on_add, {self.count}, [self.count, self.add, *self.rows], queue=False, **QUIET)

    def on_add(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        """Show one row more."""
        count = min(values[self.count] + 1, len(self.rows))
        return {
            self.count: count, self.add: gr.update(visible=count < len(self.rows)),
            self.rows[count - 1]: gr.update(visible=True),
        }  # fmt: skip

    def _rows(self, shown: int) -> None:
        samplers = choices()
        for number, (sampler, text) in enumerate(self.first, 1):
            options = samplers if number == 1 else [("–", NONE), *samplers]
            with gr.Column(elem_classes="lz-lane", min_width=0, visible=number <= shown) as row:
                self.rows.append(row)
                chosen = gr.Dropdown(
                    options, value=sampler, label=f"Sampler {number}", min_width=120,
                    elem_id=f"{self.prefix}-sampler-{number}",
                )  # fmt: skip
                own = gr.Textbox(
                    text, label=f"Settings of sampler {number}", show_label=False, min_width=120, lines=1,
                    placeholder="optional: temperature=0.5, …", max_lines=3,
                    elem_id=f"{self.prefix}-settings-{number}",
                )  # fmt: skip
            # Another sampler has other settings: clear them. Done in the browser, for an answer of the server
            # could come after somebody has begun to type.
            chosen.input(None, None, own, js="() => ''", queue=False, **QUIET)
            self.inputs += [chosen, own]

    def read(
        self, values: Sequence[Any], shared: Mapping[str, Any], least: int = 1, usual: Usual = NO_SETTINGS
    ) -> list[Lane]:
        """The chosen lanes. RequestError: names the row that cannot be used.

        values: of `inputs`, in their order; shared: settings for every sampler; least: how many must be
        chosen; usual: settings by sampler. What was typed overrides usual, and usual overrides shared.
        """
        pairs = list(zip(values[::2], values[1::2], strict=True))
        chosen = [(n, name, text or "") for n, (name, text) in enumerate(pairs, 1) if name != NONE]
        if len(chosen) < least:
            number = {1: "one sampler", 2: "two samplers"}.get(least, f"{least} samplers")
            raise RequestError(f"Choose at least {number}")
        return labelled_lanes([n for n, _, _ in chosen], [
            (name, self._settings(number, name, text, {**shared, **usual.get(name, {})}))
            for number, name, text in chosen
        ])  # fmt: skip

    def _settings(self, number: int, name: str, text: str, shared: Mapping[str, Any]) -> dict[str, Any]:
        own_names = {setting.name for setting in entry(name).settings}
        try:
            typed = parse_settings(name, [part for part in re.split(r"[,;\s]+", text) if part])
        except SettingError as error:
            raise RequestError(f"Sampler {number}: {error}", f"Sampler {number}: {error.sentence}") from None
        return {key: value for key, value in shared.items() if key in own_names} | typed
