"""The menu of the model in the header: what this browser tab decodes with, and what can be attached."""

from __future__ import annotations

from html import escape

import gradio as gr

from llada_viz.decoding.attached import Attached, Attachments
from llada_viz.decoding.bundled import ADAPTERS
from llada_viz.widgets.live import QUIET, Updates, alert
from models.checkpoint import ModelError
from samplers.requests import RequestError
from samplers.settings import sentence_of

WHAT = (
    "Every tab decodes with this model. The Models tab changes it, for this browser tab until it is reloaded."
)
# When it was opened; its button has the class "open" for as long.
CLOSES_OUTSIDE = """() => {
  const fold = document.querySelector('#model'), button = fold.querySelector('button');
  window.LladaCanvas.closeOutside(fold, button, () => button.classList.contains('open'));
}"""


class ModelMenu:
    """An accordion titled with the model's name: the adapters that can be attached, what is attached, and a
    button to detach it."""

    def __init__(self, attachments: Attachments) -> None:
        self.attachments = attachments

    def build(self, attached: gr.State) -> None:
        """Lay it out and connect it. attached: the page's state with the id of an attachment."""
        self.attached, bundled = attached, self.attachments.bundled
        state = "lz-off" if bundled.loaded is None else "lz-on"
        with gr.Accordion(
            bundled.chip, open=False, elem_id="model", elem_classes=["lz-model", state]
        ) as self.fold:
            gr.HTML(f"<p>{escape(bundled.problem or WHAT)}</p>", apply_default_css=False)
            self.status = gr.HTML(elem_id="model-attached", apply_default_css=False)
            self.offers = {
                name: gr.Button(ADAPTERS[name].button, size="sm", elem_id=f"model-offer-{name}")
                for name in bundled.adapters
            }
            self.detach = gr.Button(
                f"Back to {bundled.name}", size="sm", visible=False, elem_id="model-detach"
            )
        self._connect()

    def _connect(self) -> None:
        shown = [self.fold, self.status, self.detach, *self.offers.values()]

        def changed(values: Updates, request: gr.Request) -> Updates:
            self.attachments.belongs_to(values[self.attached], str(request.session_hash or ""))
            return self.on_change(values)

        self.attached.change(changed, {self.attached}, shown, queue=False, **QUIET)
        self.fold.expand(None, None, None, js=CLOSES_OUTSIDE, queue=False, **QUIET)
        # Queued: without the queue Gradio would not tell the page that the state has changed.
        self.detach.click(self.on_detach, {self.attached}, [self.attached], **QUIET)
        for name, button in self.offers.items():
            button.click(lambda n=name: self.on_offer(n), None, [self.attached, self.status], **QUIET)

    def on_offer(self, name: str) -> Updates:
        """Attach a bundled adapter."""
        try:
            return {self.attached: self.attachments.add_bundled(name)}
        except ModelError as error:
            return {self.status: alert(sentence_of(error))}

    def on_detach(self, values: Updates) -> Updates:
        """Back to the bundled model; what was attached is forgotten, and its memory free."""
        self.attachments.forget(values[self.attached])
        return {self.attached: ""}

    def on_change(self, values: Updates) -> Updates:
        """What is attached has changed: close the menu and show the new model in its title."""
        try:
            using = self.attachments.using(values[self.attached])
        except RequestError as error:
            return {self.status: alert(sentence_of(error)), self.detach: gr.update(visible=True)}
        label = using.label if isinstance(using, Attached) else ""
        status = f"<p role='status'>Using: {escape(label)}</p>" if label else ""
        offers = {button: gr.update(visible=not label) for button in self.offers.values()}
        return {
            self.fold: gr.update(label=using.chip, open=False), self.status: status,
            self.detach: gr.update(visible=bool(label)), **offers,
        }  # fmt: skip
