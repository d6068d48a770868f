"""A form that stays through a refresh, with its button that puts everything back, and words where something
of what came back did not fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from llada_viz.widgets.kept_form import RESET, KeptForm, recall
from llada_viz.widgets.live import QUIET, Updates, no_change
from llada_viz.widgets.settings_menu import said

Back = Callable[[dict[str, Any], dict[str, str]], Updates]
"""What a form is filled with: (values that fit, by id; sentences of those that do not) -> updates. It may add
sentences, of values that do not go together."""


class StayingForm:
    """prefix: of element ids; back: see `Back`; first: the form for somebody who is new."""

    def __init__(self, prefix: str, back: Back, first: Callable[[], Updates]) -> None:
        self.prefix, self.back, self.first = prefix, back, first

    def build_words(self) -> None:
        """At the top of the form: what did not fit."""
        self.words = gr.HTML(
            elem_id=f"{self.prefix}-kept", elem_classes="lz-about lz-if", apply_default_css=False
        )

    def build_reset(self) -> None:
        """At the end of the form."""
        self.reset = gr.Button(
            "Reset form", size="sm", elem_id=f"{self.prefix}-reset", elem_classes="lz-open"
        )
        self.text = gr.Textbox("", visible=False)

    def connect(self, kept: KeptForm, outputs: Sequence[Any]) -> Any:
        """Connect it; the event of the button. outputs: what `back` and `first` update."""
        self.kept, self.outputs = kept, [*outputs, self.words]
        kept.keep()
        return self.reset.click(self.on_reset, None, self.outputs, queue=False, **QUIET)

    def on_load(self, page: gr.Blocks) -> Any:
        """When the page opens: fill the form as it was; the event."""
        options: dict[str, Any] = {"queue": False, **QUIET}
        loaded = page.load(self.on_open, self.text, self.outputs, js=recall(self.kept.name), **options)
        loaded.then(None, None, None, js=self.kept.begin, **options)
        return loaded

    def on_open(self, text: str) -> Updates:
        """What a browser kept is in the form again."""
        right, wrong = self.kept.read(text)
        if not right and not wrong:
            return no_change()
        filled = self.back(right, wrong)
        return filled | {self.words: said(RESET.format(" ".join(wrong.values())) if wrong else "")}

    def on_reset(self) -> Updates:
        """The form as the page has it for somebody who is new."""
        return self.first() | {self.words: ""}
