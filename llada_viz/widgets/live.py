"""What the tabs with live decoding share: making a run from a prompt, wiring Start and Stop, alerts.

Event handlers are registered with a set of components, so Gradio calls them with a dict {component: value}.
They return a dict of the components that change.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, Protocol

import gradio as gr

from llada_viz.decoding.attached import Using
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.entrance import ENTRANCE
from llada_viz.decoding.preparing import checked_prompt as checked_prompt
from llada_viz.decoding.preparing import head_settings as head_settings
from llada_viz.decoding.preparing import without_fraction as without_fraction
from samplers.requests import RequestError
from samplers.settings import SettingError, sentence_of

UPDATES_PER_SECOND = 30
UPDATES_OF_ALL = 60  # updates a second, of all runs together
REFUSALS = itertools.count(1)
NOTICE_SECONDS = 1.0  # between two sentences about the place in the line
Updates = dict[Any, Any]
"""What a handler returns: component -> its new value, or a gr.update."""
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
Values = Mapping[Any, Any]
"""What a handler is given: component -> its value."""


class Decoding(Protocol):
    """A run, or several that are compared."""

    def advance(self, seconds: float) -> Sequence[Any]: ...
    def stop(self) -> None: ...
    def belongs_to(self, owner: str) -> None: ...


def streamed(
    decoding: Decoding,
    message: Callable[[Any, Any], Any],
    notice: Callable[[Any, str], Any],
    visitor: str = "",
) -> Iterator[Any]:
    """Decode to the end, and give the page the first frame at once, then the new ones about 30 times a
    second, less often when many are decoded. message: packs frames; notice: packs a sentence for as long as
    there is no room at the model."""
    decoding.belongs_to(visitor)
    with ENTRANCE.entered() as place:
        while sentence := place.wait(NOTICE_SECONDS):
            yield notice(decoding, sentence)
        try:
            seconds = 1 / UPDATES_PER_SECOND
            if any(frames := decoding.advance(0)):  # the board with its masks, before anything is decoded
                yield message(decoding, frames)
            while any(frames := decoding.advance(seconds)):
                yield message(decoding, frames)
                seconds = max(1 / UPDATES_PER_SECOND, ENTRANCE.inside / UPDATES_OF_ALL)
        finally:
            decoding.stop()


def example_buttons(bundled: Bundled) -> list[Any]:
    """A button for each example."""
    with gr.Row(elem_classes="lz-examples"):
        return [gr.Button(example.label, size="sm", min_width=0) for example in bundled.examples]


def more_cells(using: Using, prompt: str, length: float | None) -> dict[str, int]:
    """Sizes by name for a prompt that is known to need a longer answer than `length`; {} for all others."""
    settings = using.prompt_settings(prompt)
    cells, block = settings.get("gen_length", 0), settings.get("block_length", 0)
    if not block or cells <= (length or 0):
        return {}
    steps = using.steps_for(cells, block) or settings.get("steps", cells)
    return {"gen_length": cells, "block_length": block, "steps": steps}


def alert(text: str) -> str:
    """A sentence that a screen reader speaks at once; '' clears it."""
    text = f"{text.rstrip('.')}." if text.endswith("..") else text  # a message that was a whole sentence
    return f'<p role="alert">{escape(text)}</p>' if text else ""


def refused(error: Exception) -> str:
    """The alert of a refusal. The page marks the field that it is about, and offers to fill in what would do;
    its number makes it another one than the same refusal before, so that it is spoken again."""
    fixes = error.fixes if isinstance(error, SettingError) else ()
    offers = "".join(f' <button type="button" data-fix="{fix:g}">Use {fix:g}</button>' for fix in fixes)
    about = f'data-field="{escape(field_of(error))}" data-number="{next(REFUSALS)}"'
    return f'<p role="alert" {about}>{escape(sentence_of(error))}{offers}</p>'


def field_of(error: Exception) -> str:
    """The name of the field that an error is about; "": it names none, or one that no form has."""
    if isinstance(error, SettingError):
        return error.name
    first = re.match(r"[a-z_]+", str(error))
    return first[0] if isinstance(error, RequestError) and first else ""


def refusal(error: Exception, place: Any) -> tuple[Updates, gr.Error]:
    """A refusal as the page has it: the update of the alert at `place`, and an error to raise after it was
    sent, which ends the event without a message of Gradio's own."""
    return {place: refused(error)}, gr.Error(str(error), visible=False, print_exception=False)


def no_change() -> Updates:
    """The updates of a handler that changes nothing."""
    return dict(gr.skip())
