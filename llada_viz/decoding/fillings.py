"""What a form is filled with: published settings, one's own presets, or the set-up of a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from llada_viz.decoding.attached import Using
from llada_viz.decoding.published import Published
from llada_viz.decoding.scaling import NO_SIZES, scaled
from llada_viz.decoding.served import CHECKER, scorers
from llada_viz.decoding.setups import Setup
from llada_viz.decoding.sources import sources_of
from samplers.registry import entry, make

NO_HEAD = "It needs a UPS head, and none is loaded: choose one in Models."
NO_REWARD = "No reward model is at hand: the exact checker scores instead."
CHANGED_SCORER = "Its scorer {name} is not at hand: the exact checker scores instead."


@dataclass(frozen=True)
class Filling:
    """settings: all of the sampler's; given: those that were published, saved or sent; scorer: "" where the
    sampler needs none; prompt, seed, constraints: None where what stands in the form stays; said: what this
    is, in sentences."""

    sampler: str
    settings: Mapping[str, Any]
    scorer: str = ""
    prompt: str | None = None
    seed: int | None = None
    constraints: str | None = None
    said: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)


def of_published(one: Published, using: Using, prompt: str, sizes: Mapping[str, int] = NO_SIZES) -> Filling:
    """Published settings, scaled to the model in use. Settings that were not published are the defaults.
    sizes: to scale to, where they are not those that the prompt needs."""
    fitted = scaled(one.sampler, one.settings, using, prompt, sizes)
    said = [one.cited, fitted.said, *_missing_head(one.sampler, fitted.settings, using)]
    scorer = ""
    if one.scorer:
        scorer = using.rewards[0] if using.rewards else CHECKER
        said += [] if using.rewards else [NO_REWARD]
    settings, words = whole(one.sampler, fitted.settings), " ".join(said)
    return Filling(one.sampler, settings, scorer, said=words, given=fitted.settings)


def of_setup(setup: Setup, using: Using, what: str, notes: Sequence[str] = ()) -> Filling:
    """A set-up as it is. what: what it is, as a sentence; notes: what of it is not valid here."""
    said, scorer = [what, *notes], setup.scorer
    if scorer and scorer not in [value for _, value in scorers(using)]:
        said.append(CHANGED_SCORER.format(name=scorer))
        scorer = CHECKER
    said += _missing_head(setup.sampler, setup.settings, using)
    return Filling(
        setup.sampler, whole(setup.sampler, setup.settings), scorer, setup.prompt, setup.seed,
        setup.constraints, " ".join(said), setup.settings,
    )  # fmt: skip


def other_parts(setup: Setup, using: Using) -> list[str]:
    """A sentence where a set-up was made with another model or adapter than the one in use."""
    own = sources_of(using, "", False)
    model, adapter = (_last(getattr(own, part)) for part in ("model", "adapter"))
    wanted = [_last(setup.sources.model), _last(setup.sources.adapter)]
    if wanted == [model, adapter]:
        return []
    words = [" with ".join(filter(None, names)) for names in (wanted, [model, adapter])]
    return [f"It was made with {words[0]}; this page decodes with {words[1]}. Models has the choice."]


def whole(sampler: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a sampler, defaults where none is given."""
    return asdict(make(sampler, settings))


def _missing_head(sampler: str, settings: Mapping[str, Any], using: Using) -> list[str]:
    return [NO_HEAD] if make(sampler, settings).needs.head and not using.has_head else []


def _last(place: str) -> str:
    return place.rstrip("/").rpartition("/")[2]


def titled(setup: Setup) -> str:
    """A set-up in a few words."""
    seed = f", seed {setup.seed}" if setup.seed else ""
    return f"{entry(setup.sampler).title}{seed}"
