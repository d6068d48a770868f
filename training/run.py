"""One training run: checks its folder, writes config.yaml and rows.json, builds the objective and trains.

rows.json holds a hash of every row of the data, so that a run is only resumed with the same data.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from models.hub import known_commit
from models.whole_file import write_whole
from training.data.digests import Digests, first_change, row_digests
from training.engine.checkpoints import latest
from training.engine.loop import Engine
from training.engine.machines import everywhere, from_first, join
from training.engine.placement import accelerator_for, forget_accelerator
from training.engine.recipe import Recipe
from training.engine.saying import say
from training.engine.settings import RunArguments, TrainSettings, settings_of
from training.registry import objective

CONFIG, ROWS = "config.yaml", "rows.json"
SHIPPED = Path(__file__).parent / "configs"
FREE_ON_RESUME = ("max_steps", "log_every", "save_every", "keep", "eval_every", "samples", "report_to")
"""Settings that may change when a run is resumed."""
CONFIG_KEYS = (
    "objective",
    *(f.name for f in fields(RunArguments)),
    "settings",
    "grid",
    "notes",
    "commit",
    "versions",
)
"""What a config may hold; grid: the values that a sweep goes through."""
PACKAGES = ("torch", "transformers", "accelerate", "peft")


class RunError(ValueError):
    """A run folder that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Request:
    """What to train: an objective, its arguments and settings, and the run's folder. resume: go on from
    the folder's last checkpoint."""

    objective: str
    arguments: RunArguments
    settings: TrainSettings
    out: Path
    resume: bool = False

    def as_config(self) -> dict[str, Any]:
        """The resolved config, as config.yaml holds it; a revision only where one was asked for."""
        arguments = asdict(self.arguments) | {"data": list(self.arguments.data)}
        if not self.arguments.revision:
            del arguments["revision"]
        return {"objective": self.objective, **arguments, "settings": asdict(self.settings)}


def train(request: Request) -> Path:
    """Run or resume a training; returns its folder final/. RunError, SettingError, ModelError, SetError:
    the request cannot be run, with a sentence that says why."""
    join(request.arguments.device)
    with folder_lock(request.out):
        return _train(request)


def _train(request: Request) -> Path:
    out, final = request.out, request.out / "final"
    names = [*request.arguments.data, getattr(request.settings, "held_out", "")]
    digests = everywhere(lambda: row_digests(names))
    if from_first(lambda: _is_finished(request, digests)):
        say(f"{out} is finished already")
        return final
    others = from_first(lambda: digests)
    everywhere(lambda: _check_same_data(others, digests))
    pinned = replace(request.arguments, revision=from_first(lambda: _pinned(request)))
    recipe: Recipe = everywhere(lambda: objective(request.objective).build(pinned, request.settings))
    try:
        for note in recipe.notes:
            say(note)
        engine = Engine(recipe, out, accelerator_for(recipe, request.arguments.device))
        _run(request, digests, engine, known_commit(pinned.model, pinned.revision))
    finally:
        forget_accelerator()
    return final


def _is_finished(request: Request, digests: Digests) -> bool:
    """Whether there is nothing left to do; RunError for a folder that holds another run."""
    out, config = request.out, request.out / CONFIG
    if not config.exists():
        return False
    _check_same_settings(read_config(config), request)
    _check_same_rows(out, digests)
    return (out / "final").is_dir() and _last_step(out) >= request.settings.max_steps


def _pinned(request: Request) -> str:
    """The revision to load: the commit with which the run was begun, else the one that is asked for."""
    config = request.out / CONFIG
    begun = read_config(config).get("commit") if config.exists() else ""
    return str(begun or request.arguments.revision)


def _run(request: Request, digests: Digests, engine: Engine, commit: str) -> None:
    """commit: of the hub, of the model that is trained; "" where it is not known."""
    try:
        if engine.accelerator.is_main_process:
            more = {"notes": list(engine.recipe.notes), "commit": commit}
            write_config(request.out / CONFIG, request.as_config() | more)
            write_whole(request.out / ROWS, json.dumps(digests) + "\n")
        engine.accelerator.wait_for_everyone()
        if request.resume and engine.resume():
            say(f"going on after step {engine.step}")
        engine.run()
    finally:
        engine.close()


