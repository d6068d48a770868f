"""Repairs that can be watched: presets and their traces, from `assets/presets` or the folder that
LLADA_VIZ_PRESETS names. A preset is offered only with the very weights that it was made with."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evaluation.repairs.preset import Part, Preset, PresetError, head_digest, read_preset, trace_of
from models.assets import assets
from models.checkpoint import weights_digest
from models.errors import ModelError

LOG = logging.getLogger(__name__)
FOLDER_VARIABLE = "LLADA_VIZ_PRESETS"


@dataclass(frozen=True)
class Repair:
    """A preset that fits, and the file of its trace."""

    preset: Preset
    trace: Path

    @property
    def scorer(self) -> str:
        """As the page's forms name it: "checker", or the name of a reward model; "" for none."""
        return self.preset.parts["prm"].name if "prm" in self.preset.parts else self.preset.scorer


def presets_folder() -> Path:
    """Where presets are looked for."""
    return Path(os.environ.get(FOLDER_VARIABLE) or assets() / "presets")


def offered(model: Path, head: Path | None, rewards: Mapping[str, Path]) -> dict[str, Repair]:
    """The presets made with these weights, by name; those of others, and broken ones, are named in the log.
    model: its folder; head: file of its UPS head; rewards: folders of the reward models at hand."""
    found: dict[str, Repair] = {}
    files = sorted(presets_folder().glob("*.json"))
    digests = _Digests(model, head, rewards)
    for file in files:
        try:
            preset = read_preset(file)
            preset.check_parts(digests.of(preset))
            if not trace_of(file).is_file():
                raise PresetError(f"preset = {file.name!r} has no trace {trace_of(file).name} beside it")
        except (PresetError, ModelError, OSError) as error:
            LOG.warning("a preset is not offered: %s", error)
            continue
        found[preset.name] = Repair(preset, trace_of(file))
    return found


class _Digests:
    """Digests of what is at hand, each found once, and only for presets that ask for it."""

    def __init__(self, model: Path, head: Path | None, rewards: Mapping[str, Path]) -> None:
        self.model, self.head, self.rewards = model, head, rewards
        self._known: dict[Path, str] = {}

    def of(self, preset: Preset) -> dict[str, Part]:
        """What stands for each part of a preset; parts that are not there are left out."""
        places = {"model": self.model, "ups_head": self.head}
        if "prm" in preset.parts:
            places["prm"] = self.rewards.get(preset.parts["prm"].name)
        return {
            role: Part(place.name, self._digest(role, place))
            for role, place in places.items()
            if place is not None and role in preset.parts
        }

    def _digest(self, role: str, place: Path) -> str:
        if place not in self._known:
            find = head_digest if role == "ups_head" else weights_digest
            self._known[place] = find(str(place))
        return self._known[place]
