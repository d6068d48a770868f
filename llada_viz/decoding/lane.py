"""A lane: one of the samplers that are compared or evaluated side by side, with its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from samplers.requests import RequestError


@dataclass(frozen=True)
class Lane:
    """A sampler with all its settings. label: its name on the page, different for each lane."""

    label: str
    sampler: str
    settings: dict[str, Any]


def labelled_lanes(numbers: Sequence[int], chosen: list[tuple[str, dict[str, Any]]]) -> list[Lane]:
    """The lanes of (sampler, settings) pairs; a label is the sampler's name, and the settings in which lanes
    with the same sampler differ. numbers: of their rows in the form. RequestError: two are identical."""
    lanes: list[Lane] = []
    for number, (name, settings) in zip(numbers, chosen, strict=True):
        same = [other for kind, other in chosen if kind == name and other is not settings]
        differing = [k for k, v in settings.items() if any(other.get(k) != v for other in same)]
        label = " ".join([name, *(f"{key}={settings[key]}" for key in differing)])
        twins = [n for n, lane in zip(numbers, lanes, strict=False) if lane.label == label]
        if twins:
            raise RequestError(f"Samplers {twins[0]} and {number} are identical. Change a setting of one")
        lanes.append(Lane(label, name, settings))
    return lanes
