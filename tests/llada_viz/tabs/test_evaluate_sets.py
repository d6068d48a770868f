"""Public sets of the hub in the Evaluate tab: at hand, refused on a public host, a sentence out of reach."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from evaluation.sets.columns import ColumnMapping, SetError
from evaluation.sets.problem_sets import Problem, ProblemSet, load_set
from evaluation.sets.public_sets import EVALUATED
from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.line_up import written
from samplers.requests import RequestError
from tests.llada_viz.handlers import given

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.tabs import evaluate_form
    from llada_viz.tabs.evaluate_form import EvaluateForm, samples
    from llada_viz.widgets.scorer_input import ScorerInput

SIZES = [32, 8, 32]
LANES = [("low_confidence", {})]


@pytest.fixture(scope="module")
def bundled() -> Any:
    return Bundled()


def form_of(bundled: Bundled, public: bool = False) -> Any:
    form = EvaluateForm(bundled.settings_of, public)
    with gr.Blocks():
        form.build(ScorerInput(Attachments(bundled), "evaluate", always=True))
    return form


def asked(form: Any, bundled: Bundled, source: Any, lanes: Any = LANES) -> Any:
    changes = {form.source: source} | dict(zip(form.sizes.values(), SIZES, strict=True))
    return form.request(bundled, given(form.inputs, changes | {form.lanes: written(lanes)}))


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that has every set, with one row each."""

    def load(name: Any) -> Any:
        row = Problem(1, "<b>How many?</b>", "4 + 3 = 7 #### 7")
        return ProblemSet(name, (row,), ColumnMapping("question", "answer"))

    monkeypatch.setattr(evaluate_form, "load_set", load)


@pytest.mark.parametrize("name", EVALUATED)
def test_a_hub_set_is_shown_and_asked_for(name: Any, bundled: Bundled, reachable: Any) -> None:
    form = form_of(bundled)
    assert name in dict((value, shown) for shown, value in samples())
    updates = form.on_set(name, "")
    shown, question = updates[form.preview], updates[form.question]
    assert "1 rows" in shown and "&lt;b&gt;How many?" in shown and not question["interactive"]
    assert question["value"] == EVALUATED[name].prompt
    wanted = asked(form, bundled, name)
    assert (wanted.data, wanted.name, wanted.question, wanted.answer) == (name, name, "", "")
    with pytest.raises(RequestError, match="needs scores"):
        asked(form, bundled, name, [("best_of_n", {})])


def test_a_public_host_fetches_nothing(bundled: Bundled, reachable: Any) -> None:
    form = form_of(bundled, public=True)
    assert not set(EVALUATED) & {value for _, value in samples(public=True)}
    assert "not fetched on a public host" in form.look("gsm8k", "").shown
    with pytest.raises(SetError, match="not fetched on a public host"):
        asked(form, bundled, "gsm8k")


def test_a_hub_out_of_reach_is_a_sentence(bundled: Bundled, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed (extra suites)")

    class Timeout(Exception):
        """As an HTTP library raises it, outside the usual families."""

    def fails(*_: Any, **__: Any) -> None:
        raise Timeout("the hub does not answer")

    monkeypatch.setattr(datasets, "load_dataset", fails)
    form = form_of(bundled)
    shown = form.look("math500", "").shown
    assert (
        "HuggingFaceH4/MATH-500 cannot be loaded: Timeout: the hub does not answer." in shown
        and "alert" in shown
    )
    with pytest.raises(SetError, match="cannot be loaded"):
        asked(form, bundled, "math500")
    with pytest.raises(SetError, match="cannot be loaded"):
        load_set("s1k")
