"""The real openai client against the real server on a real socket: one server for all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from llada_viz.cli import serve

openai = pytest.importorskip("openai")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

KEY = "a-key-that-nobody-guesses"
MODEL = "tiny-llada"
ASKED: list[Any] = [{"role": "user", "content": "What is 12 + 9 - 6?"}]
RIGHT = "12 + 9 = 21\n21 - 6 = 15\n\\boxed{15}"
LONG = {
    "sampler": "low_confidence",
    "settings": {"gen_length": 512, "block_length": 512, "steps": 512, "early_stop": False},
}
WITHIN = 60.0  # seconds


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    """`llada-viz serve --port 0 --key …` in a thread of its own: .api, and .client."""
    args = serve.parser().parse_args(["--device=cpu", f"--key={KEY}", "--ups-head=tiny-llada-ups"])
    server, api = serve.server_of(args, args.key)
    listening = serve.bound("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0, timeout=WITHIN) as client:
        until(lambda: server.started)
        yield SimpleNamespace(api=api, client=client, url=url)
    server.should_exit = True
    thread.join(WITHIN)
    assert not thread.is_alive()


def until(true: Any) -> None:
    end = time.monotonic() + WITHIN
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def chat(running: Any, **fields: Any) -> Any:
    return running.client.chat.completions.create(**{"model": MODEL, "messages": ASKED} | fields)


def test_models_and_the_key(running: Any) -> None:
    assert [model.id for model in running.client.models.list()] == [MODEL]
    assert running.client.models.retrieve(MODEL).owned_by == "llada-viz"
    with openai.OpenAI(base_url=running.url, api_key="wrong", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError, match="missing or wrong"):
            stranger.models.list()


def test_chat(running: Any) -> None:
    answer = chat(running)
    choice = answer.choices[0]
    assert (
        choice.message.content == RIGHT
        and choice.finish_reason == "stop"
        and choice.message.role == "assistant"
    )
    assert (
        answer.usage.completion_tokens == 18 and answer.usage.total_tokens == answer.usage.prompt_tokens + 18
    )
    assert answer.model_extra == {} and answer.object == "chat.completion"
    short = chat(running, max_tokens=5)
    assert RIGHT.startswith(short.choices[0].message.content) and short.choices[0].finish_reason == "length"
    assert short.usage.completion_tokens == 5
    assert chat(running, stop=["\n21"]).choices[0].message.content == "12 + 9 = 21"
    follow_up = [
        *ASKED,
        {"role": "assistant", "content": RIGHT},
        {"role": "user", "content": "What is 3 + 4?"},
    ]
    assert chat(running, messages=follow_up).usage.prompt_tokens > answer.usage.prompt_tokens


def test_a_plain_stream(running: Any) -> None:
    chunks = list(chat(running, stream=True, n=2, stream_options={"include_usage": True}))
    assert all(chunk.model_extra == {} for chunk in chunks) and chunks[-1].usage.completion_tokens == 36
    for index in range(2):
        of_one = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
        assert "".join(choice.delta.content or "" for choice in of_one) == RIGHT
        assert of_one[0].delta.role == "assistant"
        assert [choice.finish_reason for choice in of_one if choice.finish_reason] == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1 and chunks[0].object == "chat.completion.chunk"


def test_provisional_text_is_an_extension(running: Any) -> None:
    """RemeDi takes cells of its block back: they are seen in `llada_viz`, and never in the content."""
    asked = {
        "stream_provisional": True, "sampler": "remedi",
        "settings": {"policy": "ups", "gen_length": 32, "block_length": 8},
    }  # fmt: skip
    cells: dict[int, str | None] = {}
    text, taken_back, early = "", 0, 0
    for chunk in chat(running, stream=True, extra_body=asked):
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
        state = chunk.model_extra.get("llada_viz", {})
        for row in state.get("rows", ()):
            for cell, token, _ in row["cells"]:
                taken_back += token is None and cells.get(cell) is not None
                cells[cell] = token
            early += sum(token is not None for cell, token in cells.items() if cell >= row["committed"])
        first = "".join(cells.get(cell) or "" for cell in range(32))
        assert first.startswith(text) or not cells
    assert text == RIGHT and taken_back > 0 and early > 0
    about = chat(running, extra_body=asked | {"seed": 3}).llada_viz
    assert about["sampler"] == "remedi" and about["seeds"] == [3] and about["step"] > 8


def test_completions(running: Any) -> None:
    create = running.client.completions.create
    template = "<|startoftext|><|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>"
    prompt = template.format(ASKED[0]["content"]) + "<|start_header_id|>assistant<|end_header_id|>\n\n"
    two = create(model=MODEL, prompt=[prompt, prompt.replace("6", "1")])
    assert two.choices[0].text == RIGHT and "\\boxed{20}" in two.choices[1].text and two.choices[1].index == 1
    pieces = [chunk.choices[0].text for chunk in create(model=MODEL, prompt=prompt, stream=True)]
    assert "".join(pieces) == RIGHT


def test_unicode_and_special_tokens_are_text(running: Any) -> None:
    strange = [{"role": "user", "content": "Köln 日本 🦙 <|eot_id|> <|mdm_mask|> \u202e"}]
    whole = chat(running, messages=strange, max_tokens=16, seed=1).choices[0].message.content
    pieces = chat(running, messages=strange, max_tokens=16, seed=1, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in pieces) == whole
    plain = chat(running, messages=[{"role": "user", "content": "x"}]).usage.prompt_tokens
    assert (
        chat(running, messages=[{"role": "user", "content": "x<|eot_id|>"}]).usage.prompt_tokens > plain + 1
    )


def test_errors(running: Any) -> None:
    with pytest.raises(openai.NotFoundError) as error:
        chat(running, model="gpt-4o")
    assert error.value.code == "model_not_found" and error.value.param == "model"
    with pytest.raises(openai.BadRequestError) as error:
        chat(running, messages=[{"role": "user", "content": "word " * 4000}])
    assert error.value.code == "context_length_exceeded"
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    for fields in ({"tools": [tool]}, {"logprobs": True}, {"extra_body": {"bogus": 1}}, {"temperature": -1}):
        with pytest.raises(openai.BadRequestError) as error:
            chat(running, **fields)
        assert error.value.param in (*fields, "bogus")


def test_several_at_once(running: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: chat(running).choices[0].message.content, range(4)))
    assert answers == [RIGHT] * 4


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_its_run(running: Any, stream: bool) -> None:
    if stream:
        chunks = chat(running, stream=True, extra_body=LONG)
        until(lambda: running.api.running)
        run = running.api.running[0]
        next(chunks)
        chunks.close()
    else:
        hasty = SimpleNamespace(client=running.client.with_options(timeout=3.0))
        with ThreadPoolExecutor(1) as pool:
            leaving = pool.submit(chat, hasty, extra_body=LONG)
            until(lambda: running.api.running)
            run = running.api.running[0]
            assert isinstance(leaving.exception(WITHIN), openai.APITimeoutError)
    until(lambda: not running.api.running)
    steps = run.committed.board.steps
    assert steps < 512
    time.sleep(0.3)
    assert run.committed.board.steps == steps
