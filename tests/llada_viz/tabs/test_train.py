"""The Train tab without a browser: the form is the registry, refusals are sentences, jobs are commands."""

from __future__ import annotations

import gzip
import json
import shlex
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from evaluation.sets.columns import SetError
from llada_viz.decoding.bundled import FOLDER, Bundled
from llada_viz.jobs import trainings as trainings_module
from llada_viz.jobs.queue import Jobs
from llada_viz.jobs.training_log import TrainingLog
from llada_viz.jobs.trainings import TrainingRequest, Trainings, near
from llada_viz.tabs.train_data import choose, guesses, options
from samplers.settings import SettingError, describe
from tests.llada_viz.handlers import looked
from tests.networks import VECTORS
from training.__main__ import parser
from training.cli.objectives import request
from training.registry import OBJECTIVES
from training.remask.objective import RemaskSettings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.decoding.attached import Attachments
    from llada_viz.decoding.runs import Runs
    from llada_viz.tabs.train import Train
    from llada_viz.tabs.train_form import TrainForm, group_of

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def bundled() -> Any:
    return Bundled()


@pytest.fixture
def trainings(tmp_path: Path) -> Any:
    return Trainings(Jobs(tmp_path), FOLDER, "cpu")  # nobody ticks: what is queued stays queued


def make(bundled: Bundled, trainings: Trainings, public: bool = False) -> Any:
    with gr.Blocks():
        attached = gr.State("")
        with gr.Tabs() as tabs, gr.Tab("Train"):
            tab = Train(bundled, Runs(), trainings, Attachments(bundled), public)
            tab.build(attached, tabs)
    return tab


@pytest.fixture
def tab(bundled: Bundled, trainings: Trainings) -> Any:
    return make(bundled, trainings)


def values(
    form: TrainForm, name: str = "remask-sft", sets: Any = ("linear",), uploads: Any = None, **changes: Any
) -> Any:
    usual = {d.name: d.default for d in describe(OBJECTIVES[name].settings)} | changes
    found = {w: usual.get(key[0], form.settings[key].default) for key, w in form.widgets.items()}
    return chosen_in(form, name, list(sets), uploads) | found


def chosen_in(form: TrainForm, name: Any, sets: Any, uploads: Any = None, start: str = "") -> dict[Any, Any]:
    """Objective, preset, sets and uploads."""
    data = form.data
    return {form.objective: name, form.start_from: start, data.sets: sets, data.uploads: uploads or {}}


def begun(tab: Any, asked: Any) -> Any:
    """The form with what the panel needs to start a job."""
    return asked | {tab.panel.visitor_jobs: []}


def upload(
    folder: str, name: str = "mine.csv", text: str = f"question,answer\n{HOSTILE},1\nWhat is 2 + 2?,4\n"
) -> dict[Any, Any]:
    (folder / name).write_text(text)
    return {name: str(folder / name)}


def test_the_form_has_every_setting_of_every_objective() -> None:
    with gr.Blocks():
        form = TrainForm("models/tiny")
        form.build()
    for name, found in OBJECTIVES.items():
        mine = {d.name for d in describe(found.settings)}
        if name != "prm":  # which has no data of its own
            asked = form.request(values(form, name))
            assert set(asked.settings) == mine and asked.changed == {}
        updates = form.on_objective(chosen_in(form, name, ["linear"]))
        assert updates.keys() <= set(form.shown)
        seen = {key[0] for key, widget in form.widgets.items() if updates[widget].get("visible")}
        assert seen | {key[0] for key in form.columns} == mine | {key[0] for key in form.columns}
    assert [group_of(n) for n in ("lambda_ups", "max_length", "clip", "keep")] == [0, 1, 2, 3]


def test_the_command_is_one_that_training_reads(tab: Any) -> None:
    asked = values(tab.form, learning_rate=0.01, max_steps=7.0, own_errors=1, sets=("linear", "word"))
    text, problem, _ = tab.on_command(asked).values()
    words = shlex.split(text.replace("\\\n", " "))
    assert words[:3] == ["python", "-m", "training"] and problem == ""
    read = request(parser().parse_args(words[3:]))
    assert read.arguments.data == ("linear", "word") and read.arguments.model == "assets/models/tiny-llada"
    assert read.settings == RemaskSettings(learning_rate=0.01, max_steps=7, own_errors=1.0)


