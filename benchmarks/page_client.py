"""A browser's half of the page, without the browser: the requests that Gradio's own script sends for Run.

Plain sockets and one JSON parse a run, because visitors share the processor with the server they measure.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

API = "/gradio_api"
TOKENS = b'\\"kind\\": \\"unmask\\"'  # in the JSON text of the frames, which is a JSON string itself
DONE = b'"msg":"process_completed"'
LONGEST_RUN = 120.0


@dataclass(frozen=True)
class PageFacts:
    """What the page's config says: ids of the events that follow a press of Run, and what the form holds.

    begin, decode, end: events, one after the other; changed: the events that a new run id causes, each with
    the values of its inputs as the page opens; trigger: the button; values: of the form, in the order
    in which Run gathers them; places: elem_id -> index; sent: for each input of Run whether it holds the
    gathered values; empty where the page sends the values themselves, as it once did.
    """

    begin: int
    decode: int
    end: int
    changed: list[tuple[int, list[Any]]]
    trigger: int
    values: list[Any]
    places: dict[str, int]
    sent: list[bool]

    def asked(self, changes: dict[str, Any]) -> list[Any]:
        """What a press of Run sends. changes: of the form's values, by elem_id."""
        values = list(self.values)
        for name, value in changes.items():
            values[self.places[name]] = value
        return [json.dumps(values) if gathered else None for gathered in self.sent] or values


@dataclass(frozen=True)
class SeenRun:
    """Moments of a run, time.monotonic()."""

    first_tokens: float
    ended: float


async def read_facts(port: int) -> PageFacts:
    """From the page's config."""
    connection = Connection(port)
    config = json.loads(await connection.request("GET", "/config"))
    connection.close()
    components = {component["id"]: component for component in config["components"]}
    run = next(i for i, c in components.items() if c["props"].get("elem_id") == "run")
    events = {event["id"]: event for event in config["dependencies"]}
    clicked = {e["id"]: e for e in events.values() if [run, "click"] in [list(t) for t in e["targets"]]}
    begin = next(
        e
        for e in events.values()
        if e["backend_fn"] and (e["id"] in clicked or e["trigger_after"] in clicked)
    )
    gather = clicked.get(begin["trigger_after"])
    decode = next(
        e for e in events.values() if e["trigger_after"] == begin["id"] and e["trigger_only_on_success"]
    )
    end = next(e for e in events.values() if e["trigger_after"] == decode["id"])
    run_id = decode["inputs"][0]
    causes = [
        e
        for e in events.values()
        if e["backend_fn"] and [run_id, "change"] in [list(t) for t in e["targets"]]
    ]
    inputs = [components[i] for i in (gather or begin)["inputs"]]
    sent = [] if gather is None else [i in gather["outputs"] for i in begin["inputs"]]
    places = {c["props"].get("elem_id"): n for n, c in enumerate(inputs) if c["props"].get("elem_id")}
    changed = [(e["id"], [_value(components[i]) for i in e["inputs"]]) for e in causes]
    values = [_value(c) for c in inputs]
    return PageFacts(begin["id"], decode["id"], end["id"], changed, run, values, places, sent)


def _value(component: dict[str, Any]) -> Any:
    """As the page opens; None of what the server keeps."""
    return None if component["type"] == "state" else component["props"].get("value")


def check(message: bytes) -> None:
    """RuntimeError: the event ended with an error."""
    if b'"success":false' in message:
        raise RuntimeError(message.decode(errors="replace")[:300])


