"""What is attached or can be, with a way to let go of it, and what scores: in every tab that decodes."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from llada_viz.decoding.attached import Attached, Attachments
from llada_viz.decoding.bundled import ADAPTERS
from llada_viz.widgets.live import CHECKER, QUIET, scorers
from models.loading import ModelError
from samplers.requests import RequestError


class AttachedBar:
    """A chip, Detach, what is offered, and the scorer's input. attached: the page's state with the id."""

    def __init__(self, attachments: Attachments, prefix: str) -> None:
        self.attachments, self.prefix, self.follows = attachments, prefix, False

    def build(self, attached: gr.State) -> None:
        """Lay out the chip and the buttons."""
        self.attached, adapters = attached, self.attachments.bundled.adapters
        with gr.Row(elem_classes="lz-offer", visible=bool(adapters)) as self.offer:
            self.offers = {
                name: gr.Button(ADAPTERS[name], size="sm", elem_id=f"{self.prefix}-offer-{name}")
                for name in adapters
            }
        with gr.Row(elem_classes="lz-attached", visible=False) as self.row:
            self.chip = gr.HTML(elem_id=f"{self.prefix}-attached", apply_default_css=False)
            self.detach = gr.Button("Detach", size="sm", min_width=60, elem_id=f"{self.prefix}-detach")

    def scorer_input(self, visible: bool, follows: bool = False) -> Any:
        """Lay out the choice of a scorer. follows: seen whenever there is more than one."""
        self.follows = follows
        known = scorers(self.attachments.bundled)
        self.scorer = gr.Dropdown(
            known, value=CHECKER, label="Scorer", visible=visible, allow_custom_value=True,
            info="What judges unfinished answers.", elem_id=f"{self.prefix}-scorer",
        )  # fmt: skip
        return self.scorer

    def connect(self) -> None:
        """Follow the state; Detach empties it."""
        self.attached.change(
            self.on_change, [self.attached, self.scorer], [self.row, self.chip, self.scorer, self.offer],
            queue=False, **QUIET,
        )  # fmt: skip
        # Queued: without the queue Gradio would not tell the page that the state has changed.
        self.detach.click(lambda: "", None, self.attached, **QUIET)
        for name, button in self.offers.items():
            button.click(lambda n=name: self.on_offer(n), None, self.attached, **QUIET)

    def on_offer(self, name: str) -> str:
        """Attach a bundled adapter."""
        try:
            return self.attachments.add_bundled(name)
        except ModelError as error:
            raise gr.Error(f"{error}.", print_exception=False) from None

    def on_change(self, attached: str, scorer: str) -> tuple[Any, Any, Any, Any]:
        """The chip and the scorers of what is attached now: a reward model that was just attached is
        chosen, and a scorer that is gone is not kept."""
        try:
            using = self.attachments.using(attached)
        except RequestError as error:
            return gr.update(visible=True), said(f"{error}."), gr.skip(), gr.skip()
        known = scorers(using)
        kept = scorer if scorer in [value for _, value in known] else CHECKER
        if isinstance(using, Attached) and using.own_reward is not None:
            kept = using.own_reward.name
        label = using.label if isinstance(using, Attached) else ""
        seen = {"visible": len(known) > 1} if self.follows else {}
        offered = gr.update(visible=bool(self.attachments.bundled.adapters) and not label)
        scorer_update = gr.update(choices=known, value=kept, **seen)
        return gr.update(visible=bool(label)), said(label), scorer_update, offered


def said(label: str) -> str:
    """The chip's text."""
    return f"<p role='status'><b>Using:</b> {escape(label)}</p>" if label else ""
