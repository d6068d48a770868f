"""A set-up: all that a run needs to be made again, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from llada_viz.decoding.attached import Using
from llada_viz.decoding.conversation import Message
from llada_viz.decoding.model_choice import is_bundled
from llada_viz.decoding.networks import Sources
from llada_viz.decoding.served import CHECKER
from llada_viz.decoding.sources import sources_of
from samplers.registry import entry, make
from samplers.requests import check_seed

MOST_PROMPT = 20_000
"""Characters."""


@dataclass(frozen=True)
class Setup:
    """Of one run. settings: those that are not the sampler's defaults; scorer: a value of `scorers`, "" where
    the sampler needs none; earlier: turns of the conversation before the prompt; sources: the model and its
    parts, bundled ones by their names."""

    prompt: str
    sampler: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    constraints: str = ""
    scorer: str = ""
    earlier: tuple[Message, ...] = ()
    sources: Sources = Sources("tiny-llada")


def setup_of(
    using: Using,
    sampler: str,
    settings: Mapping[str, Any],
    prompt: str,
    seed: int = 0,
    constraints: str = "",
    scorer: str = "",
    earlier: Sequence[Message] = (),
) -> Setup:
    """The set-up of a run with a model and its parts; SettingError for bad settings, RequestError for a bad
    seed. Of the UPS head and the scorer only what the sampler uses is part of it."""
    built = make(sampler, settings)
    check_seed(seed)
    scorer = scorer if built.needs.scorer else ""
    reward = scorer if scorer and scorer != CHECKER else ""
    sources = by_name(sources_of(using, reward, built.needs.head))
    return Setup(
        prompt,
        built.name,
        own_settings(sampler, settings),
        seed,
        constraints,
        scorer,
        tuple(earlier),
        sources,
    )


def own_settings(sampler: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are not the sampler's defaults, as its fields have them."""
    plain = asdict(entry(sampler).cls())
    chosen = asdict(make(sampler, settings))
    return {name: value for name, value in chosen.items() if value != plain[name]}


def by_name(sources: Sources) -> Sources:
    """The same with the bundled parts by their names, so that no folder of this machine is told."""
    parts = {name: _named(getattr(sources, name)) for name in ("model", "adapter", "ups_head", "prm")}
    return replace(sources, **parts)


def _named(place: str) -> str:
    folder = str(Path(place).parent) if place.endswith(".safetensors") else place
    return Path(folder).name if is_bundled(folder) else place
