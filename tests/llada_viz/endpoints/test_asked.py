"""What callers send: JSON of any shape, and the sentences that refuse it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.runs import Run, Runs
from llada_viz.endpoints.answers import Answers, first_difference
from llada_viz.endpoints.asked import Limits, lanes_of, sampler_name, settings_of, text, whole
from llada_viz.endpoints.evaluating import Evaluating
from models.errors import ModelError
from samplers.requests import RequestError
from samplers.settings import SettingError


def test_what_is_right_is_taken() -> None:
    assert text("prompt", None) == "" and text("prompt", "a") == "a"
    assert whole("rows", 3, 1, 5) == 3 and sampler_name("llada") == "low_confidence"
    assert settings_of(None) == {} and settings_of({"alg": "entropy"}) == {"confidence": "entropy"}
    lanes = lanes_of(["threshold", {"sampler": "klass", "settings": {"kl_threshold": 0.5}}], 2, 4)
    assert (lanes[0].sampler, lanes[0].settings) == ("threshold", {})
    assert (lanes[1].sampler, lanes[1].settings) == ("klass", {"kl_threshold": 0.5})


@pytest.mark.parametrize("refused, part", [
    (lambda: text("prompt", 5), "prompt = 5"),
    (lambda: text("prompt", ["x" * 500]), "x…"),
    (lambda: whole("rows", True, 1, 5), "rows = True"),
    (lambda: whole("rows", 6, 1, 5), "whole number from 1 to 5"),
    (lambda: whole("rows", 2.5, 1, 5), "rows = 2.5"),
    (lambda: sampler_name("magic"), "one of low_confidence"),
    (lambda: sampler_name({}), "sampler = {}"),
    (lambda: settings_of("steps=4"), "an object"),
    (lambda: settings_of({1: 2}), "an object"),
    (lambda: lanes_of("threshold", 1, 4), "a list of 1 to 4"),
    (lambda: lanes_of(["threshold"], 2, 4), "a list of 2 to 4"),
    (lambda: lanes_of([{"name": "threshold"}, "klass"], 2, 4), "a name, or"),
    (lambda: lanes_of(["klass", "klass"], 2, 4), "Samplers 1 and 2 are identical"),
])  # fmt: skip
def test_what_is_wrong_is_a_sentence(refused: Any, part: str) -> None:
    with pytest.raises(RequestError, match=part):
        refused()


def test_the_first_difference_of_answers() -> None:
    assert first_difference([[1, 2, 3], [1, 2, 3]]) is None and first_difference([]) is None
    assert first_difference([[1, 2, 3], [1, 5, 3]]) == 1
    assert first_difference([[1, 2], [1, 2, 3]]) == 2


@pytest.fixture(scope="module")
def answers() -> Answers:
    return Answers(Attachments(Bundled()), Runs(), Limits(gen_length=64))


@pytest.mark.parametrize("asked, error, part", [
    ({"settings": {"gen_length": 128}}, RequestError, "gen_length = 128"),
    ({"settings": {"magic": 1}}, SettingError, "magic"),
    ({"settings": {"steps": "many"}}, SettingError, "steps"),
    ({"prompt": "x" * 20_001}, RequestError, "20001 characters"),
    ({"prompt": ""}, RequestError, "prompt"),
    ({"seed": -1}, RequestError, "seed = -1"),
    ({"seed": "x"}, RequestError, "seed = 'x'"),
    ({"scorer": "checker"}, RequestError, "not used by sampler threshold"),
    ({"sampler": "backmask", "scorer": "magic"}, RequestError, "magic"),
    ({"constraints": "99999:x"}, RequestError, "99999"),
])  # fmt: skip
def test_limits_hold_before_the_first_step(
    answers: Answers, asked: dict[str, Any], error: type[Exception], part: str
) -> None:
    usual = {"prompt": "What is 1 + 2?", "sampler": "threshold", "settings": {}, "seed": 0}
    with pytest.raises(error, match=part):
        answers.decode(**{**usual, "constraints": "", "scorer": "", **asked})
    assert not answers.runs.all()


@pytest.mark.parametrize("run", ["", "x", None, 5, [1], {"a": 1}])
def test_the_trace_of_no_run_is_a_sentence(answers: Answers, run: Any) -> None:
    with pytest.raises(RequestError) as error:
        answers.trace(run)
    assert error.value.sentence == "The server no longer has this run: decode it again."


def test_a_run_that_broke_off_is_no_answer(answers: Answers) -> None:
    broken = Runs()._add(Run([b""], ended=True))
    with pytest.raises(RequestError, match="broke off"):
        answers._answer(broken)


def evaluating(limits: Limits, **bundled: Any) -> Evaluating:
    """One whose jobs cannot be started: refusals come before."""
    return Evaluating(SimpleNamespace(**bundled), SimpleNamespace(), limits)  # type: ignore[arg-type]


@pytest.mark.parametrize("asked, part", [
    ({"data": "/etc/passwd"}, "is not known"),
    ({"data": "../../x.csv"}, "is not known"),
    ({"data": "gsm8k"}, "is not known"),
    ({"rows": 201}, "rows = 201"),
    ({"samplers": []}, "a list of 1 to 4"),
    ({"samplers": [{"sampler": "threshold", "settings": {"gen_length": 128}}]}, "gen_length"),
    ({"problems": [{"question": "a"}]}, "problems"),
    ({"problems": "a"}, "problems"),
    ({"problems": [{"question": "a", "answer": 5}]}, "problems"),
    ({"problems": [{"question": "a", "answer": "b"}] * 201}, "problems"),
    ({"seed": -1}, "seed"),
])  # fmt: skip
def test_an_evaluation_that_may_not_be(asked: dict[str, Any], part: str) -> None:
    usual = {
        "data": "linear",
        "samplers": ["threshold"],
        "rows": 2,
        "seed": 0,
        "scorer": "",
        "problems": None,
    }
    bundled = Bundled()
    served = Evaluating(bundled, SimpleNamespace(), Limits(gen_length=64, rows=200))  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=part):
        next(served.evaluate(**{**usual, **asked}))


def test_without_a_model_and_while_another_goes_on() -> None:
    asked = ("linear", ["threshold"], 2, 0, "", None)
    with pytest.raises(ModelError, match="cannot be loaded"):
        next(evaluating(Limits(), loaded=None, problem="The model cannot be loaded.").evaluate(*asked))
    busy = evaluating(Limits(evaluations=1), loaded=object())
    busy._going.add("another")
    with pytest.raises(RequestError) as error:
        next(busy.evaluate(*asked))
    assert "one goes at a time" in error.value.sentence
