"""The OpenCompass model on a stand-in for OpenCompass's base class: what it computes, not the suite."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BUNDLED = str(Path(__file__).parents[3] / "assets" / "models" / "tiny-llada")


class Base:
    """The part of opencompass.models.base.BaseModel that is used: it keeps its arguments."""

    def __init__(self, **given: Any) -> None:
        self.given = given


@pytest.fixture(scope="module")
def wrapper() -> Any:
    """evaluation.suites.opencompass, imported as if opencompass were installed."""
    names = ("opencompass", "opencompass.models", "opencompass.models.base")
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setitem(sys.modules, name, ModuleType(name))
        sys.modules[names[-1]].BaseModel = Base  # type: ignore[attr-defined]
        patch.delitem(sys.modules, "evaluation.suites.opencompass", raising=False)
        yield importlib.import_module("evaluation.suites.opencompass").LLaDAViz
        sys.modules.pop("evaluation.suites.opencompass", None)


@pytest.fixture(scope="module")
def model(wrapper: Any) -> Any:
    shape = {"gen_length": 16, "block_length": 8, "mc_num": 8, "rows": 4}
    return wrapper(BUNDLED, device="cpu", meta_template={"round": []}, **shape)


def chat(model: Any, question: str) -> str:
    turn = [{"role": "user", "content": question}]
    return str(model.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))


def test_the_base_class_gets_its_arguments(model: Any) -> None:
    assert model.given["path"] == BUNDLED and model.given["meta_template"] == {"round": []}
    assert model.given["max_seq_len"] == 1024 and model.suite_model.arguments.batch_size == 4


def test_generate(model: Any) -> None:
    questions = [chat(model, "What is 8 + 15?"), chat(model, "What is 3 + 4?")]
    assert model.generate(questions, max_out_len=64) == ["8 + 15 = 23\n\\boxed{23}", "3 + 4 = 7\n\\boxed{7}"]
    assert model.generate(questions, 64, stopping_criteria=["\n"]) == ["8 + 15 = 23", "3 + 4 = 7"]


def test_log_likelihood_is_of_the_continuation(model: Any) -> None:
    context = chat(model, "What is 3 + 4?")
    answers = ["3 + 4 = 7", "3 + 4 = 9"]
    right, wrong = model.get_loglikelihood([context + a for a in answers], answers).tolist()
    assert right > wrong
    expected = model.suite_model.log_likelihood(*model.suite_model.pair(context, answers[0]))
    assert right == pytest.approx(expected)
    with pytest.raises(ValueError, match="the last part of its input"):
        model.get_loglikelihood(["one two"], ["one"])


def test_ppl_is_per_token_behind_what_is_given(model: Any) -> None:
    suite, text = model.suite_model, "What is 3 + 4?"
    ids = suite.encode(text)
    whole, rest = model.get_ppl([text])[0], model.get_ppl([text], [2])[0]
    assert whole == pytest.approx(-suite.log_likelihood([suite.start_id], ids) / len(ids))
    assert rest == pytest.approx(-suite.log_likelihood(ids[:2], ids[2:]) / (len(ids) - 2))
    with pytest.raises(ValueError, match="answer is empty"):
        model.get_ppl([text], [len(ids)])


def test_tokens(model: Any) -> None:
    ids = model.encode("What is 3 + 4?")
    assert ids.shape == (1, model.get_token_len("What is 3 + 4?"))
    assert model.decode(ids) == "What is 3 + 4?"


@pytest.mark.parametrize(("given", "said"), [
    ({"generation_kwargs": {"temperature": 1}}, "generation_kwargs"),
    ({"tokenizer_only": True}, "tokenizer_only"), ({"rows": 0}, "batch_size = 0"),
    ({"max_seq_len": 4096}, "max_length = 4096"),
])  # fmt: skip
def test_what_cannot_be_met_is_refused(given: dict[str, Any], said: str, wrapper: Any) -> None:
    with pytest.raises(ValueError, match=said):
        wrapper(BUNDLED, device="cpu", **given)
