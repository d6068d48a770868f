"""Which data the Train tab offers to PRM and DPO: what is offered can run, the rest is refused before."""

from __future__ import annotations

import json
import re
import shlex
import warnings
from pathlib import Path
from typing import Any

import pytest

from llada_viz.decoding.bundled import FOLDER, Bundled
from llada_viz.jobs.queue import Jobs
from llada_viz.jobs.trainings import Trainings
from llada_viz.tabs.train_data import options
from tasks import TASKS
from training.__main__ import main
from training.registry import OBJECTIVES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.decoding.attached import Attachments
    from llada_viz.decoding.runs import Runs
    from llada_viz.tabs.train import Train

TEST_PROBLEM = ("A robe takes 2 bolts of blue fiber and half that much white fiber. "
                "How many bolts in total does it take?")  # fmt: skip
STEPS = [{"question": f"What is {n} + 1?", "steps": [f"{n} + 1 = {n + 1}\n", "so 0"], "labels": [1, 0]}
         for n in range(60)]  # fmt: skip
PAIRS = [{"prompt": f"What is {n} + 1?", "chosen": str(n + 1), "rejected": str(n)} for n in range(40)]


@pytest.fixture(scope="module")
def bundled() -> Bundled:
    return Bundled()


@pytest.fixture
def tab(bundled: Bundled, tmp_path: Path) -> Any:
    home = tmp_path / "home"
    home.mkdir()
    with gr.Blocks():
        attached = gr.State("")
        trainings = Trainings(Jobs(home), FOLDER, "cpu")  # nobody ticks: jobs stay queued
        with gr.Tabs() as tabs, gr.Tab("Train"):
            made = Train(bundled, Runs(), trainings, Attachments(bundled), public=False)
            made.build(attached, tabs)
    return made


def asked_for(tab: Any, name: str, sets: list[str], uploads: dict[str, str]) -> dict[Any, Any]:
    data = tab.form.data
    named = {tab.form.objective: name, tab.form.start_from: "", data.sets: sets, data.uploads: uploads}
    return named | {tab.panel.visitor_jobs: []}


def chosen(tab: Any, name: str, sets: list[str], uploads: dict[str, str], **changes: Any) -> dict[Any, Any]:
    """What the form sends after an objective was chosen with these sets in it, and settings changed."""
    asked = asked_for(tab, name, sets, uploads)
    updates = tab.form.on_objective(asked)
    settings = {w: changes.get(key[0], updates[w].get("value")) for key, w in tab.form.widgets.items()}
    return asked | {tab.form.data.sets: updates[tab.form.data.sets]["value"]} | settings


def upload(folder: Path, rows: list[dict[str, Any]], name: str = "mine.jsonl") -> dict[str, str]:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {name: str(path)}


def text_of(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html)


def refused(tab: Any, asked: dict[Any, Any]) -> str:
    """The sentence with which a form is refused, before there is a job."""
    answer = tab.on_command(asked)
    said, started = answer[tab.problem], tab.on_start(asked)
    assert answer[tab.command] == "" and text_of(next(started)[tab.alert]) == text_of(said)
    with pytest.raises(gr.Error):
        next(started)
    assert tab.panel.visible() == []
    return str(said).replace("&#x27;", "'")


def test_each_objective_is_offered_what_it_learns_from() -> None:
    for name, found in OBJECTIVES.items():
        values = [value for _, value in options({"a.csv": "/a.csv"}, found)]
        assert values[-1] == "upload:a.csv"
        assert [value for value in values if value in TASKS] == ([] if name == "prm" else list(TASKS))
        samples = [value for value in values if value.endswith(".csv") and value != "upload:a.csv"]
        assert bool(samples) == (name not in ("prm", "dpo"))


def test_prm_says_what_it_needs_and_a_task_is_no_data(tab: Any) -> None:
    updates = tab.form.on_objective(asked_for(tab, "prm", ["linear"], {}))
    about = updates[tab.form.about]
    assert "question, steps, labels" in about
    assert "python -m training rollouts --model assets/models/tiny-llada " in about
    assert updates[tab.form.data.sets] == gr.update(value=[], choices=[])
    assert "data is empty; allowed: an uploaded file of labelled steps" in updates[tab.form.data.preview]
    assert "an uploaded file of labelled steps" in refused(tab, chosen(tab, "prm", ["linear"], {}))
    forged = chosen(tab, "prm", [], {})
    forged[tab.form.data.sets] = ["linear"]
    assert "data = 'linear' is not known; allowed: one of the list" in refused(tab, forged)
    assert "rollouts" not in tab.form.on_objective(asked_for(tab, "sft", [], {}))[tab.form.about]


