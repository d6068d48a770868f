"""The samplers that are compared or evaluated side by side, as the page's form sends them: a JSON text, a
list of {"sampler": name, "settings": {name: value}}, of which only the changed settings are named."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llada_viz.decoding.few_blocks import few_blocks
from llada_viz.decoding.lane import Lane, label_of_lane
from llada_viz.decoding.sampler_groups import group_of, in_groups
from llada_viz.decoding.setting_words import shown
from samplers.blocks import BlockSettings
from samplers.registry import entry, make
from samplers.requests import RequestError
from samplers.settings import Described, SettingError, describe

MOST_LANES = 4
# What all lanes share: name, label, and the value where a set or an example names none.
SIZES = (("gen_length", "Answer length", 32), ("block_length", "Block length", 8), ("steps", "Steps", 32))
Choice = tuple[str, Mapping[str, Any]]
"""A sampler's name and the settings that were changed."""
Usual = Mapping[str, Mapping[str, Any]]
NO_SETTINGS: Usual = MappingProxyType({})
FIRST: tuple[Choice, ...] = (("low_confidence", {}), ("threshold", {"threshold": 0.05}))
"""What the page opens with: one surest token a step, against nearly all at once, which goes wrong."""
NOT_READ = "The list of samplers cannot be read: reload the page."
FRONT = ("temperature", "steps", "gen_length", "block_length")
LAST = len(FRONT) + 1
NUMBERS = {1: "one sampler", 2: "two samplers"}


def written(choices: Iterable[Choice]) -> str:
    """The text of a line-up."""
    return json.dumps([{"sampler": name, "settings": dict(settings)} for name, settings in choices])


def lanes_of(text: str, shared: Mapping[str, Any], least: int = 1, usual: Usual = NO_SETTINGS) -> list[Lane]:
    """The lanes of a line-up. RequestError: names the sampler that cannot be used.

    shared: settings for every sampler; least: how many must be chosen; usual: settings by sampler. What was
    chosen overrides usual, and usual overrides shared.
    """
    choices = _choices(text)
    if len(choices) < least:
        raise RequestError(f"Choose at least {NUMBERS.get(least, f'{least} samplers')}")
    lanes: list[Lane] = []
    made: list[Any] = []
    for number, (name, own) in enumerate(choices, 1):
        try:
            names = {setting.name for setting in entry(name).settings}
            settings = {k: v for k, v in {**shared, **usual.get(name, {})}.items() if k in names}
            settings |= _counted_in_blocks(name, settings) | plain_settings(name, own)
            sampler = make(name, settings)
        except SettingError as error:
            if error.name in settings.keys() - own.keys():
                raise  # of all samplers
            raise RequestError(f"Sampler {number}: {error}", f"Sampler {number}: {error.sentence}") from None
        if sampler in made:
            twins = f"Samplers {made.index(sampler) + 1} and {number}"
            raise RequestError(f"{twins} are identical. Change a setting of one")
        made.append(sampler)
        lanes.append(Lane(label_of_lane(name, own), name, settings))
    return lanes


def _choices(text: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        rows = json.loads(text)
        choices = [(row["sampler"], row["settings"]) for row in rows]
    except (ValueError, RecursionError, TypeError, KeyError):
        raise RequestError("the list of samplers is not valid", NOT_READ) from None
    if len(choices) > MOST_LANES:
        raise RequestError(f"{len(choices)} samplers are chosen; allowed: at most {MOST_LANES}")
    if not all(isinstance(name, str) and isinstance(own, dict) for name, own in choices):
        raise RequestError("the list of samplers is not valid", NOT_READ)
    return choices


def _counted_in_blocks(sampler: str, sizes: Mapping[str, Any]) -> dict[str, int]:
    """Settings whose unit is blocks, as they fit the answer."""
    length, block = sizes.get("gen_length"), sizes.get("block_length")
    if type(length) is not int or type(block) is not int or block < 1:
        return {}
    counted = [setting for setting in entry(sampler).settings if setting.unit == "blocks"]
    return {setting.name: few_blocks(setting.default, length // block) for setting in counted}


def plain_settings(sampler: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings from a browser in their own types: of a whole number 64.0 becomes 64, of another 1 becomes
    1.0. What has no such type stays, and is refused by the sampler."""
    types = {setting.name: setting.type for setting in entry(sampler).settings}
    typed = dict(settings)
    for name, value in settings.items():
        if types.get(name) is int and isinstance(value, float) and value.is_integer():
            typed[name] = int(value)
        if types.get(name) is float and type(value) is int:
            typed[name] = float(value)
    return typed


# ---- the form --------------------------------------------------------------------------------


def form_facts(least: int, usual: Usual = NO_SETTINGS) -> dict[str, Any]:
    """What the page builds the form from: {"least", "most", "samplers": [{"name", "title", "group",
    "about", "settings": [number, …]}], "settings": [{"name", "label", "help", "kind", "usual", "rest", …}]}.
    A setting that several samplers have in the same way is listed once; rest: it is folded away.

    least: how many samplers must be chosen; usual: settings by sampler that stand in for defaults.
    """
    listed: list[dict[str, Any]] = []
    samplers = []
    for sampler in in_groups():
        numbers = []
        for setting in _in_order(sampler.settings):
            fact = _fact(setting, usual.get(sampler.name, {}))
            if fact not in listed:
                listed.append(fact)
            numbers.append(listed.index(fact))
        about = f"{sampler.summary} ({sampler.paper})"
        samplers.append(
            {
                "name": sampler.name, "title": sampler.title, "group": group_of(sampler), "about": about,
                "settings": numbers,
            }
        )  # fmt: skip
    return {"least": least, "most": MOST_LANES, "samplers": samplers, "settings": listed}


def _in_order(settings: Sequence[Described]) -> list[Described]:
    """The sampler's own settings first; those with a single choice are left out."""
    return sorted((s for s in settings if len(s.choices) != 1), key=_place)


def _place(setting: Described) -> int:
    """0: the sampler's own; then those of FRONT; LAST: the rest."""
    if setting.name not in {shared.name for shared in describe(BlockSettings)}:
        return 0
    return FRONT.index(setting.name) + 1 if setting.name in FRONT else LAST


def _fact(setting: Described, usual: Mapping[str, Any]) -> dict[str, Any]:
    sizes = {name for name, _, _ in SIZES}
    given = setting.unit == "blocks" or setting.name in sizes
    value = {"early_stop": True, **usual}.get(setting.name, setting.default)
    fact: dict[str, Any] = {
        "name": setting.name, "label": setting.label, "help": setting.help,
        "unit": setting.unit,
        "kind": "choice" if setting.choices else setting.type.__name__,
        "usual": None if given else value, "rest": _place(setting) == LAST,
    }  # fmt: skip
    if setting.choices:
        fact["choices"] = [[choice, shown(choice)] for choice in setting.choices]
    high = None if setting.name in sizes else setting.high  # a model that is loaded later may read more
    if setting.low is not None or high is not None:
        fact["range"] = [setting.low, high]
    return fact
