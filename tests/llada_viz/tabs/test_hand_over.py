"""Compare's buttons: a lane to Visualize, its samplers to Evaluate."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.comparison import Asked, Comparison, Comparisons, different_names
from llada_viz.decoding.line_up import written
from llada_viz.decoding.runs import Run, Runs
from llada_viz.gallery.gallery import Gallery
from llada_viz.gallery.shelf import Shelf
from llada_viz.jobs.evaluations import Evaluations
from llada_viz.jobs.queue import Jobs
from tests.llada_viz.decoding.test_runs import Stream
from tests.llada_viz.script import PIECES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.tabs.compare import Compare
    from llada_viz.tabs.evaluate import Evaluate
    from llada_viz.tabs.hand_over import HandOver
    from llada_viz.tabs.visualize import Visualize
    from llada_viz.widgets.compare_canvas import kept_function

LINE_UP = written([("wino", {}), ("klass", {"temperature": 0.5})])
ASKED = Asked(
    "What is 2 + (3 * 4)?", LINE_UP, {"gen_length": 24, "block_length": 8, "steps": 12}, 7, "checker"
)


@pytest.fixture
def hand_over(tmp_path: Path) -> Any:
    bundled = Bundled(tmp_path)
    attachments = Attachments(bundled)
    (tmp_path / "home").mkdir()
    jobs = Evaluations(Jobs(tmp_path / "home"), tmp_path, "cpu")
    with gr.Blocks():
        attached = gr.State("")
        with gr.Tabs() as tabs, gr.Tab("All"):
            visualize = Visualize(bundled, Runs(), attachments)
            visualize.build(attached)
            compare = Compare(bundled, Comparisons(), attachments)
            compare.build(attached)
            evaluate = Evaluate(bundled, visualize.runs, jobs, attachments, public=False)
            evaluate.build(attached)
        made = HandOver(compare, visualize, evaluate, tabs)
        made.connect()
    return made


def compared(hand_over: Any, asked: Asked | None = None) -> Any:
    runs = [Run(PIECES, "table", Stream()(None, None)) for _ in range(2)]
    comparison = hand_over.compare.comparisons.add(Comparison(runs, names=["a", "b"], asked=asked))
    while any(comparison.advance(1)):
        pass
    return comparison


def open_lane(hand_over: Any, comparison_id: str, lane: Any) -> Any:
    values = {hand_over.compare.run_id: comparison_id, hand_over.visualize.run_id: ""}
    return hand_over.on_open(values, SimpleNamespace(lane=lane))


def test_a_lane_opens_in_visualize(hand_over: Any) -> None:
    comparison = compared(hand_over)
    updates = open_lane(hand_over, comparison.id, 1)
    opened = hand_over.visualize.runs.get(updates[hand_over.visualize.run_id])
    assert opened.events == comparison.runs[1].events
    assert updates[hand_over.tabs]["selected"] == "visualize"
    assert json.loads(updates[hand_over.visualize.canvas]["frames"])[-1]["kind"] == "finish"


@pytest.mark.parametrize("lane", [2, -1, None, True, "0"])
def test_a_lane_that_is_not_there_is_a_sentence(hand_over: Any, lane: Any) -> None:
    updates = open_lane(hand_over, compared(hand_over).id, lane)
    assert set(updates) == {hand_over.compare.alert} and "press Compare" in updates[hand_over.compare.alert]


def test_a_run_that_goes_on_stays_where_it_is(hand_over: Any) -> None:
    runs = [Run(PIECES, "table", Stream()(None, None))]
    going = hand_over.compare.comparisons.add(Comparison(runs))
    assert "press Stop" in open_lane(hand_over, going.id, 0)[hand_over.compare.alert]


def evaluated(hand_over: Any, comparison_id: str) -> Any:
    compare, form = hand_over.compare, hand_over.evaluate.form
    values = {
        compare.run_id: comparison_id,
        compare.attached: "",
        form.source: form.source.value,
        form.path: "",
    }
    return hand_over.on_evaluate(values)


def test_its_samplers_go_to_evaluate_with_fifty_questions_of_the_prompts_kind(hand_over: Any) -> None:
    form = hand_over.evaluate.form
    updates = evaluated(hand_over, compared(hand_over, ASKED).id)
    assert (updates[form.source], updates[form.limit], updates[form.seed]) == ("expression", 50, 7)
    assert updates[form.lanes] == LINE_UP and updates[form.sizes["gen_length"]] == 24
    assert updates[hand_over.tabs]["selected"] == "evaluate"
    assert "50 held-out problems" in updates[hand_over.evaluate.note]


def test_a_prompt_of_no_kind_keeps_the_chosen_set(hand_over: Any) -> None:
    asked = Asked("Who are you?", LINE_UP, {}, 0, "checker")
    updates = evaluated(hand_over, compared(hand_over, asked).id)
    assert updates[hand_over.evaluate.form.source] == hand_over.evaluate.form.source.value
    assert "the chosen set" in updates[hand_over.evaluate.note]


def test_saved_traces_have_no_samplers_to_evaluate(hand_over: Any) -> None:
    assert set(evaluated(hand_over, compared(hand_over).id)) == {hand_over.compare.alert}


def test_runs_of_one_sampler_are_told_apart() -> None:
    assert different_names(["a", "b", "a"]) == ["a (1)", "b", "a (2)"]


def test_a_lane_is_kept_in_the_gallery(hand_over: Any, tmp_path: Path) -> None:
    shelf = Shelf(Gallery(tmp_path / "traces"), Runs(), public=False)
    comparison, keep = compared(hand_over), kept_function(hand_over.compare.comparisons, shelf)
    card = keep({"run": comparison.id, "lane": 1})["card"]
    assert list(shelf.trace(card["id"]).events) == list(comparison.runs[1].events)
    for lane in (2, -1, "1", None):
        assert "no longer has this run" in keep({"run": comparison.id, "lane": lane})["error"]
    assert "error" in keep(None) and "error" in keep({"run": "gone", "lane": 0})
    going = hand_over.compare.comparisons.add(Comparison([Run(PIECES, "table", Stream()(None, None))]))
    assert "error" in keep({"run": going.id, "lane": 0})


def test_the_boards_say_what_their_runs_did(hand_over: Any) -> None:
    comparison = compared(hand_over)
    canvas = hand_over.compare.canvas
    measures, trace = (next(f for f in canvas.server_fns if f.__name__ == n) for n in ("measures", "trace"))
    assert [set(did) for did in measures(comparison.id)] == [{"tpf", "tau"}] * 2
    assert measures("none") == measures(None) == []
    assert trace([comparison.id, 1])["text"].startswith('{"format"') or "base64" in trace([comparison.id, 1])
    assert trace([comparison.id, 2]) is trace("x") is None
