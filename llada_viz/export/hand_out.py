"""The address at which the page fetches a finished export, once, and lets go of one: /export/TOKEN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from llada_viz.export.exports import Exports

TYPES = {
    "html": "text/html; charset=utf-8", "csv": "text/csv; charset=utf-8", "gif": "image/gif",
    "mp4": "video/mp4", "svg": "image/svg+xml", "pdf": "application/pdf",
}  # fmt: skip
HEADERS = {
    "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox",
}  # fmt: skip


class HandedOut(FileResponse):
    """A file that is removed when it was sent, or could not be."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            Path(self.path).unlink(missing_ok=True)


def routes(exports: Exports) -> list[Route]:
    """GET hands out, DELETE cancels; the token is the permission."""

    async def answer(request: Request) -> Response:
        token = request.path_params["token"]
        if request.method == "DELETE":
            gone = await run_in_threadpool(exports.leave, token)
            return Response(status_code=204 if gone else 404)
        job = exports.take(token) if request.method == "GET" else None
        if job is None:
            return _gone()
        return HandedOut(
            job.path, media_type=TYPES[job.wanted.form], filename=job.name, headers=dict(HEADERS)
        )

    return [Route("/export/{token}", answer, methods=["GET", "DELETE"])]


def _gone() -> Response:
    said: dict[str, Any] = {"status_code": 404, "media_type": "text/plain; charset=utf-8"}
    return Response("This file was fetched already, or waited too long: export it again.", **said)
