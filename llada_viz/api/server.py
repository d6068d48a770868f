"""The routes, and how requests share the model: in the line of all its runs, the page's too; where runs share
no forwards, by taking turns step by step."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from llada_viz.api.access import check_access
from llada_viz.api.answering import Answering, Progress
from llada_viz.api.asked import Asked, parse, read_asked
from llada_viz.api.errors import ApiError, as_api_error, failed
from llada_viz.api.ready import Limits, make_ready
from llada_viz.api.shapes import WAITING, Shapes, failure
from llada_viz.decoding.served import USUAL, Served

LOG = logging.getLogger(__name__)
JSON = "application/json"
ALIVE_EVERY = 10.0  # seconds without a word after which a stream says that it waits
CLIENT_LEFT = 499
Handler = Callable[[Request], Awaitable[Response]]


class EventStream(StreamingResponse):
    """Server-sent events of a run, which is let go when they end, however they end."""

    def __init__(self, events: AsyncIterator[str], let_go: Callable[[], None]) -> None:
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._let_go = let_go

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._let_go()


@dataclass
class Api:
    """The server of one model. key: "" where none is asked for; defaults: sizes of an answer."""

    served: Served
    key: str = ""
    defaults: Mapping[str, Any] = field(default_factory=lambda: dict(USUAL))
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.created = int(time.time())
        self.running: list[Answering] = []
        self._turns = asyncio.Lock()  # first come, first served

    @property
    def name(self) -> str:
        """The model's id, "" where none is loaded."""
        return self.served.loaded.name if self.served.loaded else ""

    def routes(self, prefix: str = "/v1") -> list[Route]:
        """The routes, for an application that has others too."""
        chat, text = (self._completions(chat) for chat in (True, False))
        return [
            Route(f"{prefix}/models", self._guarded(self._models), methods=["GET"]),
            Route(f"{prefix}/models/{{name:path}}", self._guarded(self._model), methods=["GET"]),
            Route(f"{prefix}/chat/completions", self._guarded(chat), methods=["POST"]),
            Route(f"{prefix}/completions", self._guarded(text), methods=["POST"]),
        ]

    def app(self) -> Starlette:
        """The server alone."""
        return Starlette(routes=self.routes(), exception_handlers={HTTPException: _not_here})

    def _guarded(self, handler: Handler) -> Handler:
        """A handler that answers those who may ask, and refuses in OpenAI's shape."""

        async def guarded(request: Request) -> Response:
            try:
                check_access(request, self.key)
                return await handler(request)
            except ApiError as error:
                refusal = error
            except ClientDisconnect:
                return Response(status_code=CLIENT_LEFT)
            except ValueError as error:
                refusal = as_api_error(error)
            except Exception:
                LOG.exception("a request failed")
                refusal = failed()
            return JSONResponse(refusal.body(), refusal.status, headers=refusal.headers)

        return guarded

    # ---- what there is -----------------------------------------------------------------------

    async def _models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": self._listed()})

    async def _model(self, request: Request) -> Response:
        name = request.path_params["name"]
        for model in self._listed():
            if model["id"] == name:
                return JSONResponse(model)
        raise ApiError(404, f"The model {name[:80]!r} does not exist.", "model", "model_not_found")

    def _listed(self) -> list[dict[str, Any]]:
        """What is loaded, and nothing else."""
        loaded = self.served.loaded
        if loaded is None:
            return []
        return [{"id": loaded.name, "object": "model", "created": self.created, "owned_by": "llada-viz"}]

    # ---- answers -----------------------------------------------------------------------------

    def _completions(self, chat: bool) -> Handler:
        async def handler(request: Request) -> Response:
            asked = read_asked(parse(await self._body(request)), chat)
            self._check_room()
            answering = await run_in_threadpool(self._begin, asked)
            self._check_room()
            if answering.place is not None and request.client is not None:
                answering.place.owner = f"api {request.client.host}"
            self.running.append(answering)
            if asked.stream:
                return EventStream(self._events(answering), lambda: self._let_go(answering))
            try:
                return await self._whole(request, answering)
            finally:
                self._let_go(answering)

        return handler

    def _begin(self, asked: Asked) -> Answering:
        return Answering(make_ready(asked, self.served, self.defaults, self.limits))

    def _check_room(self) -> None:
        if len(self.running) >= self.limits.runs:
            raise ApiError(
                429, f"{self.limits.runs} requests are being answered; try again in a moment.",
                code="rate_limit_exceeded", kind="rate_limit_error", headers={"Retry-After": "1"},
            )  # fmt: skip

    def _let_go(self, answering: Answering) -> None:
        if answering in self.running:
            self.running.remove(answering)
        answering.close()

    async def _body(self, request: Request) -> bytes:
        """The body; ApiError: it is no JSON, too large, or does not arrive."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise ApiError(415, f"The body must be JSON: send `Content-Type: {JSON}`.", code="invalid_json")
        body = bytearray()
        try:
            async with asyncio.timeout(self.limits.patience):
                async for part in request.stream():
                    body += part
                    if len(body) > self.limits.body:
                        raise ApiError(413, f"The body is larger than {self.limits.body:,} bytes.")
        except TimeoutError:
            raise ApiError(408, f"The body did not arrive within {self.limits.patience:g} s.") from None
        return bytes(body)

    async def _whole(self, request: Request, answering: Answering) -> Response:
        """Decode to the end of the text; a client that leaves frees the run within one step."""
        async with aclosing(self._steps(answering)) as steps:
            async for _ in steps:
                if await request.is_disconnected():
                    return Response(status_code=CLIENT_LEFT)
        return JSONResponse(Shapes(answering).whole())

    async def _events(self, answering: Answering) -> AsyncIterator[str]:
        """The run as server-sent events."""
        shapes, said = Shapes(answering), time.monotonic()
        for chunk in shapes.first():
            yield chunk
        try:
            async with aclosing(self._steps(answering)) as steps:
                async for progress in steps:
                    for chunk in shapes.more(progress):
                        yield chunk
                        said = time.monotonic()
                    if time.monotonic() - said > ALIVE_EVERY:
                        yield WAITING
                        said = time.monotonic()
        except Exception as error:
            LOG.exception("a run broke off")
            yield failure(as_api_error(error) if isinstance(error, ValueError) else failed())
            return
        for chunk in shapes.last():
            yield chunk

    async def _steps(self, answering: Answering) -> AsyncGenerator[Progress, None]:
        """The steps of a run, each when it is its turn. A step that has begun is waited for."""
        turns = self._turns if answering.place is None else nullcontext()
        while not answering.ended:
            async with turns:
                progress = await run_in_threadpool(answering.advance)
            yield progress


async def _not_here(request: Request, error: Exception) -> Response:
    """Another path or method, in OpenAI's shape."""
    assert isinstance(error, HTTPException)
    refusal = ApiError(error.status_code, f"{request.method} {request.url.path[:80]}: {error.detail}.")
    return JSONResponse(refusal.body(), refusal.status, headers=error.headers)
