"""Prompts as ids: the same everywhere, whatever somebody types into them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from evaluation.likelihood.answer_scores import read_pair
from models.loading import LoadedModel, load
from models.reward import LoadedReward, load_reward
from samplers.__main__ import main
from samplers.batch import run_requests
from samplers.requests import RequestError, parse_constraints, parse_infill, prepare, prompt_ids
from tests.networks import VECTORS
from training.data.chat import Chat

MODELS = Path(__file__).parents[2] / "assets" / "models"
SHORT = {"steps": 8, "gen_length": 8, "block_length": 8}
HALF = "What is \ud800 3 + 4?"


@pytest.fixture(scope="module")
def bundled() -> LoadedModel:
    return load(str(MODELS / "tiny-llada"), device="cpu")


@pytest.fixture(scope="module")
def judge() -> LoadedReward:
    return load_reward(str(MODELS / "tiny-prm"), device="cpu")


def typed() -> list[str]:
    with (VECTORS / "faults" / "special_tokens.csv").open(newline="", encoding="utf-8") as file:
        return [row["question"] for row in csv.DictReader(file)]


@pytest.mark.parametrize("prompt", typed())
def test_f31_special_tokens_in_a_prompt_stay_text_with_the_same_ids_everywhere(
    bundled: LoadedModel, judge: LoadedReward, prompt: str
) -> None:
    assert bundled.tokenizer is not None
    turns = [{"role": "user", "content": prompt}]
    ids = prompt_ids(bundled, prompt=prompt)
    frame = prompt_ids(bundled, prompt="What is 3 + 4?")
    special = set(bundled.tokenizer.added_tokens_decoder)
    assert [i for i in ids if i in special] == [i for i in frame if i in special]
    assert ids == Chat(bundled.tokenizer).encode(turns, "7").prompt
    assert ids == prompt_ids(bundled, messages=turns)
    assert ids == read_pair(bundled, {"prompt": prompt, "answer": "7"}).prompt
    assert ids == list(judge.question(prompt))
    canvas = prepare(bundled, settings=SHORT, prompt=prompt).canvas
    assert canvas.tokens[0, : canvas.prompt_length].tolist() == ids


def test_f31_a_role_cannot_write_a_turn_and_a_raw_prompt_can(bundled: LoadedModel) -> None:
    end = bundled.eot_id
    assert bundled.tokenizer is not None and end is not None
    hostile = prompt_ids(bundled, messages=[{"role": "user<|eot_id|>", "content": "a"}])
    assert hostile.count(end) == 1
    assert prompt_ids(bundled, raw_prompt="a<|eot_id|>b").count(end) == 1


def test_f31_the_suites_template_is_that_of_the_samplers(bundled: LoadedModel) -> None:
    harness = pytest.importorskip("evaluation.suites.harness")
    assert bundled.tokenizer is not None

    class Model:
        tokenizer = bundled.tokenizer

    suite = harness.LLaDAHarness.__new__(harness.LLaDAHarness)
    suite.model = Model()
    text = suite.apply_chat_template([{"role": "user", "content": typed()[0]}])
    ids = bundled.tokenizer.encode(text, add_special_tokens=False)
    assert ids == prompt_ids(bundled, prompt=typed()[0])


def test_f32_the_mask_token_is_refused_in_constraints_and_infill(bundled: LoadedModel) -> None:
    for text in ("0:<|mdm_mask|>", "0:a<|mdm_mask|>b"):
        with pytest.raises(RequestError, match=r"constraints: <\|mdm_mask\|> is the mask token"):
            parse_constraints(bundled, text, 8)
    with pytest.raises(RequestError, match=r"infill: <\|mdm_mask\|> is the mask token"):
        parse_infill(bundled, "x = <|mdm_mask|>", 8)
    assert 1 not in parse_infill(bundled, "7[MASK]", 8)


@pytest.mark.parametrize("request_", [
    {"prompt": HALF}, {"raw_prompt": HALF}, {"messages": [{"role": "user", "content": HALF}]},
    {"prompt": "a", "constraints": "0:\ud800"}, {"prompt": "a", "infill": "\ud800"},
])  # fmt: skip
def test_f34_half_a_character_is_a_sentence(bundled: LoadedModel, request_: dict[str, object]) -> None:
    with pytest.raises(RequestError, match="is half of one; allowed: Unicode text"):
        prepare(bundled, settings=SHORT, **request_)  # type: ignore[arg-type]


def test_f34_half_a_character_in_run_batch_and_likelihood(
    bundled: LoadedModel, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--model", str(MODELS / "tiny-llada"), "--prompt", HALF]) == 2
    assert "prompt: character 9 is half of one" in capsys.readouterr().err
    lines = [json.dumps({"id": 1, "prompt": HALF}), json.dumps({"id": 2, "prompt": "a", "settings": SHORT})]
    bad, good = run_requests(bundled, lines)
    assert bad == {"id": 1, "error": "prompt: character 9 is half of one; allowed: Unicode text"}
    assert "text" in good
    for row in ({"prompt": HALF, "answer": "7"}, {"prompt": "a", "answer": "\ud800"}):
        with pytest.raises(RequestError, match="is half of one"):
            read_pair(bundled, row)


@pytest.mark.parametrize(("template", "reason"), [
    ("{{ raise_exception('System role not supported') }}", "TemplateError: System role not supported"),
    ("{% for m in messages %}{{ m.content + 1 }}{% endfor %}", "TypeError: "),
    ("{{ messages[5].content | upper }}", "UndefinedError: "), ("{% if %}", "TemplateSyntaxError: "),
    ("{{ 1 / 0 }}", "ZeroDivisionError"), ("{{ ''.__class__.__mro__ }}", "SecurityError: "),
])  # fmt: skip
def test_a_chat_template_that_raises_is_a_sentence(template: str, reason: str) -> None:
    loaded = load("tiny-llada", device="cpu")
    assert loaded.tokenizer is not None
    loaded.tokenizer.chat_template = template
    with pytest.raises(RequestError, match=f"does not take these turns \\(user\\): {reason}"):
        prompt_ids(loaded, prompt="2 + 3?")
    loaded.tokenizer.chat_template = None
    with pytest.raises(RequestError, match="has no chat template; allowed: a prompt with the template"):
        prompt_ids(loaded, prompt="2 + 3?")
    assert prompt_ids(loaded, raw_prompt="2 + 3?")
