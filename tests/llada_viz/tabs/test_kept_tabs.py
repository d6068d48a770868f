"""What Compare, Evaluate and Train put back into their forms after a refresh, without a browser."""

from __future__ import annotations

import json
import warnings
from functools import cache
from typing import Any

import pytest

from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import FOLDER, Bundled
from llada_viz.decoding.comparison import Comparisons
from llada_viz.decoding.line_up import written
from llada_viz.jobs.evaluations import Evaluations
from llada_viz.jobs.queue import Jobs
from llada_viz.jobs.trainings import Trainings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.decoding.runs import Runs
    from llada_viz.tabs.compare import Compare
    from llada_viz.tabs.evaluate import Evaluate
    from llada_viz.tabs.evaluate_form import UPLOADED
    from llada_viz.tabs.train import Train

TABS = ("compare", "evaluate", "train")
OTHERS = written([("wino", {}), ("threshold", {"threshold": 0.5})])


@cache
def bundled() -> Bundled:
    return Bundled()


@pytest.fixture(scope="module")
def tabs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    jobs, attachments, runs = Jobs(tmp_path_factory.mktemp("home")), Attachments(bundled()), Runs()
    with gr.Blocks():
        attached = gr.State("")
        with gr.Tabs() as page_tabs, gr.Tab("one"):
            compare = Compare(bundled(), Comparisons(), attachments)
            compare.build(attached)
            evaluate = Evaluate(bundled(), runs, Evaluations(jobs, FOLDER, "cpu"), attachments, False)
            evaluate.build(attached)
            train = Train(bundled(), runs, Trainings(jobs, FOLDER, "cpu"), attachments, False)
            train.build(attached, page_tabs)
    return dict(zip(TABS, (compare, evaluate, train), strict=True))


def opened(tab: Any, **changes: Any) -> dict[str, Any]:
    """The value that every field of the form has after a refresh, by id; "words": what is said. changes: of
    what the browser kept, by id."""
    kept = tab.staying.kept
    values = {name: component.value for name, component in kept.fields.items()} | changes
    return by_id(tab, tab.staying.on_open(json.dumps(values)))


def by_id(tab: Any, updates: dict[Any, Any]) -> dict[str, Any]:
    fields = tab.staying.kept.fields
    plain = {c: u["value"] if isinstance(u, dict) and "value" in u else u for c, u in updates.items()}
    shown = {name: plain.get(component, component.value) for name, component in fields.items()}
    return shown | {"words": plain.get(tab.staying.words, "")}


@pytest.mark.parametrize("name, changes", [
    ("compare", {"prompt": "What is 5 + 5?", "lanes": OTHERS, "gen_length": 64, "steps": 16, "seed": 4,
                 "measure": "time"}),
    ("evaluate", {"set": "word", "lanes": OTHERS, "gen_length": 64, "limit": 7, "seed": 4,
                  "prompt": "Q: {question}", "shots": 2, "shots_from": "word"}),
    ("train", {"objective": "sft", "data": ["word"], "setting:max_steps": 77, "name": "mine",
               "setting:warmup": 3}),
])  # fmt: skip
def test_a_kept_form_comes_back(tabs: dict[str, Any], name: str, changes: dict[str, Any]) -> None:
    back = opened(tabs[name], **changes)
    assert {id: back[id] for id in changes} == changes and back["words"] == ""


@pytest.mark.parametrize("name", TABS)
def test_reset_puts_back_how_the_form_began(tabs: dict[str, Any], name: str) -> None:
    tab = tabs[name]
    outputs = tab.staying.on_reset()
    assert set(outputs) <= set(tab.staying.outputs)
    back = by_id(tab, outputs)
    began = {id: component.value for id, component in tab.staying.kept.fields.items()}
    assert {id: back[id] for id in began} == began
    assert set(tab.staying.kept.fields.values()) <= set(tab.staying.outputs)


@pytest.mark.parametrize("name, changes, part", [
    ("compare", {"steps": 1e9}, "Steps must be a whole number from 1 to 4096."),
    ("compare", {"block_length": 7}, "Block length 7 does not divide"),
    ("compare", {"lanes": "nonsense"}, "list of samplers cannot be read"),
    ("compare", {"lanes": written([("magic", {}), ("wino", {})])}, "not known"),
    ("compare", {"lanes": written([("wino", {}), ("threshold", {"threshold": "x"})])}, "Sampler 2: Thresh"),
    ("compare", {"lanes": [1]}, "must be text"),
    ("compare", {"measure": "luck"}, "no such choice"),
    ("compare", {"scorer": "gone"}, "scorer is not here"),
    ("evaluate", {"set": UPLOADED}, "choose it again, or upload it again"),
    ("evaluate", {"set": "/etc/passwd"}, "choose it again, or upload it again"),
    ("evaluate", {"shots_from": "/etc/passwd"}, "no such choice"),
    ("evaluate", {"limit": "many"}, "must be a number"),
    ("evaluate", {"gen_length": 33}, "does not divide"),
    ("train", {"objective": "magic"}, "no such choice"),
    ("train", {"data": "expression"}, "must be a list"),
    ("train", {"setting:learning_rate": 5}, "Learning rate"),
    ("train", {"setting:max_steps": "many"}, "Max steps"),
])  # fmt: skip
def test_what_does_not_fit_is_reset_in_words(
    tabs: dict[str, Any], name: str, changes: dict[str, Any], part: str
) -> None:
    tab = tabs[name]
    back = opened(tab, **changes)
    assert "some does not fit and was reset" in back["words"] and part in back["words"], back["words"]
    first = {id: tab.staying.kept.fields[id].value for id in changes}
    assert {id: back[id] for id in changes} == first


def test_data_that_is_not_here_is_left_out_alone(tabs: dict[str, Any]) -> None:
    back = opened(tabs["train"], data=["expression", "upload:mine.csv"])
    assert back["data"] == ["expression"] and "upload it again" in back["words"]


@pytest.mark.parametrize("name", TABS)
@pytest.mark.parametrize("text", ["", "[", "null", '{"unknown": 1}'])
def test_nonsense_that_was_kept_changes_nothing(tabs: dict[str, Any], name: str, text: str) -> None:
    tab = tabs[name]
    assert not set(tab.staying.on_open(text)) & set(tab.staying.outputs)


def test_the_columns_of_a_set_come_back_and_those_of_another_do_not(
    tabs: dict[str, Any],
) -> None:
    form = tabs["evaluate"].form
    assert form.source.value.endswith("arithmetic.csv")
    assert opened(tabs["evaluate"], question="answer")["question"] == "answer"
    assert opened(tabs["evaluate"], question="no column")["question"] == form.question.value
