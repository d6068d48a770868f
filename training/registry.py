"""The objectives: forms, command lines, docs and tests are generated from this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from training.answers import RunArguments
from training.recipe import Recipe
from training.recipes.remask import RemaskSettings, RemaskSFT
from training.settings import TrainSettings


@dataclass(frozen=True)
class Objective:
    """name: on the command line; leaves: what final/ holds: model, adapter, head or prm."""

    name: str
    title: str
    summary: str
    paper: str
    settings: type[TrainSettings]
    build: Callable[[RunArguments, Any], Recipe]
    leaves: str


OBJECTIVES: dict[str, Objective] = {
    found.name: found
    for found in (
        Objective("remask-sft", "Remask SFT", "Trains the UPS head; the backbone is frozen.",
                  "2509.23653", RemaskSettings, RemaskSFT, "head"),
    )
}  # fmt: skip


def objective(name: str) -> Objective:
    """The objective of a name."""
    if name not in OBJECTIVES:
        raise ValueError(f"objective = {name!r} is not known; allowed: {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]
