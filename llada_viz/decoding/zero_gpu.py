"""ZeroGPU: a Space is lent a GPU for the seconds that a function asks for, in a forked process (a worker).

The worker may be older than the run, and what it returns is pickled. So it gets the run as plain data,
prepares it again, and yields its events; frames, traces and everything else stay in the server. The facts are
those of `spaces` 0.51 (docs: huggingface.co/docs/hub/spaces-zerogpu).
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from llada_viz.decoding.attached import Attached, Using
from llada_viz.decoding.conversation import Message
from llada_viz.host import on_zero_gpu
from samplers.canvas import Canvas
from samplers.events import Event, Finished
from samplers.registry import Sampler
from samplers.requests import Prepared, RequestError

PACE_VARIABLE = "LLADA_VIZ_PACE"
FIRST_PACE = 0.1
"""Seconds that one row is assumed to take in one forward until a run was measured (LLaDA-8B, bf16, some 800
tokens); LLADA_VIZ_PACE says another."""
LATELY, MARGIN = 8, 1.5
BEGINNING = 10.0
"""Seconds in which a new worker moves the weights to its GPU."""
SHORTEST, LONGEST = 15, 120
"""Seconds that are asked for; visitors without an account are not given more than two minutes a day."""


@dataclass(frozen=True)
class Order:
    """A run as plain data, checked in the server. adapter: name of a bundled adapter, "" for none; steps,
    rows: forwards that the settings ask for, and sequences in each; earlier: turns before the prompt."""

    adapter: str
    sampler: str
    settings: Mapping[str, Any]
    prompt: str
    seed: Any
    constraints: str
    scorer: str
    steps: int = 0
    rows: int = 0
    earlier: tuple[Message, ...] = ()


class Workers:
    """Runs in ZeroGPU's processes. prepare: makes an order into a run; called in the worker.

    Made before the page is served: the Space does not start without a function that asks for a GPU.
    """

    def __init__(self, prepare: Callable[[Order], Prepared]) -> None:
        import spaces

        def events(order: Order) -> Generator[Event, None, None]:
            yield from prepare(order).stream()

        self._events: Callable[[Order], Generator[Event, None, None]] = spaces.GPU(duration=self.seconds)(
            events
        )
        self._paces: dict[str, deque[float]] = {}  # sampler -> seconds a row and forward of its last runs

    def seconds(self, order: Order) -> int:
        """How long the GPU is asked for: forwards times the slowest measured pace, with a margin."""
        asked = BEGINNING + MARGIN * order.steps * order.rows * self._pace(order.sampler)
        return round(min(max(asked, SHORTEST), LONGEST))

    def stream(self, order: Order) -> Generator[Event, None, None]:
        """The events of a run; one that comes to its end is measured."""
        began = 0.0
        for event in self._events(order):
            began = began or time.monotonic()  # the first event: the worker is there
            yield event
            if isinstance(event, Finished):
                paces = self._paces.setdefault(order.sampler, deque(maxlen=LATELY))
                paces.append((time.monotonic() - began) / max(order.steps * order.rows, 1))

    def _pace(self, sampler: str) -> float:
        return max(self._paces.get(sampler) or [float(os.environ.get(PACE_VARIABLE) or FIRST_PACE)])


@dataclass(frozen=True)
class Lent(Prepared):
    """A run that was checked here and is decoded by a worker."""

    workers: Workers | None = None
    order: Order | None = None

    def stream(self) -> Generator[Event, None, Canvas]:
        """The events of the run. The canvas is returned as it was: only the worker fills it."""
        assert self.workers is not None and self.order is not None
        yield from self.workers.stream(self.order)
        return self.canvas


_workers: Workers | None = None


def lend(prepare: Callable[[Order], Prepared]) -> None:
    """On ZeroGPU, before the page is served: from now on workers decode what `lent` is given."""
    global _workers
    _workers = Workers(prepare) if on_zero_gpu() else None


def lent(ready: Prepared, order: Callable[[], Order]) -> Prepared:
    """The same run, which on ZeroGPU a worker decodes. order: makes it into plain data."""
    if _workers is None:
        return ready
    return Lent(ready.sampler, ready.denoise, ready.canvas, ready.score, _workers, order())


def adapter_of(using: Using) -> str:
    """The name of the bundled adapter that is attached, "" for the plain model. RequestError: something else
    is, which a worker cannot have: it may have been forked before that was loaded."""
    if not isinstance(using, Attached):
        return ""
    if set(using.origins) != {"adapter"} or using.label not in using.bundled.adapters:
        allowed = ", ".join(using.bundled.adapters) or "none"
        raise RequestError(f"attached = {using.label!r} is not valid on ZeroGPU; allowed: {allowed}")
    return using.label


def rows_of(sampler: Sampler) -> int:
    """Sequences in a forward, at most: candidates (settings named num_…), twice with guidance."""
    names = sampler.__dataclass_fields__
    candidates = [int(getattr(sampler, name)) for name in names if name.startswith("num_")]
    return max(candidates, default=1) * (2 if getattr(sampler, "cfg_scale", 0) else 1)
