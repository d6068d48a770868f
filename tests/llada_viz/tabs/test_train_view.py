"""What is said of a training that goes on, and of one that was stopped."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from llada_viz.decoding.bundled import FOLDER
from llada_viz.jobs.job_store import Job
from llada_viz.jobs.queue import Jobs
from llada_viz.jobs.trainings import TrainingRequest, Trainings
from samplers.settings import describe
from training.engine.progress import FILE
from training.registry import OBJECTIVES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    from llada_viz.tabs.train_view import state_of

NOW = {"step": 8, "doing": "evaluating", "done": 40, "count": 256, "pace": 9.8, "left": 300.0}


@pytest.fixture
def trainings(tmp_path: Path) -> Trainings:
    return Trainings(Jobs(tmp_path), FOLDER, "cpu")  # nobody ticks: what is queued stays queued


def job_of(trainings: Trainings, **changes: Any) -> Job:
    settings = {d.name: d.default for d in describe(OBJECTIVES["sft"].settings)} | {"max_steps": 20}
    found = trainings.jobs.get(trainings.start(TrainingRequest("sft", ("linear",), settings)))
    (found.folder / "run").mkdir()
    return replace(found, **changes)


def said(trainings: Trainings, job: Job) -> str:
    return unescape(re.sub(r"<[^>]*>", "", state_of(trainings, job)))


def test_m18_the_stage_is_named_and_the_time_left_counts_it(trainings: Trainings) -> None:
    job = job_of(trainings, state="running")
    assert said(trainings, job) == "Running: loading the model."
    (job.folder / "run" / FILE).write_text(json.dumps(NOW))
    shown = said(trainings, job)
    assert shown == "Running: step 8 of 20 · 9.8 s a step · evaluating 40 of 256 · about 5 min left."
    (job.folder / "run" / FILE).write_text(json.dumps(NOW | {"doing": "saving", "count": 0}))
    assert "· saving" in said(trainings, replace(job, state="stopping"))
    assert "left" not in said(trainings, replace(job, state="stopping"))
    assert "saving" not in said(trainings, replace(job, state="done"))


def test_m18_a_look_sees_every_change(trainings: Trainings) -> None:
    job = job_of(trainings)
    before = trainings.stamp(job)
    (job.folder / "run" / FILE).write_text(json.dumps(NOW))
    assert trainings.stamp(job) != before


def test_m17_a_training_that_was_killed_says_what_is_left(trainings: Trainings) -> None:
    job = job_of(trainings, state="stopped", code=-9, note="Stopped hard after 60 s.")
    assert said(trainings, job).endswith("Stopped hard after 60 s. Last checkpoint: none.")
    (job.folder / "run" / "checkpoints" / "step-12").mkdir(parents=True)
    assert said(trainings, job).endswith("Stopped hard after 60 s. Last checkpoint: step 12.")
    assert said(trainings, replace(job, code=0, note="")) == "Stopped: step 12 of 20."
