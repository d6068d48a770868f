"""What people read of jobs, in Evaluate and in Train: what once read oddly is gone, the better is shown."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from llada_viz.decoding.attached import Attached, Attachments, Origin
from llada_viz.decoding.bundled import FOLDER, Bundled
from llada_viz.jobs.evaluations import Evaluations
from llada_viz.jobs.job_facts import submitted_minute, waits_for
from llada_viz.jobs.queue import Jobs
from llada_viz.jobs.trainings import TrainingRequest, Trainings
from llada_viz.render.evaluation import progress
from samplers.settings import describe
from tests.llada_viz.handlers import given
from training.registry import OBJECTIVES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.decoding.runs import Runs
    from llada_viz.tabs.evaluate import Evaluate
    from llada_viz.tabs.train import OWN_COPY, Train
    from llada_viz.tabs.train_form import about
    from llada_viz.widgets.model_menu import ModelMenu

ROOT = Path(__file__).parents[2]
GONE = (
    "rows = {rows}; allowed on a public host", "no rows yet", "is about to start",
    "Trains the UPS head; the backbone is frozen", "reads its own copy of an upload",
    "of the rate of wrong tokens", "did not end in time and was killed", "was stopped before it started",
)  # fmt: skip


@pytest.mark.parametrize("sentence", GONE)
def test_odd_sentences_of_jobs_are_gone(sentence: str) -> None:
    files = [path for room in ("llada_viz", "training") for path in (ROOT / room).rglob("*.py")]
    assert len(files) > 60
    assert [path.name for path in files if sentence in path.read_text(encoding="utf-8")] == []


def text(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


@pytest.fixture
def trainings(tmp_path: Path) -> Trainings:
    return Trainings(Jobs(tmp_path), FOLDER, "cpu")  # nobody ticks: what is queued stays queued


def sft(trainings: Trainings) -> str:
    settings = {d.name: d.default for d in describe(OBJECTIVES["sft"].settings)}
    return trainings.start(TrainingRequest("sft", ("linear",), settings))


def test_how_a_job_waits_runs_and_is_cancelled(trainings: Trainings) -> None:
    job = trainings.jobs.get(sft(trainings))
    assert text(progress("queued", waits_for(trainings.jobs, job), 0, 0)) == "Queued: starts in a moment."
    other = trainings.jobs.get(sft(trainings))
    assert (
        text(progress("queued", waits_for(trainings.jobs, other), 0, 0)) == "Queued: waits for 1 other job."
    )
    assert text(progress("running", "", 0, 0)) == "Running: loading the model."
    assert text(progress("running", "", 0, 12)) == "Running: 0 of 12 rows: decoding the first answers."
    assert text(progress("running", "", 3, 12)) == "Running: 3 of 12 rows."
    trainings.jobs.stop(job.id)
    assert trainings.jobs.get(job.id).note == "Cancelled."
    assert text(progress("stopped", "Cancelled.", 0, 0)) == "Stopped: Cancelled."


def test_what_an_objective_does_in_words() -> None:
    assert text(about("remask-sft", "models/tiny")).startswith(
        "Trains a head that decides which tokens to take back. The model itself is not changed. "
        "Result: a UPS head."
    )
    for name, found in OBJECTIVES.items():
        assert "Result: " in about(name, "models/tiny") and found.paper in about(name, "models/tiny")
    help_of = {d.name: d.help for d in describe(OBJECTIVES["remask-sft"].settings)}
    assert help_of["r_incorrect"] == "Share of tokens replaced by wrong ones (r in 4·r·t·(1−t))."
    assert OWN_COPY == "The exact command of a job, with its folders, is in its log."


def test_what_is_used_is_named_by_its_training(trainings: Trainings, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = Bundled()
    attachments = Attachments(bundled)
    with gr.Blocks():
        attached = gr.State("")
        with gr.Tabs() as tabs, gr.Tab("Train"):
            tab = Train(bundled, Runs(), trainings, attachments, public=False)
            tab.build(attached, tabs)
    job = trainings.jobs.get(sft(trainings))
    (job.folder / "run" / "checkpoints" / "step-58").mkdir(parents=True)
    labels: list[str] = []

    def add(known: str, folder: Path, label: str, base: object) -> str:
        labels.append(label)
        assert base is None, "it was trained on the bundled model"
        return "id"

    monkeypatch.setattr(attachments, "add", add)
    tab.on_load({tab.panel.job: job.id, tab.step: "58", attached: ""})
    assert labels == [f"SFT of {submitted_minute(job)}, step 58"]
    assert re.fullmatch(r"SFT of \d\d:\d\d, step 58", labels[0])
    assert submitted_minute(replace(job, created=0.0)).startswith("01 Jan ")


def test_the_models_menu_says_what_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = Bundled()
    attachments = Attachments(bundled)
    with gr.Blocks():
        menu = ModelMenu(attachments)
        menu.build(gr.State(""))
    origin = Origin("SFT of 12:28, step 58", FOLDER)
    parts = Attached(bundled, bundled.loaded, [], origins={"adapter": origin, "head": origin})
    monkeypatch.setattr(attachments, "using", lambda known: parts)
    updates = menu.on_change({menu.attached: "id"})
    assert text(updates[menu.status]) == "Using: SFT of 12:28, step 58"
    assert updates[menu.fold]["label"].startswith("tiny-llada + SFT of 12:28, step 58 · ")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("gen_length", None, "Answer length is empty."),
        ("block_length", None, "Block length is empty."),
        ("steps", 2.5, "Steps must be a whole number, at least 1."),
        ("block_length", 7, "Block length 7 does not divide the answer length 32. Try 8 or 4."),
    ],
)
def test_evaluate_says_what_is_wrong_with_a_size(
    tmp_path: Path, name: str, value: Any, sentence: str
) -> None:
    bundled = Bundled()
    with gr.Blocks():
        evaluations = Evaluations(Jobs(tmp_path), FOLDER, "cpu")
        tab = Evaluate(bundled, Runs(), evaluations, Attachments(bundled), public=False)
        tab.build(gr.State(""))
    inputs: dict[Any, Any] = given(
        {tab.panel.visitor_jobs, tab.attached, *tab.form.inputs}, {tab.form.sizes[name]: value}
    )
    assert sentence in text(next(tab.on_start(inputs))[tab.alert])


def test_a_public_space_says_how_many_rows_it_takes(tmp_path: Path) -> None:
    bundled = Bundled()
    with gr.Blocks():
        evaluations = Evaluations(Jobs(tmp_path), FOLDER, "cpu")
        tab = Evaluate(bundled, Runs(), evaluations, Attachments(bundled), public=True)
        tab.build(gr.State(""))
    inputs: dict[Any, Any] = given({tab.panel.visitor_jobs, tab.attached, *tab.form.inputs},
                                   {tab.form.source: "linear", tab.form.limit: 0})  # fmt: skip
    said = next(tab.on_start(inputs))[tab.alert]
    assert text(said) == "On this public Space an evaluation has at most 200 rows."
