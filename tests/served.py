"""The page as a process of its own, and its queue as the script in a browser uses it."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

STARTS_WITHIN = 180  # a loaded machine takes as long as it takes


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on, below those that systems give to outgoing connections: one of these
    could take it before it is listened on."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((host, port))
            return port


@contextmanager
def served(
    command: Sequence[str | Path], folder: Path, env: Mapping[str, str], port: int, cwd: Path | None = None
) -> Iterator[str]:
    """The address of a server, which is ended at the end: politely, else with all it started. It must not
    have said a traceback. folder: for its log; cwd: where it runs, else there."""
    url, log = f"http://127.0.0.1:{port}", folder / "log.txt"
    with log.open("w") as out:
        server = subprocess.Popen(
            command, cwd=cwd or folder, env=dict(env), stdout=out, stderr=out, start_new_session=True
        )
    try:
        _wait(server, url, log)
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
    assert "Traceback" not in log.read_text(), log.read_text()


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"the page did not start:\n{log.read_text()}")


class Page:
    """The events of a served page. config: what the page was built of."""

    def __init__(self, url: str) -> None:
        self.config: dict[str, Any] = json.load(urllib.request.urlopen(f"{url}/config", timeout=60))
        self.api = f"{url}{self.config.get('api_prefix', '/gradio_api')}"
        self.values = {c["id"]: c["props"].get("value") for c in self.config["components"]}

    def run(self) -> str:
        """Press Run with the form as it stands: every frame that was sent until the run's end, as JSON. The
        form must not have been refused, and nothing may fail."""
        begun = self.click("run")
        assert all(message["success"] for message in begun) and 'role="alert"' not in str(begun), begun
        first = self._clicked("run")["id"]
        after = (d for d in self.config["dependencies"] if d["trigger_after"] == first)
        decoding = next(d for d in after if d["trigger_only_on_success"])
        frames = self.messages(decoding)
        assert all(message["success"] for message in frames), frames
        return json.dumps([message["output"] for message in frames])

    def click(self, element: str) -> list[dict[str, Any]]:
        """Messages of the event of a button, also of one that people cannot press. element: its id."""
        return self.messages(self._clicked(element))

    def _clicked(self, element: str) -> dict[str, Any]:
        """The event that asks the server; the values that the browser gathers for it are gathered."""
        button = next(c["id"] for c in self.config["components"] if c["props"].get("elem_id") == element)
        events = self.config["dependencies"]
        clicked = {d["id"]: d for d in events if [button, "click"] in map(list, d["targets"])}
        event: dict[str, Any] = next(
            d for d in events if d["backend_fn"] and (d["id"] in clicked or d["trigger_after"] in clicked)
        )
        if (gather := clicked.get(event["trigger_after"])) is not None:
            (text,) = gather["outputs"]
            self.values[text] = json.dumps([self.values.get(i) for i in gather["inputs"]])
        return event

    def messages(self, event: Mapping[str, Any], data: list[Any] | None = None) -> list[dict[str, Any]]:
        """What the queue said of one event, to its end."""
        data = [self.values.get(i) for i in event["inputs"]] if data is None else data
        asked = {"data": data, "fn_index": event["id"], "session_hash": "tests", "trigger_id": None}
        head = {"Content-Type": "application/json"}
        join = urllib.request.Request(f"{self.api}/queue/join", json.dumps(asked).encode(), head)
        urllib.request.urlopen(join, timeout=60).read()
        sent: list[dict[str, Any]] = []
        with urllib.request.urlopen(f"{self.api}/queue/data?session_hash=tests", timeout=120) as lines:
            for line in lines:
                message = json.loads(line[6:]) if line.startswith(b"data: ") else {}
                if message.get("msg") in ("process_generating", "process_completed"):
                    sent.append(message)
                if message.get("msg") == "process_completed":
                    break
        return sent
