"""One row of a pairing decoded again, alone, with its events: its clarity, its trace, and whether it is
the same run as another."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from evaluation.repairs.clarity import Repair, clearest
from models.loading import LoadedModel
from models.text import token_pieces
from samplers.batch import ToolBox, answer_text, read_request
from samplers.events import Event, Finished, Started
from samplers.recording.traces import Trace, used_pieces
from samplers.requests import prepare_rows
from samplers.streams import collect
from tasks import TASKS

TOLERANCE = 1e-3
"""By how much probabilities and scores of the same run may differ between machines."""


@dataclass(frozen=True)
class Decoded:
    """A finished run of one row. right: by the task's checker."""

    events: tuple[Event, ...]
    text: str
    right: bool

    @property
    def nfe(self) -> int:
        """Sequences evaluated."""
        return self.events[-1].nfe


class Alone:
    """Decodes single rows; heads and reward models are loaded once."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded, self._box = loaded, ToolBox(loaded)

    @cached_property
    def pieces(self) -> list[bytes]:
        """The bytes of every token."""
        assert self.loaded.tokenizer is not None
        return token_pieces(self.loaded.tokenizer)

    @property
    def ends(self) -> set[int]:
        """The tokens that end a text."""
        return {i for i in (self.loaded.eos_id, self.loaded.eot_id) if i is not None}

    def decode(self, request: Mapping[str, Any], task: str, problem: Mapping[str, str], gold: str) -> Decoded:
        """Run a request of `samplers batch`. ValueError: it cannot be run."""
        job = read_request(self._box, 0, json.dumps(request))
        prepared = prepare_rows(self.loaded, job.sampler, [job.row], job.tools)
        events, canvas = collect(prepared.stream())
        text = answer_text(self.loaded, canvas.answer(0))
        right = TASKS[task].check(dict(problem), text, answer=gold or None).correct
        return Decoded(tuple(events), text, right)

    def repair(self, decoded: Decoded, task: str, problem: Mapping[str, str]) -> Repair | None:
        """The clearest one; None: the answer is wrong, or no wrong line was taken back."""
        return clearest(decoded.events, self.pieces, self.ends, task, problem) if decoded.right else None

    def trace(self, decoded: Decoded) -> Trace:
        """The run as a trace, as the page opens it."""
        return Trace(decoded.events, used_pieces(decoded.events, self.pieces), self.loaded.name)


def difference(first: Sequence[Event], second: Sequence[Event]) -> str:
    """Where two runs part, as a sentence; "" where they agree: the same events about the same cells and
    tokens, numbers within TOLERANCE. What a Started says of versions and settings is left out."""
    for number, (a, b) in enumerate(zip(first, second, strict=False)):
        if type(a) is not type(b):
            return f"event {number} is {type(a).__name__}, and was {type(b).__name__}"
        for field in fields(a):
            if isinstance(a, Started) and field.name == "settings":
                continue
            if not _close(getattr(a, field.name), getattr(b, field.name)):
                return f"event {number}, {type(a).__name__}, has another {field.name}"
    if len(first) != len(second):
        return f"there are {len(first)} events, and were {len(second)}"
    if not first or not isinstance(first[-1], Finished):
        return "the run does not finish"
    return ""


def _close(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=0, abs_tol=TOLERANCE)
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(_close, a, b))
    return bool(a == b)
