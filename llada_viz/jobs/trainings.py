"""Trainings as background jobs: what the Train tab asks for and reads, without the page."""

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
from samplers.settings import describe
from tasks import TASKS
from training.engine.checkpoints import checkpoints
from training.engine.progress import FILE, ProgressState, read_progress
from training.engine.settings import settings_of
from training.estimate import Estimate
from training.registry import objective

KIND = "train"
RUN = "run"
MOST_LOGS = 16
# Settings that say how often something is done, not what it costs once.
COST_NOTHING = ("max_steps", "log_every", "save_every", "keep", "learning_rate", "seed", "report_to")
LONGEST_MEASURE = 180.0  # seconds


@dataclass(frozen=True)
class Asked:
    """What a new training does. data: bundled tasks by name, and files; settings: as typed values."""

    objective: str
    data: tuple[str, ...]
    settings: Mapping[str, Any]

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
        return f"{self.objective} · {names} · {self.settings['max_steps']:,} steps"

    def arguments(self, model: str, data: Sequence[str], out: str, device: str) -> list[str]:
        """What follows `python -m training`."""
        return [
            self.objective, f"--model={model}", *(f"--data={name}" for name in data), f"--out={out}",
            *([f"--device={device}"] if device == "cpu" else []),
            *(f"--set={name}={value}" for name, value in self.changed.items()),
        ]  # fmt: skip


class Trainings:
    """Starts trainings of one model, and reads their folders."""

    def __init__(self, jobs: Jobs, model: Path, device: str) -> None:
        self.jobs, self.model = jobs, model
        self.device = "cuda:0" if device == "cuda" else device
        self._logs: Recent[str, TrainingLog] = Recent(MOST_LOGS)
        self._estimates: Recent[str, Estimate] = Recent(MOST_LOGS)
        self._measuring = threading.Lock()

    def start(self, asked: Asked) -> str:
        """Queue a training; returns the job's id. Files are copied into the job's folder."""
        config = {
            "objective": asked.objective, "data": [Path(name).name for name in asked.data],
            "settings": dict(asked.settings), "model": self.model.name,
        }  # fmt: skip
        return self.jobs.submit(
            KIND, asked.title, lambda folder: self._command(folder, asked), config, self.device, ["--resume"]
        )

    def _command(self, folder: Path, asked: Asked) -> list[str]:
        data = []
        for number, name in enumerate(asked.data, 1):
            if name not in TASKS:
                copy = folder / "data" / str(number) / Path(name).name
                copy.parent.mkdir(parents=True)
                shutil.copyfile(name, copy)
                name = str(copy)
            data.append(name)
        arguments = asked.arguments(str(self.model), data, str(folder / RUN), self.device)
        return [sys.executable, "-m", "training", *arguments]

    def command(self, asked: Asked) -> str:
        """The same as a person would type it in the program's folder."""
        arguments = asked.arguments(
            near(self.model), [near(Path(n)) if n not in TASKS else n for n in asked.data],
            f"runs/{asked.objective}", self.device,
        )  # fmt: skip
        return " \\\n  ".join([f"python -m training {arguments[0]}", *map(shlex.quote, arguments[1:])])

    def estimate(self, asked: Asked, measure: bool = True) -> str:
        """How long a training would take, in words: measured by a process of its own, once for settings that
        cost the same, one at a time. measure: else "" where that has not been done yet. ValueError: it
        cannot be begun, or the measurement took too long."""
        free = {k: v for k, v in asked.settings.items() if k not in COST_NOTHING}
        key = repr((asked.objective, asked.data, sorted(free.items())))
        found = self._estimates.get(key)
        if found is None and not measure:
            return ""
        if found is None:
            with self._measuring:  # two at once would measure each other
                found = self._estimates.get(key) or self._estimates.put(key, self._measure(asked))
        return found.words(settings_of(objective(asked.objective).settings, asked.settings))

    def _measure(self, asked: Asked) -> Estimate:
        name, *flags = asked.arguments(str(self.model), asked.data, "", self.device)
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
        """What the job is doing; None of one that has not begun its first step."""
        return read_progress(job.folder / RUN / FILE)

    def checkpoints(self, job: Job) -> dict[int, Path]:
        """step -> folder, the oldest first."""
        return dict(checkpoints(job.folder / RUN))

    def samples(self, job: Job, step: int) -> list[Path]:
        """The traces that were recorded at a checkpoint."""
        folder = self.checkpoints(job).get(step)
        return sorted((folder / "samples").glob("sample-*.jsonl"), key=_number) if folder else []

    def stamp(self, job: Job) -> str:
        """Changes whenever the job or its files do."""
        run = job.folder / RUN
        return stamp(job, (run / "metrics.jsonl", run / "checkpoints", run / FILE))


def _number(path: Path) -> int:
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def near(path: Path) -> str:
    """A path as it is typed in the program's folder; an upload by its name."""
    if path.resolve().is_relative_to(PROGRAM):
        return str(path.resolve().relative_to(PROGRAM))
    return path.name
