"""The judge against a server that answers, stammers, refuses, is slow, and one that is not there."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from training.grpo.judge import KEY_VARIABLE, PROMPT, Judge, JudgeError, read_score
from training.grpo.rewards import Rewards, RewardSettings
from training.shared.questions import Question


class Server(ThreadingHTTPServer):
    """Replies by the answer that is to be judged; keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, Any]] = []
        self.ends = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append({"path": self.path, "key": self.headers["Authorization"], **body})
        answer = json.loads(body["messages"][1]["content"])["answer"]
        if answer == "slow":
            self.server.ends.wait(10)
            return
        said = {"good": "Fine.\nScore: 9", "mute": "I like it.", "odd": "Score: 900"}.get(answer, "Score: 0")
        reply = json.dumps({"choices": [{"message": {"role": "assistant", "content": said}}]}).encode()
        if answer == "html":
            reply = b"<html>"
        self.send_response(500 if answer == "broken" else 200)
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    found.ends.set()
    found.shutdown()
    thread.join()
    found.server_close()


@pytest.fixture
def nobody() -> str:
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


def test_a_score_and_how_it_was_asked_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    assert Judge(server.url + "/", "llama").score("2 + 2?", "good") == 0.9
    (asked,) = server.asked
    assert asked["path"] == "/v1/chat/completions" and asked["key"] == "Bearer secret"
    assert asked["model"] == "llama" and asked["temperature"] == 0
    assert asked["messages"][0] == {"role": "system", "content": PROMPT}
    assert json.loads(asked["messages"][1]["content"]) == {"question": "2 + 2?", "answer": "good"}


@pytest.mark.parametrize(("answer", "said"), [
    ("mute", "no score from 0 to 10"), ("odd", "no score from 0 to 10"),
    ("broken", "answered 500"), ("html", "no chat completion"),
])  # fmt: skip
def test_no_score_is_an_error(server: Server, answer: str, said: str) -> None:
    with pytest.raises(JudgeError, match=said):
        Judge(server.url, "llama").score("q", answer)


def test_a_slow_judge_is_given_up_on(server: Server) -> None:
    with pytest.raises(JudgeError, match="cannot be reached.*timed out"):
        Judge(server.url, "llama", seconds=0.2).score("q", "slow")


def test_a_judge_that_is_down(nobody: str) -> None:
    with pytest.raises(JudgeError, match="cannot be reached"):
        Judge(nobody, "llama").score("q", "good")


def test_many_scores_keep_their_order(server: Server) -> None:
    found = Judge(server.url, "llama").scores([("q", "good"), ("q", "mute"), ("q", "bad")] * 5)
    assert [found[0], found[2]] == [0.9, 0] and isinstance(found[1], JudgeError)
    assert [type(score) for score in found] == [type(score) for score in found[:3]] * 5


def test_rewards_without_a_score_are_none_or_end_the_run(server: Server, nobody: str) -> None:
    asked, texts = [Question("q", "4")] * 3, ["good", "mute", "bad"]
    weights = {"reward_correct": 0, "reward_format": 0, "reward_integer": 0, "reward_judge": 2,
               "judge_model": "llama"}  # fmt: skip
    skip = RewardSettings(**weights, judge_url=server.url, judge_failures="skip")  # type: ignore[arg-type]
    with Rewards(skip) as rewards:
        assert rewards(asked, texts) == [1.8, None, 0]
    with Rewards(RewardSettings(**weights, judge_url=nobody)) as rewards:  # type: ignore[arg-type]
        with pytest.raises(JudgeError, match="cannot be reached"):
            rewards(asked, texts)


@pytest.mark.parametrize(("reply", "score"), [
    ("Score: 7", 0.7), ("**Score:** 10", 1.0), ("score = 3.5", 0.35), ("Score: 2\nScore: 8.", 0.8),
    ("Score: 7/10", 0.7),
])  # fmt: skip
def test_reading_a_score(reply: str, score: float) -> None:
    assert read_score(reply) == score


@pytest.mark.parametrize("reply", ["", "7", "Score: -3", "Score: 11", "Score: 1000", "Score: ten"])
def test_what_is_no_score(reply: str) -> None:
    with pytest.raises(JudgeError, match="no score"):
        read_score(reply)