@pytest.mark.parametrize(("name", "rows"), [("prm", STEPS), ("dpo", PAIRS)])
def test_an_upload_runs_from_the_preset(
    tab: Any, name: str, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    uploads = upload(tmp_path, rows)
    quick = {"max_steps": 1, "batch_size": 4, "samples": 0, "timesteps": 1, "precision": "no"}
    asked = chosen(tab, name, ["upload:mine.jsonl"], uploads, **quick)
    assert tab.on_command(asked)[tab.problem] == "" and asked[tab.form.data.sets] == ["upload:mine.jsonl"]
    job = tab.trainings.jobs.get(next(tab.on_start(asked))[tab.panel.job]["value"])
    assert main(list(job.argv[3:])) == 0
    assert (job.folder / "run" / "final").is_dir()


def test_columns_of_steps_and_pairs_are_shown(tab: Any, tmp_path: Path) -> None:
    steps = [{"prompt": r["question"], "completions": r["steps"], "labels": r["labels"]} for r in STEPS]
    cases = (("prm", upload(tmp_path, steps, "a.jsonl"), ["prompt", "completions", "labels"]),
             ("dpo", upload(tmp_path, PAIRS, "b.jsonl"), ["prompt", "chosen", "rejected"]))  # fmt: skip
    for name, uploads, wanted in cases:
        asked = chosen(tab, name, [f"upload:{next(iter(uploads))}"], uploads)
        settings = tab.form.request(asked).settings
        names = [key for key in settings if key.endswith("_column")]
        assert [settings[key] for key in names] == wanted
        shown = tab.form.on_other_sets(asked)
        seen = {key[0] for key in tab.form.columns if shown[tab.form.widgets[key]]["visible"]}
        assert seen == set(names)


@pytest.mark.parametrize(("name", "rows", "changes", "said"), [
    ("prm", PAIRS, {}, "mine.jsonl has no steps_column; choose one of: prompt, chosen, rejected"),
    ("prm", [*STEPS[:3], STEPS[3] | {"labels": [1]}], {}, "mine.jsonl, row 4 has 1 labels for 2 steps"),
    ("prm", STEPS, {"held_out": "runs/none.jsonl"}, "Held out must be a"),
    ("prm", STEPS, {"steps_column": "x"}, "steps_column = 'x' is no column of mine.jsonl"),
    ("prm", [row | {"labels": [1, 1]} for row in STEPS], {}, "right and 0 wrong steps"),
    ("prm", [STEPS[20]] * 3, {}, "3 rows of too few questions"),
    ("prm", [STEPS[0] | {"question": TEST_PROBLEM}], {}, "a test problem"),
    ("dpo", STEPS, {}, "chosen_column = 'chosen' is no column of mine.jsonl"),
    ("dpo", [PAIRS[0], PAIRS[0] | {"chosen": "0"}], {}, "Row 2 of mine.jsonl: 'chosen' and 'rejected' are"),
    ("sft", [{"question": TEST_PROBLEM, "answer": "3"}] * 2, {}, "Row 1 of mine.jsonl is a test problem"),
])  # fmt: skip
def test_what_would_fail_is_refused_before(
    tab: Any, name: str, rows: list[dict[str, Any]], changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    asked = chosen(tab, name, ["upload:mine.jsonl"], upload(tmp_path, rows), **changes)
    assert said in refused(tab, asked)


def test_sets_that_do_not_fit_go_when_the_objective_does(tab: Any, tmp_path: Path) -> None:
    uploads = upload(tmp_path, PAIRS)
    for sets, kept in ((["arithmetic.csv"], ["linear", "expression"]), ([], ["linear", "expression"]),
                       (["word", "upload:mine.jsonl"], ["word", "upload:mine.jsonl"])):  # fmt: skip
        asked = chosen(tab, "dpo", sets, uploads)
        assert asked[tab.form.data.sets] == kept
    assert "data = 'word' is a task; allowed: only tasks, or only files" in refused(tab, asked)
    command = tab.on_command(chosen(tab, "dpo", [], {}))
    assert command[tab.problem] == ""
    data = tab.form.data
    asked = chosen(tab, "prm", ["word", "upload:mine.jsonl"], uploads)
    assert asked[data.sets] == ["upload:mine.jsonl"]
    listed = tab.on_upload(asked_for(tab, "prm", [], {}) | {data.upload: "new.jsonl"})[data.sets]
    assert listed["choices"] == [("new.jsonl (uploaded)", "upload:new.jsonl")]
    words = shlex.split(command[tab.command].replace("\\\n", " "))
    assert words[:4] == ["python", "-m", "training", "dpo"]


def test_a_pair_is_shown_with_both_answers_at_once(tab: Any) -> None:
    *_, last = tab.on_example(chosen(tab, "dpo", [], {}))
    shown = last[tab.example]
    assert tab.problem not in last
    assert shown.count("As it is learned") == shown.count("In the model") == 2
    assert "<dt>rejected</dt>" in shown and "The rejected answer" in shown
