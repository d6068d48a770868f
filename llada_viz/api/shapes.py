"""What is sent, in OpenAI's shapes: whole answers, and the chunks of a stream."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from llada_viz.api.answering import Answering, Progress, usage
from llada_viz.api.errors import ApiError

DONE = "data: [DONE]\n\n"
WAITING = ": waiting\n\n"
"""A comment, which clients skip: the connection is alive, and no text is final yet."""


def sse(data: dict[str, Any]) -> str:
    """A server-sent event; in ASCII, for some clients break lines at other characters too."""
    return f"data: {json.dumps(data, allow_nan=False)}\n\n"


def failure(error: ApiError) -> str:
    """An error after the stream has begun."""
    return sse(error.body())


@dataclass
class Shapes:
    """The answers to one request."""

    answering: Answering
    created: int = field(default_factory=lambda: int(time.time()))

    def __post_init__(self) -> None:
        asked = self.answering.ready.asked
        self.asked = asked
        self.id = f"{'chatcmpl' if asked.chat else 'cmpl'}-{secrets.token_hex(12)}"
        self._finished: set[int] = set()

    def whole(self) -> dict[str, Any]:
        """The answers, once the run has ended."""
        kind = "chat.completion" if self.asked.chat else "text_completion"
        choices = [
            {"index": i, **self._text(writer.sent), "logprobs": None, "finish_reason": writer.finish}
            for i, writer in enumerate(self.answering.writers)
        ]
        more = {"llada_viz": self.about()} if self.asked.provisional else {}
        return self._outside(kind) | {"choices": choices, "usage": self._usage()} | more

    def _text(self, text: str) -> dict[str, Any]:
        if not self.asked.chat:
            return {"text": text}
        return {"message": {"role": "assistant", "content": text, "refusal": None}}

    def first(self) -> Iterator[str]:
        """The chunks before the first text: who speaks; and how it is decoded, where that was asked for."""
        if self.asked.chat:
            delta = {"role": "assistant", "content": "", "refusal": None}
            yield from (self._chunk([self._choice(i, delta)]) for i in range(len(self.answering.writers)))
        if self.asked.provisional:
            yield self._chunk([], {"llada_viz": self.about()})

    def more(self, progress: Progress) -> Iterator[str]:
        """The chunks of one step: text that became final, ends, and what is provisional."""
        choices = [self._choice(i, self._delta(text)) for i, text in progress.texts.items()]
        extra = {"llada_viz": progress.provisional} if progress.provisional else {}
        if choices or extra:
            yield self._chunk(choices, extra)
        for i, writer in enumerate(self.answering.writers):
            if writer.finish is not None and i not in self._finished:
                self._finished.add(i)
                yield self._chunk([self._choice(i, self._delta(""), writer.finish)])

    def last(self) -> Iterator[str]:
        """The chunks after the last text."""
        if self.asked.include_usage:
            yield self._chunk([], {"usage": self._usage()})
        yield DONE

    def about(self) -> dict[str, Any]:
        """How the answers are decoded, so that they can be decoded again."""
        ready, board = self.answering.ready, self.answering.committed.board
        score = ready.prepared.score
        return {
            "sampler": ready.asked.sampler,
            "settings": asdict(ready.prepared.sampler),
            "seeds": list(ready.seeds),
            "step": board.steps,
            "nfe": board.nfe,
            "scorer_calls": score.calls if score is not None else 0,
        }

    def _delta(self, text: str) -> dict[str, Any]:
        """A piece of text; an end has none."""
        if self.asked.chat:
            return {"content": text} if text else {}
        return {"text": text}

    def _choice(self, i: int, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        piece = {"delta": delta} if self.asked.chat else delta
        return {"index": i, **piece, "logprobs": None, "finish_reason": finish}

    def _chunk(self, choices: list[dict[str, Any]], extra: dict[str, Any] | None = None) -> str:
        kind = "chat.completion.chunk" if self.asked.chat else "text_completion"
        usage_now = {"usage": None} if self.asked.include_usage else {}
        return sse(self._outside(kind) | {"choices": choices} | usage_now | (extra or {}))

    def _outside(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.asked.model}

    def _usage(self) -> dict[str, int]:
        return usage(self.answering.ready.prompt_tokens, self.answering.writers)
