"""Presets in Compare and Evaluate: one click adds a sampler with published, or one's own, settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import gradio as gr

from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.line_up import MOST_LANES, written
from llada_viz.decoding.own_presets import own_presets
from llada_viz.decoding.setup_link import LinkError
from llada_viz.widgets.kept_form import recall
from llada_viz.widgets.live import QUIET, Updates, Values, alert, without_fraction
from llada_viz.widgets.settings_menu import NONE, PRESETS, SettingsMenu, said
from samplers.settings import sentence_of

FULL = f"{MOST_LANES} samplers are chosen, and more are not compared: remove one first."


class LanePresets:
    """prefix: of element ids."""

    def __init__(self, prefix: str, attachments: Attachments) -> None:
        self.attachments, self.menu = attachments, SettingsMenu(f"{prefix}-", "Add a preset", "choose one")

    def build(self) -> None:
        """Lay it out."""
        self.menu.build()

    def connect(self, attached: gr.State, lanes: Any, sizes: Mapping[str, Any], scorer: Any) -> None:
        """Connect it. lanes: the form's line-up; sizes: its inputs that all samplers share, by name."""
        self.attached, self.lanes, self.sizes, self.scorer = attached, lanes, sizes, scorer
        inputs = {self.menu.choice, self.menu.own, attached, lanes, *sizes.values()}
        outputs = [self.menu.choice, self.menu.words, lanes, scorer]
        self.menu.choice.input(self.on_add, inputs, outputs, queue=False, **QUIET)

    def on_load(self, page: gr.Blocks) -> None:
        """When the page opens: offer the presets that this browser keeps."""
        options: dict[str, Any] = {"queue": False, **QUIET}
        offered = [self.menu.choice, self.menu.own]
        page.load(self.on_own, self.menu.own, offered, js=recall(PRESETS), **options)

    def on_own(self, text: str) -> Updates:
        """The presets that a browser keeps."""
        return self.menu.offered(own_presets(text))

    def on_add(self, values: Values) -> Updates:
        """A preset was chosen: add a sampler with its settings, and say where they are from."""
        menu, rows = self.menu, json.loads(values[self.lanes])
        using = self.attachments.using_or_bundled(values[self.attached])
        sizes = {name: without_fraction(values[component]) for name, component in self.sizes.items()}
        whole = all(type(size) is int and size > 0 for size in sizes.values())
        if len(rows) >= MOST_LANES:
            return {menu.choice: NONE, menu.words: alert(FULL)}
        try:
            filling = menu.filled(values[menu.choice], values[menu.own], using, "", sizes if whole else {})
        except LinkError as error:
            return {menu.choice: NONE, menu.words: alert(sentence_of(error))}
        if filling is None:
            return {menu.words: ""}
        own = {name: value for name, value in filling.given.items() if sizes.get(name) != value}
        choices = [(row["sampler"], row["settings"]) for row in rows]
        shown = {self.scorer: filling.scorer} if filling.scorer else {}
        return {
            menu.choice: NONE, menu.words: said(filling.said), **shown,
            self.lanes: written([*choices, (filling.sampler, own)]),
        }  # fmt: skip