@contextmanager
def folder_lock(out: Path) -> Iterator[None]:
    """Lock a folder for one run: two at once would spoil both. Of a run with several processes the first
    takes the lock for all."""
    lock = FileLock(out / ".running", timeout=0)

    def take() -> None:
        out.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise RunError(f"out = {str(out)!r} is in use by another run; allowed: another folder") from None

    from_first(take)
    try:
        yield
    finally:
        lock.release()


def _last_step(out: Path) -> int:
    folder = latest(out)
    return int(folder.name.removeprefix("step-")) if folder else 0


def _check_same_settings(before: Mapping[str, Any], request: Request) -> None:
    if not request.resume:
        raise RunError(f"out = {str(request.out)!r} holds a run; allowed: --resume, or another folder")
    now = request.as_config()
    for key, value in now.items():
        if key == "settings":
            saved_settings = settings_of(type(request.settings), before.get(key) or {})
            free = {name: getattr(request.settings, name) for name in FREE_ON_RESUME}
            if replace(saved_settings, **free) != request.settings:
                joined = replace(saved_settings, **free)
                other = next(
                    f.name for f in fields(saved_settings) if getattr(joined, f.name) != value[f.name]
                )
                raise RunError(f"out = {str(request.out)!r} was begun with another {other}; give the same")
        elif before.get(key) != value and key != "device":
            raise RunError(f"out = {str(request.out)!r} was begun with another {key}: {before.get(key)!r}")


def _check_same_data(first: Digests, own: Digests) -> None:
    """RunError where this process has other data than the first."""
    if change := first_change(first, own):
        raise RunError(f"data differ from those of process 0: {change}; allowed: the same files")


def _check_same_rows(out: Path, now: Digests) -> None:
    """RunError names the first row of a file that has changed since the run began. Runs of version 0.1 have
    no rows.json and are not checked."""
    if not (out / ROWS).exists():
        return
    before = json.loads((out / ROWS).read_text(encoding="utf-8"))
    if change := first_change(before, now):
        raise RunError(f"out = {str(out)!r} was begun with other data: {change}; give the same file, or "
                       "another folder")  # fmt: skip


def write_config(path: Path, config: Mapping[str, Any]) -> None:
    """Write config.yaml, with the versions of the packages in use."""
    versions = {"python": platform.python_version()}
    versions |= {name: version(name) for name in PACKAGES}
    write_whole(path, yaml.safe_dump({**config, "versions": versions}, sort_keys=False))


def read_config(path: Path) -> dict[str, Any]:
    """A config file as a mapping; RunError when it is not one. Where the path does not exist, it may name a
    config of this package: `sft-tiny`, or `training/configs/sft-tiny.yaml` from any folder."""
    if not path.exists() and str(path.parent) in (".", "training/configs"):
        shipped = SHIPPED / f"{path.name.removesuffix('.yaml')}.yaml"
        path = shipped if shipped.is_file() else path
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RunError(f"config = {path.name!r} cannot be read: {str(error)[:200]}") from None
    if not isinstance(config, dict):
        raise RunError(f"config = {path.name!r} is no mapping; allowed: {', '.join(CONFIG_KEYS)}")
    for key in config:
        if key not in CONFIG_KEYS:
            raise RunError(f"config = {path.name!r} has {key!r}; allowed: {', '.join(CONFIG_KEYS)}")
    if not isinstance(config.get("settings") or {}, dict):
        raise RunError(f"settings = {config['settings']!r} is not valid; allowed: name: value, one a line")
    grid = config.get("grid") or {}
    if not isinstance(grid, dict) or not all(isinstance(values, list) for values in grid.values()):
        raise RunError(f"grid = {grid!r} is not valid; allowed: name: [value, value], one a line")
    data = config.get("data") or []
    if not isinstance(data, str) and not (isinstance(data, list) and all(isinstance(d, str) for d in data)):
        raise RunError(f"data = {data!r} is not valid; allowed: a name, or a list of names")
    return config
