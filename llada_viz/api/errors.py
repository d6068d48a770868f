"""Refusals in OpenAI's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samplers.registry import UnknownSampler

INVALID = "invalid_request_error"


class ApiError(Exception):
    """A refusal. status: of HTTP; param: the field that is wrong; code: a word that programs compare."""

    def __init__(
        self, status: int, message: str, param: str | None = None, code: str | None = None,
        kind: str = INVALID, headers: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(unicode_text(message))
        self.status, self.code, self.kind = status, code, kind
        self.param = None if param is None else unicode_text(param)
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The body of the answer."""
        fields = {"message": str(self), "type": self.kind, "param": self.param, "code": self.code}
        return {"error": fields}


def unicode_text(text: str) -> str:
    """Text that UTF-8 can hold: half a character, which JSON can name a field with, is written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def bad_value(param: str, value: Any, allowed: str) -> ApiError:
    """A field with a value that is not allowed."""
    return ApiError(400, f"{param} = {str(value)[:60]!r} is not valid; allowed: {allowed}", param)


def as_api_error(error: ValueError) -> ApiError:
    """A refusal of the samplers, or of a reward model or head, as ours."""
    param = "sampler" if isinstance(error, UnknownSampler) else getattr(error, "name", None)
    return ApiError(400, f"{str(error).rstrip('.')}.", param)


def failed() -> ApiError:
    """Something broke that is not the request's fault. What it was stands in the log only."""
    return ApiError(500, "The server failed to answer; its log says why.", kind="server_error")
