"""The menu of presets: published settings by title, and a visitor's own, which their browser keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import Any

import gradio as gr

from llada_viz.decoding.attached import Using
from llada_viz.decoding.fillings import Filling, of_published, of_setup
from llada_viz.decoding.own_presets import own_presets
from llada_viz.decoding.published import published
from llada_viz.decoding.scaling import NO_SIZES
from llada_viz.decoding.setup_link import from_link

NONE, OWN = "", "own:"
PRESETS = "presets"
"""Under which the browser keeps a visitor's own."""
EMPTY = "none: as set below"


def said(text: str) -> str:
    """Words about what fills the form; "" for none."""
    return f"<p role='status'>{escape(text)}</p>" if text else ""


class SettingsMenu:
    """prefix: of element ids; label: of the menu; empty: what it shows while nothing is chosen."""

    def __init__(self, prefix: str, label: str = "Preset", empty: str = EMPTY) -> None:
        self.prefix, self.label, self.empty = prefix, label, empty

    def build(self) -> None:
        """Lay it out."""
        self.choice = gr.Dropdown(
            self.choices({}), value=NONE, label=self.label, elem_id=f"{self.prefix}preset",
            info="Published settings, scaled to this model; and your own.", allow_custom_value=True,
        )  # fmt: skip
        self.words = gr.HTML(
            elem_id=f"{self.prefix}preset-words", elem_classes="lz-about", apply_default_css=False
        )
        # Name -> link, as JSON, of the presets that this browser keeps.
        self.own = gr.Textbox("", visible=False)

    def choices(self, own: Mapping[str, str]) -> list[tuple[str, str]]:
        """(shown, value) of every preset."""
        named = [(one.title, one.name) for one in published().values()]
        return [(self.empty, NONE), *((f"Mine: {name}", OWN + name) for name in own), *named]

    def filled(
        self, choice: Any, own: Any, using: Using, prompt: str, sizes: Mapping[str, int] = NO_SIZES
    ) -> Filling | None:
        """What a choice fills a form with; None: nothing is chosen. LinkError: it cannot be read. sizes: to
        scale published settings to, where they are not those that the prompt needs."""
        if choice in published():
            return of_published(published()[choice], using, prompt, sizes)
        link = own_presets(own).get(str(choice).removeprefix(OWN)) if is_own(choice) else None
        if link is None:
            return None
        setup, notes = from_link(link)
        filling = of_setup(setup, using, "Your own preset.", notes)
        return replace(filling, prompt=None)

    def offered(self, own: Mapping[str, str], chosen: str = NONE) -> dict[Any, Any]:
        """Updates that offer these presets of the visitor's own."""
        return {
            self.choice: gr.update(choices=self.choices(own), value=chosen),
            self.own: json.dumps(dict(own)),
        }

    def left(self) -> dict[Any, Any]:
        """What the form shows is no preset any more."""
        return {self.choice: NONE, self.words: ""}


def is_own(choice: Any) -> bool:
    """Whether a choice is one of the visitor's own presets."""
    return isinstance(choice, str) and choice.startswith(OWN)
