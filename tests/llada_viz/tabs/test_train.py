"""The Train tab without a browser: the form is the registry, refusals are sentences, jobs are commands."""

from __future__ import annotations

import json
import shlex
import warnings
from dataclasses import asdict

import pytest

from evaluation.sets.columns import SetError
from llada_viz.decoding.bundled import FOLDER, Bundled
from llada_viz.jobs.queue import Jobs
from llada_viz.jobs.training_log import TrainingLog
from llada_viz.jobs.trainings import Asked, Trainings
from llada_viz.tabs.train_data import choose, guesses, options
from samplers.settings import SettingError, describe
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
    from llada_viz.tabs.train_view import PARTS

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def bundled():
    return Bundled()


@pytest.fixture
def trainings(tmp_path):
    return Trainings(Jobs(tmp_path), FOLDER, "cpu")  # nobody ticks: what is queued stays queued


def make(bundled, trainings, public=False):
    with gr.Blocks():
        attached = gr.State("")
        with gr.Tabs() as tabs, gr.Tab("Train"):
            tab = Train(bundled, Runs(), trainings, Attachments(bundled), public)
            tab.build(attached, tabs)
    return tab


@pytest.fixture
def tab(bundled, trainings):
    return make(bundled, trainings)


def values(form, name="remask-sft", sets=("linear",), uploads=None, **changes):
    usual = {d.name: d.default for d in describe(OBJECTIVES[name].settings)} | changes
    found = [usual.get(key[0], form.settings[key].default) for key in form.widgets]
    return [name, list(sets), uploads or {}, *found]


def upload(folder, name="mine.csv", text=f"question,answer\n{HOSTILE},1\nWhat is 2 + 2?,4\n"):
    (folder / name).write_text(text)
    return {name: str(folder / name)}


def test_the_form_has_every_setting_of_every_objective():
    with gr.Blocks():
        form = TrainForm("tiny", "models/tiny")
        form.build()
    for name, found in OBJECTIVES.items():
        mine = {d.name for d in describe(found.settings)}
        if name != "prm":  # which has no data of its own
            asked = form.asked(*values(form, name))
            assert set(asked.settings) == mine and asked.changed == {}
        updates = dict(zip(form.shown, form.on_objective(name, ["linear"], {}), strict=True))
        seen = {key[0] for key, widget in form.widgets.items() if updates[widget].get("visible")}
        assert seen | {key[0] for key in form.columns} == mine | {key[0] for key in form.columns}
    assert [group_of(n) for n in ("lambda_ups", "max_length", "clip", "keep")] == [0, 1, 2, 3]


def test_the_command_is_one_that_training_reads(tab):
    asked = values(tab.form, learning_rate=0.01, max_steps=7.0, own_errors=1, sets=("linear", "word"))
    text, problem = tab.on_command(*asked)
    words = shlex.split(text.replace("\\\n", " "))
    assert words[:3] == ["python", "-m", "training"] and problem == ""
    read = request(parser().parse_args(words[3:]))
    assert read.arguments.data == ("linear", "word") and read.arguments.model == "assets/models/tiny-llada"
    assert read.settings == RemaskSettings(learning_rate=0.01, max_steps=7, own_errors=1.0)


def test_a_job_has_its_own_copy_of_the_data_and_resumes(tab, trainings, tmp_path):
    name = f"{'a' * 20} b.csv"
    asked = values(tab.form, "sft", [f"upload:{name}", "linear"], upload(tmp_path, name), max_steps=5)
    alert, chosen = next(tab.on_start(*asked))
    job = trainings.jobs.get(chosen["value"])
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
        ({"max_steps": None}, "max_steps = None is not valid"),
        ({"max_steps": 2.5}, "max_steps = 2.5"),
        ({"learning_rate": 2}, "learning_rate = 2"),
        ({"accumulate": 3}, "a divisor of batch_size"),
    ],
)
def test_settings_that_are_refused(tab, changes, said):
    asked = values(tab.form, **changes)
    assert said in tab.on_command(*asked)[1] and tab.on_command(*asked)[0] == ""
    started = tab.on_start(*asked)
    assert said in next(started)[0]
    with pytest.raises(gr.Error):
        next(started)
    assert tab.panel.list() == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.csv", "a,b\n1,2\n", "was not found"),
        ("x.csv", "question,answer\n1,\n", "row 1, column 'answer' of x.csv is empty"),
        ("x.csv", "question,answer\n1,2,3\n", "3 cells"),
        ("x.jsonl", '{"question": "1", "answer": "1"}\n{', "row 2 is not JSON"),
        ("x.txt", "hello", "x.txt is no set"),
        ("test.csv", "question,answer\n1,2\n", "named as an evaluation set"),
    ],
)
def test_files_that_are_refused(tab, tmp_path, name, text, said):
    asked = values(tab.form, "sft", [f"upload:{name}"], upload(tmp_path, name, text))
    assert said in tab.on_command(*asked)[1].replace("&#x27;", "'")


