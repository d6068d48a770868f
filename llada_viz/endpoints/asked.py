"""What a caller sends, checked: JSON of any shape may come. A refusal is a RequestError with a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llada_viz.decoding.lane import Lane
from samplers.registry import SAMPLERS, canonical, entry
from samplers.requests import RequestError

LANE_FIELDS = {"sampler", "settings"}


@dataclass(frozen=True)
class Limits:
    """gen_length: tokens of an answer; lanes: samplers of one call; rows: of an evaluation; at_once: calls
    that are answered at the same time; evaluations: that go on at the same time, 0: as many as are asked."""

    gen_length: int = 2048
    lanes: int = 4
    rows: int = 20_000
    at_once: int = 8
    evaluations: int = 0


PUBLIC = Limits(gen_length=512, rows=200, at_once=4, evaluations=1)
"""Where strangers meet."""


def text(name: str, value: Any) -> str:
    """A text; "" for None."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _refused(name, value, "text")
    return value


def whole(name: str, value: Any, low: int, high: int) -> int:
    """A whole number of a range."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _refused(name, value, f"a whole number from {low:,} to {high:,}")
    return value


def sampler_name(value: Any) -> str:
    """The name of a sampler that there is."""
    if not isinstance(value, str):
        raise _refused("sampler", value, "the name of a sampler")
    try:
        return entry(value).name
    except ValueError:
        raise _refused("sampler", value, f"one of {', '.join(SAMPLERS)}") from None


def settings_of(value: Any) -> dict[str, Any]:
    """Settings by name, in the names of the sampler; {} for None."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise _refused("settings", value, "an object: name of a setting, and its value")
    return canonical(dict(value))


def lanes_of(value: Any, least: int, most: int) -> list[Lane]:
    """Samplers with their settings: [{"sampler": …, "settings": {…}}, …], or names alone."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not least <= len(value) <= most:
        raise _refused("samplers", value, f"a list of {least} to {most}")
    lanes: list[Lane] = []
    for number, one in enumerate(value, 1):
        given = {"sampler": one} if isinstance(one, str) else one
        if not isinstance(given, Mapping) or not {"sampler"} <= set(given) <= LANE_FIELDS:
            raise _refused("samplers", one, 'a name, or {"sampler": …, "settings": {…}}')
        name, settings = sampler_name(given["sampler"]), settings_of(given.get("settings"))
        label = " ".join([name, *(f"{key}={setting}" for key, setting in settings.items())])
        if twins := [n for n, lane in enumerate(lanes, 1) if lane.label == label]:
            raise RequestError(f"Samplers {twins[0]} and {number} are identical. Change a setting of one")
        lanes.append(Lane(label, name, settings))
    return lanes


def _refused(name: str, value: Any, allowed: str) -> RequestError:
    said = repr(value)
    said = said if len(said) <= 60 else f"{said[:59]}…"
    return RequestError(f"{name} = {said} is not valid; allowed: {allowed}")
