"""The server without a socket: who may ask, what is refused before anything is decoded, what is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from llada_viz.api.access import VARIABLE, is_local, wanted_key
from llada_viz.api.ready import Limits
from llada_viz.api.server import Api
from llada_viz.cli import serve
from llada_viz.decoding.served import Flagged
from models.loading import LoadedModel, load

KEY = "k" * 16
SIZES = {"gen_length": 16, "block_length": 8}
HELLO = {"model": "tiny-llada", "messages": [{"role": "user", "content": "What is 3 + 4?"}]}
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load("tiny-llada", "cpu")


def client_of(api: Api) -> TestClient:
    return TestClient(api.app(), base_url="http://localhost:8000", raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client(loaded: LoadedModel) -> Iterator[TestClient]:
    limits = Limits(body=4096, rows=3, gen_length=64, runs=1)
    with client_of(Api(Flagged(loaded), defaults=SIZES, limits=limits)) as client:
        yield client


def error_of(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["message"]
    return dict(error)


def test_a_key(loaded: LoadedModel) -> None:
    with client_of(Api(Flagged(loaded), key=KEY)) as client:
        for header in (None, "", KEY, f"Bearer {KEY}x", "Bearer ", f"Basic {KEY}", "Bearer ü"):
            headers = {} if header is None else {"Authorization": header.encode("latin-1")}
            assert error_of(client.get("/v1/models", headers=headers), 401)["code"] == "invalid_api_key"
            assert client.post(CHAT, headers=headers).status_code == 401
        right = {"Authorization": f"Bearer {KEY}", "Host": "example.org"}
        assert client.get("/v1/models", headers=right).json()["data"][0]["id"] == "tiny-llada"
        assert error_of(client.get("/v1/models", headers=right | {"Origin": "https://x.org"}), 403)


def test_without_a_key_only_this_machine(client: TestClient) -> None:
    for host in ("example.org", "evil.example:8000", "", "[::1", "localhost.evil.example"):
        assert error_of(client.get("/v1/models", headers={"Host": host}), 403)
    for host in ("localhost", "127.0.0.1:9", "[::1]:9"):
        assert client.get("/v1/models", headers={"Host": host}).status_code == 200
    assert error_of(client.get("/v1/models", headers={"Origin": "null"}), 403)
    assert client.get("/v1/models", headers={"Origin": "http://localhost:8000"}).status_code == 200
    assert "access-control-allow-origin" not in client.get("/v1/models").headers


def test_models(client: TestClient) -> None:
    assert client.get("/v1/models/tiny-llada").json()["object"] == "model"
    for name in ("tiny-prm", "../tiny-llada", "GSAI-ML/LLaDA-8B-Instruct"):
        error_of(client.get(f"/v1/models/{name.replace('..', '%2e%2e')}"), 404)
    error_of(client.get("/v1/nothing"), 404)
    error_of(client.get(CHAT), 405)


@pytest.mark.parametrize(
    ("fields", "status", "part"),
    [
        ({"model": "assets/models/tiny-prm"}, 404, "does not exist"),
        ({"n": 4}, 400, "at most 3"),
        ({"max_tokens": 65}, 400, "1 to 64"),
        ({"settings": {"gen_length": 128}}, 400, "1 to 64"),
        ({"sampler": "no"}, 400, "is not known"),
        ({"settings": {"bogus": 1}}, 400, "bogus"),
        ({"settings": {"block_length": "x"}}, 400, "block_length = 'x'"),
        ({"temperature": 11}, 400, "0 to 10"),
        ({"settings": {"gen_length": 8}, "max_tokens": 8}, 400, "both given"),
        ({"scorer": "x"}, 400, "not used"),
        ({"sampler": "backmask", "n": 2}, 400, "1 in all with sampler backmask"),
        ({"top_p": 2}, 400, "top_p"),
        ({"sampler": "backmask", "scorer": "/etc/passwd"}, 400, "allowed: checker"),
        ({"sampler": "remedi", "settings": {"policy": "ups"}}, 400, "needs a UPS head"),
        ({"settings": {"steps": 3}}, 400, "multiple of 2"),
        ({"settings": {"max_new_tokens": 65}}, 400, "1 to 64"),
        ({"messages": [{"role": "user", "content": "x " * 2500}]}, 413, "larger than 4,096"),
    ],
)
def test_refusals(client: TestClient, fields: dict[str, Any], status: int, part: str) -> None:
    assert part in error_of(client.post(CHAT, json=HELLO | fields), status)["message"]


def test_a_conversation_that_is_too_long_is_refused_and_not_cut(loaded: LoadedModel) -> None:
    turns = [{"role": "user", "content": "one two three " * 60}] * 9
    with client_of(Api(Flagged(loaded), defaults=SIZES)) as client:
        error = error_of(client.post(CHAT, json=HELLO | {"messages": turns}), 400)
        assert error["code"] == "context_length_exceeded" and error["param"] == "messages"
        error = error_of(client.post(CHAT, json=HELLO | {"max_tokens": 1020}), 400)
        assert error["code"] == "context_length_exceeded"
        body = {"model": "tiny-llada", "prompt": [1] * 1010, "max_tokens": 12}
        answer = client.post("/v1/completions", json=body)  # whole blocks that fit: 8 tokens of the 12
        assert answer.status_code == 200 and answer.json()["usage"]["completion_tokens"] <= 8


def test_bodies_that_are_none(client: TestClient) -> None:
    error_of(client.post(CHAT, content=b"{}", headers={"Content-Type": "text/plain"}), 415)
    error_of(client.post(CHAT, content=b"{", headers={"Content-Type": "application/json"}), 400)
    error_of(client.post(CHAT, json=[]), 400)


@pytest.mark.parametrize("part", ['"\\ud800": 1', '"settings": {"\\ud800": 1}'])
def test_half_a_character_in_a_name_is_a_refusal(client: TestClient, part: str) -> None:
    body = json.dumps(HELLO)[:-1] + f", {part}}}"
    refused = client.post(CHAT, content=body.encode(), headers={"Content-Type": "application/json"})
    assert "\\ud800" in error_of(refused, 400)["message"]


def test_too_many_at_once(client: TestClient, loaded: LoadedModel) -> None:
    api = Api(Flagged(loaded), limits=Limits(runs=0))
    response = client_of(api).post(CHAT, json=HELLO)
    assert error_of(response, 429)["code"] == "rate_limit_exceeded" and response.headers["retry-after"] == "1"


def test_what_breaks_is_not_told(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Api, asked: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(Api, "_begin", broken)
    error = error_of(client_of(Api(Flagged(loaded))).post(CHAT, json=HELLO), 500)
    assert error["type"] == "server_error" and "secret" not in json.dumps(error)


def test_a_run_that_breaks_off_says_so_in_the_stream(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("llada_viz.api.answering.Answering.advance", broken)
    api = Api(Flagged(loaded))
    text = client_of(api).post(CHAT, json=HELLO | {"stream": True}).text
    assert '"server_error"' in text and "secret" not in text and "[DONE]" not in text and not api.running


def test_answers_are_those_of_a_run(client: TestClient) -> None:
    whole = client.post(CHAT, json=HELLO | {"n": 2}).json()
    texts = [choice["message"]["content"] for choice in whole["choices"]]
    assert texts == [texts[0]] * 2 and "\\boxed{7}" in texts[0] and "llada_viz" not in whole
    lines = client.post(CHAT, json=HELLO | {"stream": True}).text.split("\n\n")
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines if line and "[DONE]" not in line]
    assert lines[-2] == "data: [DONE]" and all("llada_viz" not in chunk for chunk in chunks)
    pieces = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks]
    assert "".join(pieces) == texts[0] and chunks[-1]["choices"][0]["finish_reason"] == "stop"
    asked = HELLO | {"stream_provisional": True, "seed": 5}
    about = client.post(CHAT, json=asked).json()["llada_viz"]
    assert about["seeds"] == [5] and about["settings"]["gen_length"] == 16 and about["nfe"] > 0


def test_keys_and_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    assert wanted_key() == wanted_key(KEY) == KEY and wanted_key("") == ""
    for bad in ("short", "ü" * 20, "a b" * 20, "x" * 20 + "\n"):
        with pytest.raises(ValueError, match="allowed: 16 or more"):
            wanted_key(bad)
    assert all(map(is_local, ("127.0.0.1", "::1", "[::1]", "localhost", "127.1.2.3")))
    assert not any(map(is_local, ("0.0.0.0", "::", "", "example.org", "10.0.0.1")))
    serve.check_host("0.0.0.0", KEY)
    for act, part in (
        (lambda: serve.check_host("0.0.0.0", ""), "with a key"),
        (lambda: serve.bound("192.0.2.1", 0), "no address"),
        (lambda: serve.bound("127.0.0.1", 70000), "--port = 70000"),
    ):
        with pytest.raises(ValueError, match=part):
            act()
    with serve.bound("127.0.0.1", 0) as taken:
        taken.listen()
        with pytest.raises(ValueError, match="is taken"):
            serve.bound("127.0.0.1", taken.getsockname()[1])
