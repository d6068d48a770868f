"""What a request may ask for: each field is read, refused by name, or asks for nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llada_viz.api.asked import NEUTRAL, parse, read_asked
from llada_viz.api.errors import ApiError

HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
TEXT = {"model": "m", "prompt": "hello"}


def refused(data: Any, chat: bool = True) -> ApiError:
    with pytest.raises(ApiError) as caught:
        read_asked(parse(data if isinstance(data, bytes) else json.dumps(data).encode()), chat)
    return caught.value


def test_a_plain_request() -> None:
    asked = read_asked(dict(HELLO), True)
    assert asked.prompts == ({"messages": HELLO["messages"]},) and asked.sampler == "threshold"
    assert (asked.n, asked.seed, asked.stop, asked.stream, asked.provisional) == (1, None, (), False, False)


def test_fields_of_openai_and_ours() -> None:
    content = [{"type": "text", "text": "a"}, {"type": "text", "text": "ü"}]
    turns = [
        {"role": "developer", "content": "Be short."},
        {"role": "user", "content": content, "name": None},
    ]
    asked = read_asked(
        parse(
            json.dumps(
                {
                    "model": "m",
                    "messages": turns,
                    "temperature": 0.5,
                    "top_p": 1,
                    "stop": "x",
                    "n": 2,
                    "seed": 3,
                    "max_completion_tokens": 9,
                    "stream": True,
                    "stream_options": {"include_usage": True},
                    "sampler": "remedi",
                    "settings": {"block_length": 8},
                    "scorer": "checker",
                    "user": "me",
                    "stream_provisional": True,
                    "tools": [],
                    "logprobs": False,
                    "presence_penalty": 0,
                    "stop_token": None,
                }
            ).encode()
        ),
        True,
    )
    assert asked.prompts[0]["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "aü"},
    ]
    assert asked.settings == {"block_length": 8, "temperature": 0.5, "top_p": 1.0} and asked.stop == ("x",)
    assert (asked.n, asked.seed, asked.most_tokens, asked.scorer) == (2, 3, 9, "checker")
    assert asked.stream and asked.include_usage and asked.provisional and asked.sampler == "remedi"


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        ("a", ({"raw_prompt": "a"},)),
        (["a", "b"], ({"raw_prompt": "a"}, {"raw_prompt": "b"})),
        ([1, 2], ({"prompt_ids": [1, 2]},)),
        ([[1], [2]], ({"prompt_ids": [1]}, {"prompt_ids": [2]})),
    ],
)
def test_prompts(prompt: Any, read: Any) -> None:
    assert read_asked({"model": "m", "prompt": prompt}, False).prompts == read


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"a": NaN}', "no number of JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"n": ' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_what_is_no_json(body: bytes, part: str) -> None:
    error = refused(body)
    assert error.status == 400 and part in str(error) and error.code == "invalid_json"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", 3),
        ("messages", []),
        ("messages", "hello"),
        ("messages", [3]),
        ("n", 0),
        ("n", True),
        ("n", 1.5),
        ("seed", -1),
        ("seed", 2**63),
        ("max_tokens", 0),
        ("max_tokens", "9"),
        ("stop", ["a"] * 5),
        ("stop", [""]),
        ("stop", "x" * 201),
        ("stop", ["\ud800"]),
        ("stream", "yes"),
        ("settings", []),
        ("sampler", 1),
        ("temperature", "hot"),
        ("temperature", 10**400),
        ("top_p", True),
        ("scorer", {}),
        ("stream_options", {"include_all": True}),
        ("stream_provisional", 1),
        *((name, ["x"]) for name in NEUTRAL),
        ("logprobs", 0),
        ("n_predict", 3),
        ("../x", 1),
    ],
)
def test_a_bad_field_is_named(field: str, value: Any) -> None:
    error = refused(HELLO | {field: value})
    assert error.status == 400 and error.param == field and field in str(error)


@pytest.mark.parametrize(
    ("turn", "param"),
    [
        ({}, "messages[1].role"),
        ({"role": "tool", "content": ""}, "messages[1].role"),
        ({"role": ["user"], "content": ""}, "messages[1].role"),
        ({"role": "user"}, "messages[1].content"),
        ({"role": "user", "content": "\ud83e"}, "messages[1].content"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "messages[1].content[0]"),
        ({"role": "assistant", "content": "", "tool_calls": [{}]}, "messages[1].tool_calls"),
    ],
)
def test_a_bad_turn_is_named(turn: dict[str, Any], param: str) -> None:
    assert refused(HELLO | {"messages": [*HELLO["messages"], turn]}).param == param


def test_two_spellings_that_differ() -> None:
    assert refused(HELLO | {"max_tokens": 3, "max_completion_tokens": 4}).param == "max_tokens"
    assert refused(HELLO | {"temperature": 1, "settings": {"temperature": 0}}).param == "temperature"
    assert refused({"messages": HELLO["messages"]}).param == "model"
    for prompt in ("", [], [""], [[]], [1, "a"], [1.5], {}, ["a", 1], ["\udc00"]):
        assert refused({"model": "m", "prompt": prompt}, chat=False).param == "prompt"
