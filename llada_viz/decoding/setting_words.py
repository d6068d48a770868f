"""Settings in words, as forms, lanes and the lines under a board name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samplers.registry import SAMPLERS

# Choices whose names are those of a paper's code.
READ = {"ups": "UPS head", "tps_prob": "probability of the token", "t2m": "mask first (t2m)"}


def shown(choice: str) -> str:
    """A choice as it is read: score_x_confidence is score × confidence."""
    return READ.get(choice) or choice.replace("_x_", " × ").replace("_", " ")


def in_words(sampler: str, settings: Mapping[str, Any]) -> str:
    """Settings of a sampler: "answer length 32, early stop off". What it does not have stands under its own
    name."""
    known = {setting.name: setting for setting in SAMPLERS[sampler].settings} if sampler in SAMPLERS else {}
    words = []
    for name, value in settings.items():
        setting = known.get(name)
        label = _within_a_sentence(setting.label) if setting else name.replace("_", " ")
        words.append(f"{label} {_value(value, bool(setting and setting.choices))}")
    return ", ".join(words)


def _within_a_sentence(label: str) -> str:
    """Early stop is early stop, and KL threshold stays."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def _value(value: Any, chosen: bool) -> str:
    """As it is typed: 0.0 is 0."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if chosen:
        return shown(str(value))
    return f"{value:g}" if isinstance(value, float) else f"{value}"
