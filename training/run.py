"""One training run from its request: folder, config.yaml, engine."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from training.answers import RunArguments
from training.checkpoints import latest
from training.engine import Engine, accelerator_for
from training.registry import objective
from training.settings import TrainSettings, settings_of

CONFIG = "config.yaml"
FREE = ("max_steps", "log_every", "save_every", "keep", "eval_every", "samples", "report_to")
"""Settings that may differ when a run is gone on with."""
PACKAGES = ("torch", "transformers", "accelerate", "peft")


class RunError(ValueError):
    """A run folder that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Request:
    """What a command asks: an objective, its arguments and settings, a folder."""

    objective: str
    arguments: RunArguments
    settings: TrainSettings
    out: Path
    resume: bool = False

    def as_config(self) -> dict[str, Any]:
        """The resolved config, as config.yaml holds it."""
        arguments = asdict(self.arguments) | {"data": list(self.arguments.data)}
        return {"objective": self.objective, **arguments, "settings": asdict(self.settings)}


def train(asked: Request) -> Path:
    """Run or resume; returns final/. RunError, SettingError, ModelError, SetError: a sentence."""
    out = asked.out
    config = out / CONFIG
    if config.exists():
        _same(read_config(config), asked)
        if (out / "final").is_dir() and _last_step(out) >= asked.settings.max_steps:
            print(f"{out} is finished already", flush=True)
            return out / "final"
    recipe = objective(asked.objective).build(asked.arguments, asked.settings)
    accelerator = accelerator_for(recipe, asked.arguments.device)
    if accelerator.is_main_process:
        out.mkdir(parents=True, exist_ok=True)
        write_config(config, asked.as_config())
    accelerator.wait_for_everyone()
    engine = Engine(recipe, out, accelerator)
    if asked.resume and engine.resume():
        print(f"going on after step {engine.step}", flush=True)
    engine.run()
    return out / "final"


def _last_step(out: Path) -> int:
    folder = latest(out)
    return int(folder.name.removeprefix("step-")) if folder else 0


def _same(before: Mapping[str, Any], asked: Request) -> None:
    if not asked.resume:
        raise RunError(f"out = {str(asked.out)!r} holds a run; allowed: --resume, or another folder")
    now = asked.as_config()
    for key, value in now.items():
        if key == "settings":
            old = settings_of(type(asked.settings), before[key])
            free = {name: getattr(asked.settings, name) for name in FREE}
            if replace(old, **free) != asked.settings:
                joined = replace(old, **free)
                other = next(f.name for f in fields(old) if getattr(joined, f.name) != value[f.name])
                raise RunError(f"out = {str(asked.out)!r} was begun with another {other}; give the same")
        elif before.get(key) != value and key != "device":
            raise RunError(f"out = {str(asked.out)!r} was begun with another {key}: {before.get(key)!r}")


def write_config(path: Path, config: Mapping[str, Any]) -> None:
    """config.yaml, with the versions it was run with."""
    versions = {"python": platform.python_version()}
    versions |= {name: version(name) for name in PACKAGES}
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(yaml.safe_dump({**config, "versions": versions}, sort_keys=False), encoding="utf-8")
    fresh.replace(path)


def read_config(path: Path) -> dict[str, Any]:
    """A YAML file as a mapping; RunError when it is not one."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RunError(f"config = {path.name!r} cannot be read: {str(error)[:200]}") from None
    if not isinstance(found, dict):
        raise RunError(f"config = {path.name!r} is no mapping; allowed: objective, model, data, settings")
    return found
