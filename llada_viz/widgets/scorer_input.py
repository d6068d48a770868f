"""The choice of a scorer in a form, and what changes in the form when something is attached to the model:
the scorer, and the number of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from llada_viz.decoding.attached import Attached, Attachments, Using
from llada_viz.decoding.served import CHECKER, scorers
from llada_viz.widgets.live import QUIET, Updates, Values, no_change, without_fraction
from samplers.requests import RequestError


class ScorerInput:
    """The choice of a scorer. prefix: of its element id; always: visible whenever there is more than one
    scorer; otherwise the tab decides."""

    def __init__(self, attachments: Attachments, prefix: str, always: bool = False) -> None:
        self.attachments, self.prefix, self.always = attachments, prefix, always

    def build(self, visible: bool) -> None:
        """Lay it out."""
        self.scorer = gr.Dropdown(
            scorers(self.attachments.bundled), value=CHECKER, label="Scorer", visible=visible,
            allow_custom_value=True, info="What judges unfinished answers.", elem_id=f"{self.prefix}-scorer",
        )  # fmt: skip

    def kept(self, right: Mapping[str, Any], wrong: dict[str, str]) -> str:
        """The scorer that a browser kept, where it is here when the page opens; else the checker, with a
        sentence in `wrong`. right: the values that were kept."""
        scorer = right.get("scorer", CHECKER)
        if scorer in [value for _, value in scorers(self.attachments.bundled)]:
            return str(scorer)
        wrong["scorer"] = "The scorer is not here any more."
        return CHECKER

    def follow(self, attached: gr.State, length: Any, block: Any, steps: Any) -> None:
        """Connect it. attached: the page's state; length, block, steps: the form's inputs of these sizes."""
        self.attached, self.length, self.block, self.steps = attached, length, block, steps
        self.usual_info = steps.info or ""
        self.of_adapter = gr.State(False)  # whether the value of Steps was set for an adapter
        inputs = {attached, self.scorer, length, block, self.of_adapter}
        outputs = [self.scorer, steps, self.of_adapter]
        attached.change(self.on_change, inputs, outputs, queue=False, **QUIET)
        steps.input(self.on_typed, None, outputs[1:], trigger_mode="always_last", queue=False, **QUIET)

    def on_change(self, values: Values) -> Updates:
        """What is attached has changed. An attached reward model becomes the scorer; a scorer that is gone is
        replaced by the checker. Steps becomes what an attached adapter was trained for, and one step a token
        when such an adapter was detached, unless somebody has typed steps since."""
        try:
            using = self.attachments.using(values[self.attached])
        except RequestError:
            return no_change()
        options, scorer = scorers(using), values[self.scorer]
        kept = scorer if scorer in [value for _, value in options] else CHECKER
        if isinstance(using, Attached) and using.own_reward is not None:
            kept = using.own_reward.name
        scorers_now = gr.update(choices=options, value=kept)
        if self.always:
            scorers_now["visible"] = len(options) > 1
        return {self.scorer: scorers_now} | self._steps(using, values)

    def on_typed(self) -> Updates:
        """Somebody typed steps of their own: they stay when the adapter is detached."""
        return {self.steps: gr.update(info=self.usual_info), self.of_adapter: False}

    def filled(self, using: Using) -> Updates:
        """An example or a set brought its own steps: those of the adapter, where one is in use."""
        return {self.of_adapter: using.steps_for(1, 1) is not None}

    def _steps(self, using: Using, values: Values) -> Updates:
        length, block = without_fraction(values[self.length]), without_fraction(values[self.block])
        if not isinstance(length, int) or not isinstance(block, int) or length < 1 or block < 1:
            return {}
        if steps := using.steps_for(length, block):
            return {self.steps: gr.update(value=steps, info="for the adapter"), self.of_adapter: True}
        if values[self.of_adapter]:
            return {self.steps: gr.update(value=length, info=self.usual_info), self.of_adapter: False}
        return {}
