"""A lane: a sampler with its settings, under a name that tells it from the lanes beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from samplers.requests import RequestError


@dataclass(frozen=True)
class Chosen:
    """A sampler, its own settings over the shared ones, and a name that tells it from the others."""

    label: str
    sampler: str
    settings: dict[str, Any]


def named(numbers: Sequence[int], chosen: list[tuple[str, dict[str, Any]]]) -> list[Chosen]:
    """A label each: the sampler's name, with what differs among samplers of the same name. numbers: of
    their rows in the form."""
    labelled: list[Chosen] = []
    for number, (name, settings) in zip(numbers, chosen, strict=True):
        same = [other for kind, other in chosen if kind == name and other is not settings]
        differing = [k for k, v in settings.items() if any(other.get(k) != v for other in same)]
        label = " ".join([name, *(f"{key}={settings[key]}" for key in differing)])
        twins = [n for n, lane in zip(numbers, labelled, strict=False) if lane.label == label]
        if twins:
            raise RequestError(f"Samplers {twins[0]} and {number} are identical. Change a setting of one")
        labelled.append(Chosen(label, name, settings))
    return labelled