def test_only_what_was_offered_is_read(tmp_path):
    for value in ("/etc/passwd", "../x", "upload:/etc/passwd", "README.md"):
        with pytest.raises(SetError, match="is not known"):
            choose([value], {}, OBJECTIVES["remask-sft"])
    with pytest.raises(SetError, match="data is empty; allowed: at least one set"):
        choose([], {}, OBJECTIVES["remask-sft"])
    assert ("mine.csv (uploaded)", "upload:mine.csv") in options(upload(tmp_path), OBJECTIVES["remask-sft"])


def test_columns_are_guessed_and_shown_escaped(tab, tmp_path):
    uploads = upload(tmp_path, text=f"problem,solution,answer\n{HOSTILE},two,2\n1,one,1\n")
    shown, *columns = tab.form.on_sets("sft", ["upload:mine.csv"], uploads)
    assert HOSTILE not in shown and "&lt;img" in shown
    found = {key[0]: update for key, update in zip(tab.form.columns, columns, strict=True)}
    assert found["prompt_column"]["value"] == "problem" and found["answer_column"]["value"] == "solution"
    assert found["prompt_column"]["visible"] and not found["text_column"]["visible"]
    sft = OBJECTIVES["sft"]
    chosen = choose(["upload:mine.csv"], uploads, sft)
    with pytest.raises(SetError, match="answer_column = 'no' is no column of mine.csv"):
        sft.data.check(chosen, sft.settings(answer_column="no"))
    assert guesses(choose(["linear"], {}, sft), sft)["prompt_column"] == ""


def test_presets_fill_the_form_and_shares_go_with_their_sets(tab):
    form = tab.form
    assert form.presets
    for preset in form.presets:
        updates = dict(zip(form.shown, form.on_objective(preset.objective, [], {}), strict=True))
        inputs = {key: updates[widget] for key, widget in form.widgets.items()}
        read = [update.get("value") for update in inputs.values()]
        chosen = updates[form.data.sets]["value"]
        assert tuple(chosen) == preset.data and updates[form.start_from]["value"] == preset.name
        if preset.data:
            assert form.asked(preset.objective, chosen, {}, *read).settings == preset.settings
    *_, shares = form.on_other_sets("sft", ["word"], {})
    assert shares == ""


def test_nothing_is_sent_when_nothing_has_changed(tab, trainings):
    first = tab.on_tick(None, None, None, "")
    assert len(first) == PARTS and "No training yet" in first[1]
    job = trainings.start(tab.form.asked(*values(tab.form)))
    second = tab.on_tick(None, None, None, first[-1])
    assert second[0]["value"] == job and "queued" in second[1] and "about to start" in second[1]
    assert tab.on_tick(job, None, None, second[-1]) == (gr.skip(),) * PARTS
    assert tab.on_look(job, None, None, second[-1]) == second
    other = trainings.start(tab.form.asked(*values(tab.form)))
    assert "waits for 1 other job" in tab.on_tick(other, None, None, "")[1]
    run = trainings.jobs.get(job).folder / "run"
    run.mkdir()
    (run / "metrics.jsonl").write_text(json.dumps({"step": 10, "loss": 0.5, "seconds": 1}) + "\n")
    (run / "checkpoints" / "step-10" / "samples").mkdir(parents=True)
    third = tab.on_tick(job, None, None, second[-1])
    assert "<svg" in third[5] and third[8]["value"] == "10" and third[11]["interactive"]
    (run / "checkpoints" / "step-20").mkdir()
    fourth = tab.on_tick(job, "10", None, third[-1])  # it was the newest: the newest is followed
    assert fourth[8]["value"] == "20" and tab.on_look(job, "10", None, fourth[-1])[8]["value"] == "10"
    assert isinstance(trainings.log(trainings.jobs.get(job)), TrainingLog)
    assert "allowed to remove" in tab.on_job(job, True, "remove")
    assert tab.on_job(job, False, "remove") == "" and tab.on_job(job, True, "stop") == ""
    assert tab.on_job(job, True, "remove") == "" and len(tab.panel.list()) == 1


def test_on_a_public_host_every_handler_refuses(bundled, trainings):
    public = make(bundled, trainings, public=True)
    job = trainings.start(public.form.asked(*values(public.form)))
    assert "Training is off" in public.alert.value and not public.start.interactive
    for act in (
        lambda: next(public.on_start(*values(public.form))), lambda: public.on_job(job, True, "stop"),
        lambda: public.on_load(job, "10", ""), lambda: public.on_upload("x.csv", {}, "sft"),
        lambda: next(public.on_example(*values(public.form))),
    ):  # fmt: skip
        with pytest.raises(gr.Error, match="Training is off"):
            act()
    with pytest.raises(gr.Error, match="no such training"):
        public.on_replay(job, "10", "sample-1")
    assert "No training yet" in public.on_look(job, None, None, "")[1]


def test_nothing_can_be_asked_without_data():
    with pytest.raises(ValueError, match="data is empty"):
        Asked("sft", (), {})
    with pytest.raises(SettingError):
        Asked("sft", ("linear",), {"luck": 1})
