"""Trainings as background jobs: starting them, and reading what they wrote. The page is elsewhere."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llada_viz.decoding.recent import Recent
from llada_viz.jobs.home import PROGRAM
from llada_viz.jobs.job_facts import stamp
from llada_viz.jobs.job_store import Job
from llada_viz.jobs.queue import Jobs
from llada_viz.jobs.training_log import TrainingLog
from models.assets import assets
from samplers.settings import describe
from training.data.bundled_tasks import is_bundled
from training.engine.checkpoints import checkpoints
from training.engine.progress import FILE, ProgressState, read_progress
from training.engine.settings import settings_of
from training.estimate import Estimate
from training.registry import objective

KIND = "train"
RUN = "run"
MOST_LOGS = 16
# Settings that do not change how long one step takes: an estimate is measured once for all their values.
NO_EFFECT_ON_COST = ("max_steps", "log_every", "save_every", "keep", "learning_rate", "seed", "report_to")
LONGEST_MEASURE = 180.0  # seconds


@dataclass(frozen=True)
class TrainingRequest:
    """What a new training is to do. data: names of bundled tasks, and files; settings: name -> value; model,
    revision: a folder or a hub id and its commit, "" for the bundled model; name: what a person calls it."""

    objective: str
    data: tuple[str, ...]
    settings: Mapping[str, Any]
    model: str = ""
    revision: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        if not self.data:
            raise ValueError("data is empty; allowed: at least one set")
        settings_of(objective(self.objective).settings, self.settings)

    @property
    def changed(self) -> dict[str, Any]:
        """The settings that are not the objective's defaults."""
        usual = {d.name: d.default for d in describe(objective(self.objective).settings)}
        return {name: value for name, value in self.settings.items() if value != usual[name]}

    @property
    def title(self) -> str:
        names = ", ".join(Path(name).name for name in self.data)
        usual = f"{self.objective} · {names} · {self.settings['max_steps']:,} steps"
        return f"{self.name} · {usual}" if self.name else usual

    def arguments(self, model: str, data: Sequence[str], out: str, device: str) -> list[str]:
        """What follows `python -m training`. model: the bundled one, where the request names none."""
        return [
            self.objective, f"--model={self.model or model}",
            *([f"--revision={self.revision}"] if self.revision else []),
            *(f"--data={name}" for name in data), f"--out={out}",
            *([f"--device={device}"] if device == "cpu" else []),
            *(f"--set={name}={value}" for name, value in self.changed.items()),
        ]  # fmt: skip


class Trainings:
    """Starts trainings of the bundled model, or of the one that a request names, and reads their folders."""

    def __init__(self, jobs: Jobs, model: Path, device: str) -> None:
        self.jobs, self.model = jobs, model
        self.device = "cuda:0" if device == "cuda" else device
        self._logs: Recent[str, TrainingLog] = Recent(MOST_LOGS)
        self._estimates: Recent[str, Estimate] = Recent(MOST_LOGS)
        self._measuring = threading.Lock()

    def start(self, request: TrainingRequest) -> str:
        """Queue a training; returns the job's id. Files are copied into the job's folder."""
        config = {
            "objective": request.objective, "data": [Path(name).name for name in request.data],
            "settings": dict(request.settings), "model": Path(request.model or self.model).name,
            "trained_on": {"model": request.model, "revision": request.revision}, "name": request.name,
        }  # fmt: skip
        return self.jobs.submit(
            KIND,
            request.title,
            lambda folder: self._command(folder, request),
            config,
            self.device,
            ["--resume"],
        )

    def _command(self, folder: Path, request: TrainingRequest) -> list[str]:
        data = []
        for number, name in enumerate(request.data, 1):
            if not is_bundled(name):
                copy = folder / "data" / str(number) / Path(name).name
                copy.parent.mkdir(parents=True)
                shutil.copyfile(name, copy)
                name = str(copy)
            data.append(name)
        arguments = request.arguments(str(self.model), data, str(folder / RUN), self.device)
        return [sys.executable, "-m", "training", *arguments]

    def command(self, request: TrainingRequest) -> str:
        """The command as a person would type it in the program's folder."""
        arguments = request.arguments(
            near(self.model), [near(Path(n)) if not is_bundled(n) else n for n in request.data],
            f"runs/{request.objective}", self.device,
        )  # fmt: skip
        return " \\\n  ".join([f"python -m training {arguments[0]}", *map(shlex.quote, arguments[1:])])

    def estimate(self, request: TrainingRequest, measure: bool = True) -> str:
        """How long a training would take, in words.

        A process of its own measures two steps; what it found serves all requests whose steps cost the same.
        measure: False: "" where nothing was measured yet. ValueError: the training would be refused, or the
        measurement took too long.
        """
        costly_settings = {k: v for k, v in request.settings.items() if k not in NO_EFFECT_ON_COST}
        named = (request.objective, request.data, request.model, request.revision)
        key = repr((*named, sorted(costly_settings.items())))
        estimate = self._estimates.get(key)
        if estimate is None and not measure:
            return ""
        if estimate is None:
            with self._measuring:  # two at once would measure each other
                estimate = self._estimates.get(key) or self._estimates.put(key, self._measure(request))
        return estimate.words(settings_of(objective(request.objective).settings, request.settings))

    def _measure(self, request: TrainingRequest) -> Estimate:
        name, *flags = request.arguments(str(self.model), request.data, "", self.device)
        argv = ["estimate", name, "--json", *(flag for flag in flags if not flag.startswith("--out="))]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "training", *argv], cwd=PROGRAM, timeout=LONGEST_MEASURE,
                capture_output=True, text=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise ValueError("the time could not be measured: the machine is too busy") from None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
            raise ValueError(f"the time could not be measured: {last.removeprefix('error: ').rstrip('.')}")
        return Estimate.from_json(json.loads(done.stdout.strip().splitlines()[-1]))

    def log(self, job: Job) -> TrainingLog:
        """What the job has logged by now."""
        log = self._logs.get_or_make(job.id, lambda: TrainingLog(job.folder / RUN / "metrics.jsonl"))
        log.read()
        return log

    def progress(self, job: Job) -> ProgressState | None:
        """What the job is doing now; None before its first step."""
        return read_progress(job.folder / RUN / FILE)

    def checkpoints(self, job: Job) -> dict[int, Path]:
        """step -> folder, the oldest first."""
        return dict(checkpoints(job.folder / RUN))

    def samples(self, job: Job, step: int) -> list[Path]:
        """The traces that were recorded at a checkpoint."""
        folder = self.checkpoints(job).get(step)
        return sorted((folder / "samples").glob("sample-*.jsonl"), key=_number) if folder else []

    def sample(self, job: Job, step: int, name: str) -> Path | None:
        """The trace of a sample at a checkpoint; None where it was not recorded."""
        return next((path for path in self.samples(job, step) if path.stem == name), None)

    def stamp(self, job: Job) -> str:
        """A text that changes whenever the job or its files do."""
        run = job.folder / RUN
        return stamp(job, (run / "metrics.jsonl", run / "checkpoints", run / FILE))


def _number(path: Path) -> int:
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def near(path: Path) -> str:
    """A path as it is typed: of a bundled file below `assets/`, which is found from any folder; of another
    one from the program's folder; of a file outside it (an upload) the name alone."""
    if path.resolve().is_relative_to(assets()):
        return str("assets" / path.resolve().relative_to(assets()))
    if path.resolve().is_relative_to(PROGRAM):
        return str(path.resolve().relative_to(PROGRAM))
    return path.name
