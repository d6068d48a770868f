"""The menu of repairs that can be watched, with the rates of the chosen one beside it."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.presets import Repair
from llada_viz.widgets.live import Updates

NONE = "choose a repair"


class PresetMenu:
    """Lays it out; the tab fills in what was chosen. Not visible where no preset fits the bundled model."""

    def __init__(self, bundled: Bundled) -> None:
        self.repairs = bundled.repairs

    def build(self) -> None:
        """Lay it out."""
        with gr.Column(visible=bool(self.repairs), elem_classes="lz-repairs", min_width=0) as self.box:
            self.choice = gr.Dropdown(
                [(NONE, ""), *((repair.preset.title, name) for name, repair in self.repairs.items())],
                value="", label="Watch it fix this", elem_id="repair", filterable=False,
                info="A recorded run that mends what plain decoding gets wrong. Run decodes it anew.",
            )  # fmt: skip
            self.rates = gr.HTML(elem_id="repair-rates", elem_classes="lz-about", apply_default_css=False)

    @property
    def outputs(self) -> list[Any]:
        """The components that `chosen` and `left` change."""
        return [self.choice, self.rates]

    def get(self, name: str | None) -> Repair | None:
        """The repair of a name; None: nothing is chosen."""
        return self.repairs.get(name or "")

    def chosen(self, repair: Repair) -> Updates:
        """Say what the chosen one shows, and how often its settings do."""
        preset = repair.preset
        taken = f"<p>What is taken back: <b>{escape(preset.wrong)}</b></p>"
        return {self.choice: preset.name, self.rates: f"{taken}<p>{escape(preset.sentence)}</p>"}

    def left(self) -> Updates:
        """What the form shows is no preset any more."""
        return {self.choice: "", self.rates: ""}

    def follow(self, bundled_alone: bool) -> Updates:
        """Presets are of the bundled model: with another one, or with anything attached, there are none."""
        return {self.box: gr.update(visible=bundled_alone and bool(self.repairs))}
