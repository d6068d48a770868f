"""What other pages show of a link to this one. Gradio's page says there what gradio is."""

from __future__ import annotations

import re
from html import escape
from typing import Any

ABOUT = (
    "Watch a masked-diffusion language model write: masks become words, the surest first, in any order, "
    "and words that look wrong are taken back."
)
_THEIRS = re.compile(rb'\s*<meta\s+(?:property|name)="(?:og|twitter):[^>]*>')
_HEAD = re.compile(rb"</title>|<head>")


def with_preview(page: bytes, title: str) -> bytes:
    """A page with our tags instead of those it has."""
    tags = {"og:title": title, "og:type": "website", "og:description": ABOUT}
    ours = "".join(f'<meta property="{name}" content="{escape(text)}">' for name, text in tags.items())
    ours += f'<meta name="description" content="{escape(ABOUT)}">'
    bare = _THEIRS.sub(b"", page)
    return _HEAD.sub(lambda found: found[0] + ours.encode(), bare, count=1)


class SharePreview:
    """ASGI middleware that gives the page, at "/", its own tags."""

    def __init__(self, app: Any, title: str) -> None:
        self.app, self.title = app, title

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on; of the page's answer, hold the head until its body is whole."""
        if scope["type"] != "http" or scope["path"] != "/":
            await self.app(scope, receive, send)
            return
        start: dict[str, Any] = {}
        body = bytearray()

        async def hold(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                page = with_preview(bytes(body), self.title) if _is_html(start) else bytes(body)
                length = (b"content-length", str(len(page)).encode())
                kept = [(name, text) for name, text in start["headers"] if name.lower() != length[0]]
                await send(start | {"headers": [*kept, length]})
                await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, hold)


def _is_html(start: dict[str, Any]) -> bool:
    headers = {name.lower(): text for name, text in start["headers"]}
    encoded = b"content-encoding" in headers
    return headers.get(b"content-type", b"").startswith(b"text/html") and not encoded
