"""What a browser remembers of a form: values by the id of their input. They come back from the browser, so
each is checked; what does not fit is left out, and said."""

from __future__ import annotations

import json
from typing import Any

from llada_viz.decoding.setups import MOST_PROMPT
from samplers.settings import Described, SettingError, check_value

MOST_KEPT = 1 << 17
"""Characters of a form."""


def kept_values(text: Any) -> dict[str, Any]:
    """The values of a form as the browser sent them, none checked yet; {} where nothing was kept."""
    try:
        kept = json.loads(text) if isinstance(text, str) and len(text) <= MOST_KEPT else {}
    except (ValueError, RecursionError):
        kept = {}
    return kept if isinstance(kept, dict) else {}


def fits(setting: Described, value: Any) -> str:
    """ "" for a value that a setting allows by itself, else a sentence."""
    try:
        check_value(setting, value)
    except SettingError as error:
        return error.sentence
    return ""


def is_text(value: Any) -> bool:
    """Whether it is text that a prompt may be."""
    return isinstance(value, str) and len(value) <= MOST_PROMPT
