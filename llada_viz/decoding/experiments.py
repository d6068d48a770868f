"""The Explain tab's experiments, from assets/explain/experiments.yaml: a problem, and what is tried on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from llada_viz.decoding.bundled import Bundled, prompt_and_answer
from llada_viz.decoding.served import CHECKER
from models.assets import assets
from samplers.registry import entry, make
from samplers.settings import SettingError
from tasks import TASKS

FILE = assets() / "explain" / "experiments.yaml"
SIZES = ("gen_length", "block_length", "steps")
HALF = "half"
TEXTS = ("title", "text", "look", "task")


class ExperimentError(ValueError):
    """Experiments that cannot be read; the message names file, entry and field."""


@dataclass(frozen=True)
class Try:
    """A sampler with the settings that matter here. half: in half the steps; scorer: what judges it."""

    label: str
    sampler: str
    settings: Mapping[str, Any]
    half: bool = False
    scorer: str = CHECKER

    def settings_for(self, of_task: Mapping[str, Any]) -> dict[str, Any]:
        """All settings. of_task: those that the problem's answers need."""
        own = {setting.name for setting in entry(self.sampler).settings}
        shared = {name: value for name, value in of_task.items() if name in own}
        if self.half and "steps" in shared:
            shared["steps"] = max(shared["steps"] // 2, 1)
        return shared | dict(self.settings)


@dataclass(frozen=True)
class Experiment:
    """Short texts, a held-out problem (task and seed), and what is tried on it."""

    title: str
    text: str
    task: str
    seed: int
    tries: tuple[Try, ...]
    look: str

    def asked(self, bundled: Bundled) -> tuple[str, str]:
        """The problem as a prompt, and its right answer."""
        return prompt_and_answer(bundled.prompts, self.task, self.seed)


@cache
def experiments() -> tuple[Experiment, ...]:
    """The experiments that come with the packages, in the file's order."""
    return read_experiments(FILE)


def read_experiments(path: Path) -> tuple[Experiment, ...]:
    """Read and check a file of experiments."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ExperimentError(f"{path.name} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(data, list) or not data:
        raise ExperimentError(f"{path.name}; allowed: a list of experiments")
    return tuple(_experiment(f"{path.name}: {number}", given) for number, given in enumerate(data, 1))


def _experiment(where: str, given: Any) -> Experiment:
    if not isinstance(given, dict) or set(given) != {*TEXTS, "seed", "tries"}:
        raise ExperimentError(f"{where}; allowed: the fields {', '.join(sorted((*TEXTS, 'seed', 'tries')))}")
    if not all(isinstance(given[key], str) for key in TEXTS) or given["task"] not in TASKS:
        raise ExperimentError(
            f"{where}; allowed: text as {', '.join(TEXTS)}, and task one of {', '.join(TASKS)}"
        )
    if not isinstance(given["seed"], int) or not isinstance(given["tries"], list) or len(given["tries"]) < 2:
        raise ExperimentError(f"{where}; allowed: a whole number as seed, two tries or more")
    texts = {key: " ".join(given[key].split()) for key in TEXTS}
    return Experiment(
        **texts, seed=given["seed"], tries=tuple(_try(f"{where}: tries", one) for one in given["tries"])
    )


def _try(where: str, given: Any) -> Try:
    fields = {"label", "sampler", "settings"}
    if not isinstance(given, dict) or not fields <= set(given) <= {*fields, "scorer"}:
        raise ExperimentError(f"{where}; allowed: {', '.join(sorted(fields))}, and scorer")
    settings = dict(given["settings"])
    half = bool(settings.pop(HALF, False))
    try:
        make(given["sampler"], settings)
    except (SettingError, ValueError) as error:
        raise ExperimentError(f"{where}: {error}") from None
    return Try(given["label"], given["sampler"], settings, half, given.get("scorer", CHECKER))
