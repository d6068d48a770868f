"""A lane: one of the samplers that are compared or evaluated side by side, with its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llada_viz.decoding.setting_words import in_words
from samplers.registry import entry


@dataclass(frozen=True)
class Lane:
    """A sampler with all its settings. label: its name on the page, different for each lane."""

    label: str
    sampler: str
    settings: dict[str, Any]


def label_of_lane(sampler: str, own: Mapping[str, Any]) -> str:
    """A sampler's title, and the settings that were chosen for its lane alone."""
    title, words = entry(sampler).title, in_words(sampler, own)
    return f"{title} ({words})" if words else title
