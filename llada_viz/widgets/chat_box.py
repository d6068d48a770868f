"""The chat of a tab with live decoding: a switch, "New chat", and the rounds above the canvas.

While it is on, each prompt goes on with the conversation that the run on the canvas belongs to.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from llada_viz.decoding.chats import Asked, Chats
from llada_viz.decoding.runs import Run
from llada_viz.render.rounds import rounds_html
from llada_viz.widgets.live import QUIET, Updates, Values
from models.loading import LoadedModel


class ChatBox:
    """Lays out the parts of a chat, and keeps its rounds."""

    def __init__(self) -> None:
        self.chats = Chats()

    def build_switch(self) -> None:
        """In the form: the switch and the button."""
        with gr.Row(elem_classes="lz-chat"):
            self.switch = gr.Checkbox(
                False, label="Chat: each prompt goes on with the conversation", elem_id="chat", min_width=200
            )
            self.fresh = gr.Button("New chat", size="sm", visible=False, elem_id="new-chat", min_width=80)

    def build_rounds(self) -> None:
        """Above the canvas: what was said before."""
        self.rounds = gr.HTML(elem_id="rounds", apply_default_css=False)

    def follow(self, run_id: gr.State, prompt: gr.Textbox) -> None:
        """Connect it. run_id: the page's state, the id of the run that the canvas shows."""
        self.run_id, self.prompt = run_id, prompt
        options: dict[str, Any] = {"queue": False, **QUIET}
        inputs: set[Any] = {run_id, self.switch}
        self.switch.change(self.on_switch, inputs, [self.rounds, self.fresh], **options)
        self.fresh.click(self.on_fresh, {run_id}, [self.rounds, prompt], **options)

    def asked(self, values: Values, loaded: LoadedModel, question: str, gen_length: int) -> Asked | None:
        """What a prompt asks in the conversation; None: the chat is off. RequestError: it cannot be asked."""
        if not values[self.switch]:
            return None
        return self.chats.ask(values[self.run_id], loaded, question, gen_length)

    def begin(self, run: Run, asked: Asked | None) -> None:
        """A run has begun."""
        if asked is not None:
            self.chats.begin(asked, run)

    def again(self, run_id: str) -> str:
        """The question of a run that is to be asked once more, with more cells; "": it was no chat."""
        return self.chats.again(run_id)

    def on_run(self, values: Values) -> Updates:
        """Another run is on the canvas: show what went before it, and make room for the next prompt."""
        asked = self.chats.get(values[self.run_id]) if values[self.switch] else None
        shown: Updates = {self.rounds: rounds_html(asked)}
        return shown | ({self.prompt: ""} if asked is not None else {})

    def on_switch(self, values: Values) -> Updates:
        """The chat was switched on or off."""
        on = bool(values[self.switch])
        asked = self.chats.get(values[self.run_id]) if on else None
        return {self.rounds: rounds_html(asked), self.fresh: gr.update(visible=on)}

    def on_fresh(self, values: Values) -> Any:
        """A new conversation begins with the next prompt."""
        self.chats.forget(values[self.run_id])
        return {self.rounds: "", self.prompt: ""}
