"""A run as its text becomes final: for each answer the text that nothing can change any more, as it grows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from llada_viz.api.ready import Ready
from models.text import cell_texts, token_pieces
from samplers.committed import Committed
from samplers.events import Event, Finished
from samplers.fold import Board
from samplers.forwards.shared_forwards import Place

HALF = "\ufffd"
"""What a decoder writes for bytes of which the rest is missing."""


@dataclass
class Writer:
    """The text of one answer. sent: what was handed out; tokens: of the text, its end not among them;
    finish: None while it grows, then "stop" (the model or a stop string ended it) or "length".

    most: tokens of the answer at most; ends: ids that end a text, EOS first.
    """

    decode: Callable[[list[int]], str]
    ends: tuple[int, ...]
    most: int
    stops: tuple[str, ...] = ()
    sent: str = ""
    tokens: int = 0
    finish: str | None = None

    def more(self, committed: list[int], last: bool) -> str:
        """The text that became final. committed: all tokens that are final, from the first on; last: there
        will be no more. A character whose bytes are not all there yet waits, and so does what may be the
        beginning of a stop string."""
        if self.finish is not None:
            return ""
        ids = committed[: self.most]
        ended = [ids.index(end) for end in self.ends[:1] if end in ids]
        ids = ids[: ended[0]] if ended else ids
        whole = bool(ended) or last or len(ids) == self.most
        text = self.decode(ids)
        text = text if whole else text.rstrip(HALF)
        cut = min((at for stop in self.stops if (at := text.find(stop)) >= 0), default=-1)
        if cut >= 0:
            text, whole = text[:cut], True
        elif not whole:
            text = text[: len(text) - self._held_back(text)]
        if not text.startswith(self.sent):
            raise RuntimeError(f"text that was sent has changed: {self.sent[-40:]!r}, {text[-40:]!r}")
        fresh, self.sent, self.tokens = text[len(self.sent) :], text, len(ids)
        if whole:
            said_so = bool(ended) or cut >= 0 or (bool(ids) and ids[-1] in self.ends)
            self.finish = "stop" if said_so else "length"
        return fresh

    def _held_back(self, text: str) -> int:
        """Characters at the end that may be the beginning of a stop string."""
        longest = max(map(len, self.stops), default=1) - 1
        for size in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-size:]) for stop in self.stops):
                return size
        return 0


@dataclass(frozen=True)
class Progress:
    """What one event brought. texts: by answer, the text that became final; provisional: the field
    `llada_viz`, None unless it was asked for."""

    texts: dict[int, str]
    provisional: dict[str, Any] | None = None


@dataclass
class Answering:
    """A run that is being decoded; `advance` may be called from any thread, one at a time."""

    ready: Ready
    committed: Committed = field(init=False)
    writers: list[Writer] = field(init=False)

    def __post_init__(self) -> None:
        loaded, canvas = self.ready.loaded, self.ready.prepared.canvas
        tokenizer = loaded.tokenizer
        assert tokenizer is not None

        def decode(ids: list[int]) -> str:
            return str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

        ends = tuple(i for i in (loaded.eos_id, loaded.eot_id) if i is not None)
        sampler = self.ready.prepared.sampler
        most = min(self.ready.most_tokens or sampler.gen_length, sampler.gen_length)
        self.committed = Committed(sampler)
        self.writers = [Writer(decode, ends, most, self.ready.asked.stop) for _ in range(canvas.rows)]
        self._stream = self.ready.prepared.stream()
        self._pieces = token_pieces(tokenizer) if self.ready.asked.provisional else []
        self._stepping = threading.Lock()
        self._shown: list[list[str | None]] = []

    @property
    def ended(self) -> bool:
        """Whether every answer's text is whole; what the sampler would still do cannot change it."""
        return all(writer.finish is not None for writer in self.writers)

    @property
    def place(self) -> Place | None:
        """Its place in the line of those that share the model; None: it has the model for itself."""
        return self.ready.prepared.place

    def advance(self) -> Progress:
        """The next event of the sampler, which is at most one step of it."""
        with self._stepping:
            event = next(self._stream)
        self.committed.apply(event)
        last, texts = isinstance(event, Finished), {}
        for row, writer in enumerate(self.writers):
            if fresh := writer.more(self.committed.tokens(row), last):
                texts[row] = fresh
        return Progress(texts, self._provisional(event) if self.ready.asked.provisional else None)

    def close(self) -> None:
        """Let the run go: it waits for no turn any more, and a step in progress is its last."""
        if self.place is not None:
            self.place.leave()
        with self._stepping:
            self._stream.close()

    def _provisional(self, event: Event) -> dict[str, Any]:
        """What changed on the canvas, final or not. cells: [cell of the answer, text or null where it
        is undecided, confidence or null]; committed: so many cells from the first on are final; length: of
        the answer, where that has changed."""
        board = self.committed.board
        rows = [self._row(board, row) for row in range(len(board.tokens))]
        return {"event": type(event).__name__, "step": board.steps, "nfe": board.nfe, "rows": rows}

    def _row(self, board: Board, row: int) -> dict[str, Any]:
        start = board.prompt_length
        answer, confidence = board.tokens[row][start:], board.confidence[row][start:]
        undecided = board.trunk[row].undecided[start:]
        texts = cell_texts(self._pieces, answer, board.mask_id)
        now = [None if is_open else text for is_open, text in zip(undecided, texts, strict=True)]
        if row == len(self._shown):
            self._shown.append([None] * len(now))
        before, self._shown[row] = self._shown[row], now
        cells = [
            [i, now[i], _rounded(confidence[i])]
            for i in range(len(now))
            if i >= len(before) or now[i] != before[i]
        ]
        final = len(self.committed.tokens(row))
        length = {"length": len(now)} if len(now) != len(before) else {}
        return {"index": row, "masks": sum(undecided), "committed": final, "cells": cells} | length


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def usage(prompt_tokens: int, writers: Sequence[Writer]) -> dict[str, int]:
    """Tokens of the prompts and of all answers."""
    written = sum(writer.tokens for writer in writers)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": written,
        "total_tokens": prompt_tokens + written,
    }