class Connection:
    """One HTTP/1.1 connection, opened again when the server closed it."""

    def __init__(self, port: int) -> None:
        self.port, self.bytes_read = port, 0
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def send(self, method: str, path: str, body: bytes = b"") -> asyncio.StreamReader:
        """Send a request; the reader stands before the answer."""
        if self.reader is None or self.writer is None or self.reader.at_eof() or self.writer.is_closing():
            self.close()
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self.writer.write(head.encode() + b"\r\n" + body)
        await self.writer.drain()
        return self.reader

    async def head(self, reader: asyncio.StreamReader) -> dict[bytes, bytes]:
        """The header of an answer, names in lower case. RuntimeError: a status other than 200."""
        raw = await reader.readuntil(b"\r\n\r\n")
        self.bytes_read += len(raw)
        first, *lines = raw[:-4].split(b"\r\n")
        header = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        if first.split()[1] != b"200":
            length = int(header.get(b"content-length", b"0"))
            text = (await reader.readexactly(length)).decode(errors="replace")
            raise RuntimeError(f"{first.decode()}: {text[:200]}")
        return header

    async def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Send, and read the whole answer."""
        reader = await self.send(method, path, body)
        header = await self.head(reader)
        if b"content-length" in header:
            answer = await reader.readexactly(int(header[b"content-length"]))
            self.bytes_read += len(answer)
            return answer
        parts = []
        while part := await self.chunk(reader):
            parts.append(part)
        return b"".join(parts)

    async def chunk(self, reader: asyncio.StreamReader) -> bytes:
        """The next chunk of a chunked answer; b"" at its end."""
        size = int(await reader.readuntil(b"\r\n"), 16)
        part = await reader.readexactly(size + 2)
        self.bytes_read += len(part)
        return part[:-2]

    def close(self) -> None:
        """Drop the connection."""
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


class PageClient:
    """One visitor. Use it as an async context: that holds the heartbeat, as a page that is open does."""

    def __init__(self, port: int, facts: PageFacts, session: str) -> None:
        self.facts, self.session = facts, session
        self.calls, self.stream, self.heart = Connection(port), Connection(port), Connection(port)
        self._beating: asyncio.Task[None] | None = None

    async def __aenter__(self) -> PageClient:
        self._beating = asyncio.create_task(self._hear())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._beating is not None
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        self.drop()

    def drop(self) -> None:
        """Close every connection, as a closed tab does."""
        for connection in (self.calls, self.stream, self.heart):
            connection.close()

    @property
    def bytes_read(self) -> int:
        return sum(c.bytes_read for c in (self.calls, self.stream, self.heart))

    async def _hear(self) -> None:
        reader = await self.heart.send("GET", f"{API}/heartbeat/{self.session}")
        while await reader.read(4096):
            pass

    async def run(self, changes: dict[str, Any]) -> SeenRun:
        """Press Run and follow it to its end. changes: of the form's values, by elem_id. RuntimeError:
        the page refused, or said that something went wrong; TimeoutError: it took too long."""
        async with asyncio.timeout(LONGEST_RUN):
            return await self._run(changes)

    async def _run(self, changes: dict[str, Any]) -> SeenRun:
        first = 0.0
        messages = await self.decoding(changes)
        async for text in messages:
            if not first and TOKENS in text:
                first = time.monotonic()
            if DONE in text:
                check(text)
                break
        if not first:
            raise RuntimeError("the run ended without a frame with tokens")
        ended = time.monotonic()
        await messages.aclose()
        await self._call(self.facts.end, [None])
        return SeenRun(first, ended)

    async def decoding(self, changes: dict[str, Any]) -> AsyncGenerator[bytes, None]:
        """Press Run, and when the page has answered, ask for the frames; the messages that follow."""
        await self._join(self.facts.begin, self.facts.asked(changes))
        messages = self._messages()
        async for text in messages:
            if DONE in text:
                check(text)
                break
        await self._join(self.facts.decode, [None])
        for event, unchanged in self.facts.changed:
            await self._call(event, unchanged)
        return messages

    async def _messages(self) -> AsyncGenerator[bytes, None]:
        """What the server sends, stream after stream: it closes one when it has nothing more to say."""
        while True:
            reader = await self.stream.send("GET", f"{API}/queue/data?session_hash={self.session}")
            await self.stream.head(reader)
            try:
                while text := await self.stream.chunk(reader):
                    yield text
            except GeneratorExit:  # whoever listened has heard enough: leave the connection usable
                while await self.stream.chunk(reader):
                    pass
                raise

    async def _join(self, event: int, values: list[Any]) -> None:
        await self.calls.request("POST", f"{API}/queue/join", self._body(event, values))

    async def _call(self, event: int, values: list[Any]) -> None:
        await self.calls.request("POST", f"{API}/run/predict", self._body(event, values))

    def _body(self, event: int, values: list[Any]) -> bytes:
        body = {
            "data": values, "event_data": None, "fn_index": event, "trigger_id": self.facts.trigger,
            "session_hash": self.session,
        }  # fmt: skip
        return json.dumps(body).encode()