def test_a_bundled_model_is_typed_below_assets_wherever_the_program_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In an install the bundled files lie in a package, and `assets/…` is found from any folder."""
    program = tmp_path / "site-packages"
    bundled = program / "models" / "assets"
    monkeypatch.setattr(trainings_module, "PROGRAM", program)
    monkeypatch.setattr(trainings_module, "assets", lambda: bundled)
    assert near(bundled / "models" / "tiny-llada") == "assets/models/tiny-llada"
    assert near(program / "mine") == "mine" and near(tmp_path / "upload" / "a.csv") == "a.csv"


def test_a_job_has_its_own_copy_of_the_data_and_resumes(
    tab: Any, trainings: Trainings, tmp_path: Path
) -> None:
    name = f"{'a' * 20} b.csv"
    asked = values(tab.form, "sft", [f"upload:{name}", "linear"], upload(tmp_path, name), max_steps=5)
    started = next(tab.on_start(begun(tab, asked)))
    alert, job = started[tab.alert], trainings.jobs.get(started[tab.panel.job]["value"])
    assert alert == "" and job.resume_args == ("--resume",) and job.kind == "train"
    read = request(parser().parse_args(list(job.argv[3:])))
    copy = job.folder / "data" / "1" / name
    assert read.arguments.data == (str(copy), "linear") and HOSTILE in copy.read_text()
    assert read.out == job.folder / "run" and job.config["settings"] == asdict(read.settings)
    assert "sft" in job.title and "5 steps" in job.title


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weights": "2,1"}, "1 positive numbers"),
        ({"max_steps": None}, "Max steps is empty."),
        ({"max_steps": 2.5}, "Max steps must be a whole number"),
        ({"learning_rate": 2}, "Learning rate must be a number from 0 to 1."),
        ({"accumulate": 3}, "a divisor of batch_size"),
    ],
)
def test_settings_that_are_refused(tab: Any, changes: dict[str, Any], said: str) -> None:
    asked = values(tab.form, **changes)
    answer = tab.on_command(asked)
    assert said in answer[tab.problem] and answer[tab.command] == ""
    started = tab.on_start(begun(tab, asked))
    assert said in next(started)[tab.alert]
    with pytest.raises(gr.Error):
        next(started)
    assert tab.panel.visible() == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.csv", "a,b\n1,2\n", "was not found"),
        ("x.csv", "question,answer\n1,\n", "Row 1, column 'answer' of x.csv is empty"),
        ("x.csv", "question,answer\n1,2,3\n", "3 cells"),
        ("x.jsonl", '{"question": "1", "answer": "1"}\n{', "Row 2 is not JSON"),
        ("x.txt", "hello", "x.txt is no set"),
        ("test.csv", "question,answer\n1,2\n", "named as an evaluation set"),
    ],
)
def test_files_that_are_refused(tab: Any, tmp_path: Path, name: str, text: str, said: str) -> None:
    asked = values(tab.form, "sft", [f"upload:{name}"], upload(tmp_path, name, text))
    assert said in tab.on_command(asked)[tab.problem].replace("&#x27;", "'")


def test_only_what_was_offered_is_read(tmp_path: Path) -> None:
    for value in ("/etc/passwd", "../x", "upload:/etc/passwd", "README.md"):
        with pytest.raises(SetError, match="is not known"):
            choose([value], {}, OBJECTIVES["remask-sft"])
    with pytest.raises(SetError, match="data is empty; allowed: at least one set"):
        choose([], {}, OBJECTIVES["remask-sft"])
    assert ("mine.csv (uploaded)", "upload:mine.csv") in options(upload(tmp_path), OBJECTIVES["remask-sft"])


def test_columns_are_guessed_and_shown_escaped(tab: Any, tmp_path: Path) -> None:
    uploads = upload(tmp_path, text=f"problem,solution,answer\n{HOSTILE},two,2\n1,one,1\n")
    updates = tab.form.on_other_sets(chosen_in(tab.form, "sft", ["upload:mine.csv"], uploads))
    shown = updates[tab.form.data.preview]
    assert HOSTILE not in shown and "&lt;img" in shown
    found = {key[0]: updates[tab.form.widgets[key]] for key in tab.form.columns}
    assert found["prompt_column"]["value"] == "problem" and found["answer_column"]["value"] == "solution"
    assert found["prompt_column"]["visible"] and not found["text_column"]["visible"]
    sft = OBJECTIVES["sft"]
    chosen = choose(["upload:mine.csv"], uploads, sft)
    with pytest.raises(SetError, match="answer_column = 'no' is no column of mine.csv"):
        sft.data.check(chosen, sft.settings(answer_column="no"))
    assert guesses(choose(["linear"], {}, sft), sft)["prompt_column"] == ""


def test_presets_fill_the_form_and_shares_go_with_their_sets(tab: Any) -> None:
    form = tab.form
    assert form.presets
    for preset in form.presets:
        updates = form.on_start_from(chosen_in(form, preset.objective, [], start=preset.name))
        chosen = updates[form.data.sets]["value"]
        assert tuple(chosen) == preset.data
        if preset.data:
            asked = chosen_in(form, preset.objective, chosen)
            asked |= {widget: updates[widget].get("value") for widget in form.widgets.values()}
            assert form.request(asked).settings == preset.settings
    first = {preset.objective: preset.name for preset in reversed(form.presets)}
    for name, preset in first.items():
        updates = form.on_objective(chosen_in(form, name, []))
        assert updates[form.start_from]["value"] == preset
    updates = form.on_other_sets(chosen_in(form, "sft", ["word"]))
    assert [value for value in updates.values() if isinstance(value, str)][1:] == [""]


def test_a_look_that_waits_survives_another_objective(tab: Any) -> None:
    """It was asked with the preset of the objective before, when the list has none of it any more."""
    dropdown = tab.form.start_from
    before = dropdown.value
    dropdown.choices = [("the objective's defaults", "")]
    assert before and dropdown.preprocess(before) == before


def test_nothing_is_sent_when_nothing_has_changed(tab: Any, trainings: Trainings) -> None:
    panel = tab.panel
    tick, look = panel.on_tick, panel.on_look
    first = tick(looked(tab, None))
    assert first.keys() == set(panel.look_outputs) and "No training yet" in first[panel.state]
    job = trainings.start(tab.form.request(values(tab.form)))
    second = tick(looked(tab, None, seen=first[panel.last_look]))
    assert second[panel.job]["value"] == job and "Queued:</b> starts in a moment." in second[panel.state]
    assert tick(looked(tab, job, seen=second[panel.last_look])) == {panel.last_look: gr.skip()}
    assert look(looked(tab, job, seen=second[panel.last_look])) == second
    assert "value" not in tick(looked(tab, job))[panel.job]  # what is chosen stays
    other = trainings.start(tab.form.request(values(tab.form)))
    assert "waits for 1 other job" in tick(looked(tab, other))[panel.state]
    run = trainings.jobs.get(job).folder / "run"
    run.mkdir()
    (run / "metrics.jsonl").write_text(json.dumps({"step": 10, "loss": 0.5, "seconds": 1}) + "\n")
    (run / "checkpoints" / "step-10" / "samples").mkdir(parents=True)
    third = tick(looked(tab, job, seen=second[panel.last_look]))
    assert "<svg" in third[tab.curves] and third[tab.step]["value"] == "10" and third[tab.load]["interactive"]
    (run / "checkpoints" / "step-20").mkdir()
    # It was the newest: the newest is followed.
    fourth = tick(looked(tab, job, seen=third[panel.last_look], step="10"))
    assert fourth[tab.step]["value"] == "20"
    assert look(looked(tab, job, seen=fourth[panel.last_look], step="10"))[tab.step]["value"] == "10"
    assert isinstance(trainings.log(trainings.jobs.get(job)), TrainingLog)
    assert "allowed to remove" in panel.on_action("remove", job, [], True)
    assert panel.on_action("remove", job, [], False) == "" and panel.on_action("stop", job, [], True) == ""
    assert panel.on_action("remove", job, [], True) == "" and len(panel.visible()) == 1


def test_recorded_samples_are_replayed_whether_compressed_or_not(tab: Any, trainings: Trainings) -> None:
    job = trainings.start(tab.form.request(values(tab.form)))
    folder = trainings.jobs.get(job).folder / "run" / "checkpoints" / "step-10" / "samples"
    folder.mkdir(parents=True)
    old = (VECTORS / "traces" / "v0.2" / "remedi.jsonl").read_bytes()
    for number, content in enumerate((old, gzip.compress(old), gzip.compress(old)[:-9]), 1):
        (folder / f"sample-{number}.jsonl").write_bytes(content)
    picked = {tab.panel.job: job, tab.step: "10"}
    runs = [
        tab.runs.get(tab.on_replay(picked | {tab.sample: f"sample-{n}"})[tab.run_id]).trace() for n in (1, 2)
    ]
    assert runs[0] == runs[1]
    assert "cut short" in tab.on_replay(picked | {tab.sample: "sample-3"})[tab.load_alert]


def test_on_a_public_host_every_handler_refuses(bundled: Bundled, trainings: Trainings) -> None:
    public = make(bundled, trainings, public=True)
    asked = begun(public, values(public.form))
    job = trainings.start(public.form.request(asked))
    assert not public.start.interactive
    for act in (
        lambda: next(public.on_start(asked)), lambda: public.on_load({}), lambda: public.on_upload({}),
        lambda: next(public.on_time(asked)),
    ):  # fmt: skip
        with pytest.raises(gr.Error, match="Training is off"):
            act()
    picked = {public.panel.job: job, public.step: "10", public.sample: "sample-1"}
    for act in (lambda: public.on_replay(picked), lambda: public.panel.on_action("stop", job, [], True)):
        with pytest.raises(gr.Error, match="no such training"):
            act()
    shown = public.panel.on_look(looked(public, job))
    assert "Nothing is trained on this public host" in shown[public.panel.state]


def test_m50_the_example_stays_on_where_training_is_off(bundled: Bundled, trainings: Trainings) -> None:
    public = make(bundled, trainings, public=True)
    assert public.show.interactive and not public.measure.interactive and not public.start.interactive
    *_, shown = public.on_example(begun(public, values(public.form)))
    assert "lz-" in shown[public.example] and public.problem not in shown
    assert "public host" in public.panel.empty and "press Train" not in public.panel.empty


def test_nothing_can_be_asked_without_data() -> None:
    with pytest.raises(ValueError, match="data is empty"):
        TrainingRequest("sft", (), {})
    with pytest.raises(SettingError):
        TrainingRequest("sft", ("linear",), {"luck": 1})
