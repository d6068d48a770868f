"""What both evaluation suites stand on, with the bundled model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.suites.text_model import (
    Arguments,
    TextModel,
    TextRequest,
    cut_at,
    decoding_settings,
    numbered,
)
from samplers.batch import run_requests

BUNDLED = str(Path(__file__).parents[3] / "assets" / "models" / "tiny-llada")
SHAPE: dict[str, Any] = {"gen_length": 16, "block_length": 8}


def model(**given: Any) -> TextModel:
    return TextModel(Arguments.of({"model_path": BUNDLED, "device": "cpu", "mc_num": 8} | SHAPE | given))


@pytest.fixture(scope="module")
def bundled() -> TextModel:
    return model(batch_size=4)


def chat(bundled: TextModel, question: str) -> str:
    turn = [{"role": "user", "content": question}]
    return str(bundled.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))


def test_published_arguments_and_defaults() -> None:
    """As LLaDA's eval_llada.py is called: 1,024 cells, one block, one token a step; cfg for both."""
    plain = Arguments.of({"model_path": "m", "cfg": 0.5, "remasking": "random", "temperature": 0})
    assert decoding_settings(plain) == {
        "gen_length": 1024, "block_length": 1024, "steps": 1024, "cfg_scale": 0.5,
        "confidence": "random", "temperature": 0,
    }  # fmt: skip
    short = Arguments.of({"model_path": "m", "gen_length": 256, "block_length": 32})
    assert decoding_settings(short)["steps"] == 256
    other = Arguments.of({"model_path": "m", "sampler": "threshold", "threshold": 0.8})
    assert decoding_settings(other) == {"threshold": 0.8, "cfg_scale": 0.0}


@pytest.mark.parametrize(("given", "said"), [
    ({"load_lora": True}, "load_lora = True"), ({"adapter_path": "a"}, "'a' is no folder"),
    ({"adapter_path": 3}, "adapter_path = 3"), ({"load_lora": "yes"}, "load_lora = 'yes'"),
    ({"mc_num": 0}, "mc_num = 0"),
    ({"batch_size": 0}, "batch_size = 0"), ({"dtype": "int4"}, "dtype = 'int4'"),
    ({"cfg": 1, "cfg_scale": 1}, "one of them"), ({"cfg": -1}, "cfg_scale = -1"),
    ({"scoring": "best"}, "monte_carlo"), ({"sampler": "best"}, "sampler = 'best'"),
    ({"speed": 3}, "speed = 3"), ({"steps": 3}, "steps = 3"), ({"scorer": "checker"}, "not used"),
    ({"sampler": "vanilla_prm"}, "needs one"), ({"mask_id": 126336}, "mask_id = 126336"),
    ({"max_length": 5000}, "max_length = 5000"), ({"model_path": ""}, "model_path"),
])  # fmt: skip
def test_bad_arguments_are_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        model(**given)


def test_a_model_without_tokenizer_is_refused() -> None:
    with pytest.raises(ValueError, match="has no tokenizer"):
        model(model_path=str(Path(__file__).parents[2] / "vectors" / "tiny_llada"))


def test_batches_of_copies_fill_whatever_the_batch_size() -> None:
    assert model(mc_num=128, batch_size=24).scoring.batch_size == 8
    assert model(mc_num=1, batch_size=24).scoring.batch_size == 1


def test_greedy_is_what_the_sampler_writes(bundled: TextModel) -> None:
    prompt = bundled.encode(chat(bundled, "What is 3 + 4?"))
    length = 6
    shape = {"gen_length": length, "steps": length, "block_length": length}
    line = json.dumps({"prompt_ids": prompt, "settings": shape})
    written = run_requests(bundled.loaded, [line])[0]["output_ids"]
    assert bundled.is_greedy(prompt, written)
    assert not bundled.is_greedy(prompt, [*written[:-1], (written[-1] + 1) % 2000 + 3])


def test_generation_stops_and_changes(bundled: TextModel) -> None:
    asked = [
        TextRequest(chat(bundled, "What is 3 + 4?")),
        TextRequest(chat(bundled, "What is 3 + 4?"), until=("\n",)),
        TextRequest(chat(bundled, "What is 8 + 15?"), until=("}", "")),
        TextRequest(chat(bundled, "What is 3 + 4?"), changes=(("gen_length", 8), ("steps", 8))),
    ]
    found = dict(bundled.generate(asked))
    assert found[0] == "3 + 4 = 7\n\\boxed{7}" and found[1] == "3 + 4 = 7"
    assert found[2] == "8 + 15 = 23\n\\boxed{23"
    assert len(bundled.encode(found[3])) <= 8


def test_any_sampler_writes() -> None:
    threshold = model(sampler="threshold", threshold=0.9, steps=16)
    found = dict(threshold.generate([TextRequest(chat(threshold, "What is 3 + 4?"))]))
    assert found == {0: "3 + 4 = 7\n\\boxed{7}"}


def test_special_tokens_stop(bundled: TextModel) -> None:
    seven, nine = bundled.encode("7"), bundled.encode("9")
    end, turn = bundled.encode("<|eot_id|>"), bundled.encode("<|start_header_id|>")
    assert len(end) == len(turn) == 1
    assert bundled.text([*seven, *end, *nine]) == "7"
    assert bundled.text([*seven, bundled.loaded.eos_id or 0, *nine]) == "7"
    assert bundled.text([*seven, *turn, *nine]) == "79"
    assert bundled.text([*seven, *turn, *nine], ["<|start_header_id|>"]) == "7"


def test_an_empty_context_is_a_start_token(bundled: TextModel) -> None:
    prompt, answer = bundled.pair("", "7")
    assert prompt == [bundled.start_id] and answer == bundled.encode("7")


def test_long_contexts_lose_their_beginning(caplog: pytest.LogCaptureFixture) -> None:
    short = model(max_length=64)
    long = "What is 3 + 4? " * 40
    prompt, answer = short.pair(long, "7")
    assert len(prompt) + len(answer) == 64 and "cut to its last" in caplog.text
    assert prompt == short.encode(long.rstrip())[-len(prompt) :]
    assert short.log_likelihood(prompt, answer) < 0
    assert set(dict(short.generate([TextRequest(long)]))) == {0}


def test_text_helpers() -> None:
    assert cut_at("one two three", ["three", "two"]) == "one " and cut_at("one", ["", "x"]) == "one"
    assert numbered(["a", "b", "a", "a"], 5) == [5, 5, 6, 7]
