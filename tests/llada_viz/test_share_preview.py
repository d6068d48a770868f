"""A link to the page says what the page is, not what gradio is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from llada_viz.share_preview import ABOUT, SharePreview, with_preview


def gradio_page() -> bytes:
    template = Path(gradio.__file__).parent / "templates" / "frontend" / "index.html"
    return template.read_bytes()


def test_gradios_own_tags_are_gone() -> None:
    page = gradio_page()
    assert b"Click to try out" in page, "gradio's page says something else by now"
    ours = with_preview(page, "A <title>").decode()
    head = ours[: ours.index("</head>")]
    for theirs in ("Click to try out", "@Gradio", "twitter:", "header-image", '"og:image"'):
        assert theirs not in head, theirs
    assert 'property="og:title" content="A &lt;title&gt;"' in head
    assert head.count("og:title") == 1 and ABOUT in head and 'name="viewport"' in head


def test_only_the_page_is_changed() -> None:
    async def page(request: Any) -> HTMLResponse:
        return HTMLResponse(gradio_page())

    async def other(request: Any) -> PlainTextResponse:
        return PlainTextResponse('<meta property="og:title" content="kept">')

    routes = [Route("/", page), Route("/other", other)]
    client = TestClient(Starlette(routes=routes, middleware=[Middleware(SharePreview, title="LLaDA Viz")]))
    answer = client.get("/")
    assert answer.text.count("og:title") == 1 and int(answer.headers["content-length"]) == len(answer.content)
    assert client.get("/other").text == '<meta property="og:title" content="kept">'
