"""What a browser remembers of a form: values by the id of their input. They come back from the browser, so
each is checked; what does not fit is left out, and said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llada_viz.decoding.line_up import FIRST, SIZES, Usual, lanes_of, written
from llada_viz.decoding.setups import MOST_PROMPT
from samplers.blocks import BlockSettings
from samplers.settings import Described, SettingError, check_value, describe, sentence_of

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


def size_ranges() -> dict[str, Described]:
    """The ranges of the sizes that all samplers of a line-up share, by name."""
    named = {one.name: one for one in describe(BlockSettings)}
    return {name: named[name] for name, _, _ in SIZES}


def kept_lanes(
    right: Mapping[str, Any], wrong: dict[str, str], sizes: Mapping[str, Any], least: int, usual: Usual
) -> dict[str, Any]:
    """A line-up ("lanes") and its sizes, by name, as they were kept, where samplers can be made of them; else
    as they begin, with a sentence in `wrong`. right: the values that were kept; sizes: to begin with; least,
    usual: see `lanes_of`."""
    lanes, shared = right.get("lanes", written(FIRST)), {name: right.get(name, sizes[name]) for name in sizes}
    for _ in range(2):
        try:
            lanes_of(lanes, {**shared, "early_stop": True}, least, usual)
            break
        except SettingError as error:
            wrong["sizes"], shared = error.sentence, dict(sizes)
        except ValueError as error:
            wrong["lanes"], lanes = sentence_of(error), written(FIRST)
    return {"lanes": lanes, **shared}
