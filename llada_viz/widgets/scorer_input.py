"""What a form takes over from what is attached: who scores, and how many steps suit the model."""

from __future__ import annotations

from typing import Any

import gradio as gr

from llada_viz.decoding.attached import Attached, Attachments, Using
from llada_viz.widgets.live import CHECKER, QUIET, Updates, Values, nothing, scorers, whole
from samplers.requests import RequestError


class ScorerInput:
    """The choice of a scorer. prefix: of its element's id; always: seen whenever there is a choice, not
    only where a tab shows it."""

    def __init__(self, attachments: Attachments, prefix: str, always: bool = False) -> None:
        self.attachments, self.prefix, self.always = attachments, prefix, always

    def build(self, visible: bool) -> None:
        """Lay it out."""
        self.scorer = gr.Dropdown(
            scorers(self.attachments.bundled), value=CHECKER, label="Scorer", visible=visible,
            allow_custom_value=True, info="What judges unfinished answers.", elem_id=f"{self.prefix}-scorer",
        )  # fmt: skip

    def follow(self, attached: gr.State, length: Any, block: Any, steps: Any) -> None:
        """Change with what is attached. length, block, steps: the form's numbers of the answer."""
        self.attached, self.length, self.block, self.steps = attached, length, block, steps
        self.usual_info = steps.info or ""
        self.of_adapter = gr.State(False)  # whether Steps is what an adapter asked for
        inputs = {attached, self.scorer, length, block, self.of_adapter}
        outputs = [self.scorer, steps, self.of_adapter]
        attached.change(self.on_change, inputs, outputs, queue=False, **QUIET)

    def on_change(self, values: Values) -> Updates:
        """A reward model that was just attached is chosen, a scorer that is gone is not kept, and Steps
        is what an adapter was trained for; when it is let go of, one step a token."""
        try:
            using = self.attachments.using(values[self.attached])
        except RequestError:
            return nothing()
        options, scorer = scorers(using), values[self.scorer]
        kept = scorer if scorer in [value for _, value in options] else CHECKER
        if isinstance(using, Attached) and using.own_reward is not None:
            kept = using.own_reward.name
        scorers_now = gr.update(choices=options, value=kept)
        if self.always:
            scorers_now["visible"] = len(options) > 1
        return {self.scorer: scorers_now} | self._steps(using, values)

    def _steps(self, using: Using, values: Values) -> Updates:
        length, block = whole(values[self.length]), whole(values[self.block])
        if not isinstance(length, int) or not isinstance(block, int) or length < 1 or block < 1:
            return {}
        if steps := using.steps_for(length, block):
            return {self.steps: gr.update(value=steps, info="for the adapter"), self.of_adapter: True}
        if values[self.of_adapter]:
            return {self.steps: gr.update(value=length, info=self.usual_info), self.of_adapter: False}
        return {}
