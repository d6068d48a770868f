"""Who may use the server: a key where the host is public; without one, programs of this machine only.

A page of another origin that is open in somebody's browser is not such a program: it cannot send JSON without
being asked for permission first (CORS), which is never given, and names of its own for this machine (DNS
rebinding) are refused.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
from urllib.parse import urlsplit

from starlette.requests import Request

from llada_viz.api.errors import ApiError

VARIABLE = "LLADA_VIZ_API_KEY"
SHORTEST_KEY = 16


def wanted_key(flag: str | None = None) -> str:
    """The key of a flag or of the variable, "" for none; ValueError: it is too easy, or no header can hold
    it."""
    key = flag if flag is not None else os.environ.get(VARIABLE, "")
    if key and (len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key):
        raise ValueError(
            f"the key has {len(key)} characters; allowed: {SHORTEST_KEY} or more, ASCII, printable, no spaces"
        )
    return key


def is_local(host: str) -> bool:
    """Whether a name or an address is this machine's alone."""
    name = host.strip("[]")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def check_access(request: Request, key: str) -> None:
    """ApiError unless the request may be answered. The key is compared in constant time."""
    if key:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode(), key.encode())
        if scheme.lower() != "bearer" or not right:
            raise ApiError(
                401, "The key is missing or wrong: send it as `Authorization: Bearer KEY`.",
                code="invalid_api_key", kind="authentication_error", headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
    elif not is_local(_hostname(request)):
        raise ApiError(
            403, "Without a key only this machine is answered, by the names localhost and 127.0.0.1; "
            f"{VARIABLE} sets one.", code="forbidden", kind="permission_error",
        )  # fmt: skip
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise ApiError(
            403, "Pages of other origins are not answered.", code="forbidden", kind="permission_error"
        )


def _hostname(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""
