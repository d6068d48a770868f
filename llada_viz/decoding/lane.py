"""A lane: a sampler with its settings, under a name that tells it from the lanes beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from samplers.requests import RequestError


@dataclass(frozen=True)
class Chosen:
    """A sampler, its own settings over the shared ones, and a name that tells it from the others."""

    label: str
    sampler: str
    settings: dict[str, Any]


def named(chosen: list[tuple[str, dict[str, Any]]]) -> list[Chosen]:
    """A label each: the sampler's name, with what differs among samplers of the same name."""
    labelled: list[Chosen] = []
    for name, settings in chosen:
        same = [other for kind, other in chosen if kind == name and other is not settings]
        differing = [k for k, v in settings.items() if any(other.get(k) != v for other in same)]
        label = " ".join([name, *(f"{key}={settings[key]}" for key in differing)])
        if any(lane.label == label for lane in labelled):
            raise RequestError(f"{label} was chosen twice; allowed: lanes that differ")
        labelled.append(Chosen(label, name, settings))
    return labelled
