"""Runs on the server: a sampler's stream of events, the frames made from it, and its trace.

A run belongs to whoever knows its id, which cannot be guessed. Every method may be called from
any thread. Only `advance` decodes; `stop` waits for the step in progress, not for a turn at the model.
"""

from __future__ import annotations

import itertools
import logging
import secrets
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llada_viz.decoding.recent import Recent
from llada_viz.render import FrameMaker
from llada_viz.render.frames import MOST_CELLS, NO_GOLDS, Frame
from llada_viz.render.meta import Layout
from llada_viz.render.ops import Pieces
from llada_viz.render.verdict import Golds
from samplers.events import Event
from samplers.forwards.shared_forwards import Left, Place
from samplers.measuring.judges import turns_of
from samplers.recording.traces import Limits, Trace, used_pieces
from samplers.requests import Prepared

if TYPE_CHECKING:
    from llada_viz.decoding.setups import Setup
    from samplers.branch import Branch

LOG = logging.getLogger(__name__)
MOST_RUNS = 64
OPENED = Limits(
    unpacked=64 << 20, events=1 << 16, cells=1 << 16, length=1 << 13, all_cells=5 << 19, boards=1 << 26
)  # fmt: skip
"""Of a trace that is shown: its events and frames stay in memory, and a frame takes a look at every cell: so
many take some seconds. The two million drafts that a run may have (samplers.drafts) are below it."""
NUMBERS = itertools.count(time.time_ns() // 10**6)  # also higher than those before a restart
Stream = Generator[Event, None, Any]


@dataclass
class Run:
    """One run, live or recorded.

    stream: None for a recorded run; frames: only grows, frame n has seq n; golds: right answers by prompt,
    for the verdict; most_cells: the model and its prompt leave room for so many; place: in the line of those
    that share the model; number: higher than that of every run before it; setup: what it was made from, None
    where that is not known; parent, branched: the id of the run that it branches from, and how many of its
    events are that run's.
    """

    pieces: Pieces
    model: str = ""
    stream: Stream | None = None
    events: list[Event] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    ended: bool = False
    id: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    golds: Golds = field(default_factory=dict)
    most_cells: int = MOST_CELLS
    place: Place | None = None
    number: int = field(default_factory=lambda: next(NUMBERS))
    setup: Setup | None = None
    parent: str = ""
    branched: int = 0

    def __post_init__(self) -> None:
        self.maker = FrameMaker(self.pieces, golds=self.golds, most_cells=self.most_cells)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._returned: float | None = None  # when the last frames were handed out
        self.owner = ""
        self.seconds = 0.0  # spent on decoding; the frames have it as t

    @property
    def layout(self) -> Layout:
        """The run's sizes and names; empty ones before its first event."""
        return self.maker.layout

    @property
    def gold(self) -> str:
        """The right answer of what its prompt asks, "" where none is known."""
        return next(
            (self.golds[part] for part in reversed(turns_of(self.layout.prompt)) if part in self.golds), ""
        )

    @property
    def going_on(self) -> bool:
        """Whether its decoding has begun, and not ended."""
        return self._returned is not None and not self.ended

    def advance(self, seconds: float) -> list[Frame]:
        """Decode at least one event, and more until `seconds` have passed since the last call returned.
        Returns the new frames, [] once the run has ended.

        A sampler that raises ends the run: the error goes to the log, and the last frame says so.
        """
        with self._lock:
            first_new = len(self.frames)
            if self._returned is None:
                self._returned = time.perf_counter()
            while not self.ended and not self._stopping.is_set():
                self._next_event()
                if time.perf_counter() - self._returned >= seconds:
                    break
            if self._stopping.is_set():
                self._end_stopped()
            self._returned = time.perf_counter()
            return self.frames[first_new:]

    def stop(self) -> None:
        """End the run where it is; its frames stay. Nothing happens to a run that has ended."""
        self._stopping.set()
        if (place := self.place) is not None:
            place.leave()
        with self._lock:
            self._end_stopped()

    def belongs_to(self, owner: str) -> None:
        """Say whose run it is: the runs of one owner share his turns at the model."""
        self.owner = owner
        if (place := self.place) is not None and owner:
            place.owner = owner

    def trace(self) -> Trace:
        """The events so far as a trace, which can be saved."""
        with self._lock:
            events = tuple(self.events)
        if isinstance(self.pieces, Mapping):
            return Trace(events, dict(self.pieces), self.model)
        return Trace(events, used_pieces(events, self.pieces), self.model)

    def _next_event(self) -> None:
        assert self.stream is not None
        began = time.perf_counter()
        try:
            event = next(self.stream)
        except StopIteration:
            self._close()
            return
        except Left:
            return  # `stop` was called, and ends the run
        except Exception as error:
            LOG.exception("a run broke off")
            self._close()
            self.frames.append(self.maker.broken(error, self.seconds))
            return
        finally:
            self.seconds += time.perf_counter() - began
        self.events.append(event)
        self.frames.append(self.maker.frame(event, self.seconds))

    def _end_stopped(self) -> None:
        if self.ended:
            return
        self._close()
        if self.frames:
            self.frames.append(self.maker.stopped(self.seconds))

    def _close(self) -> None:
        self.ended = True
        if self.stream is not None:
            self.stream.close()
        if self.place is not None:
            self.place.leave()
        self.stream = self.place = None  # a run is kept for its frames; its model may be unloaded


class Runs:
    """The last runs by id; the oldest is stopped when there are too many.

    golds: right answers by prompt; others_busy: whether the model is used by what is kept elsewhere.
    """

    def __init__(
        self, most: int = MOST_RUNS, golds: Golds = NO_GOLDS, others_busy: Callable[[], bool] = bool
    ) -> None:
        self.golds, self.others_busy = golds, others_busy
        self._runs: Recent[str, Run] = Recent(most, _stop)
        self._kept: list[Run] = []

    def start(
        self, prepared: Prepared, pieces: Sequence[bytes], model: str, golds: Golds | None = None,
        most_cells: int = MOST_CELLS, setup: Setup | None = None,
    ) -> Run:  # fmt: skip
        """A run that waits for its first `advance`. golds: its own, else those of all runs."""
        golds = self.golds if golds is None else golds
        stream, place = prepared.stream(), prepared.place
        return self._add(
            Run(pieces, model, stream, golds=golds, most_cells=most_cells, place=place, setup=setup)
        )

    def branch(self, parent: Run, grown: Branch, pieces: Pieces, model: str, setup: Setup) -> Run:
        """A run that has its parent's first events and waits for its first `advance`."""
        run = Run(
            pieces, model, grown.stream(), golds=parent.golds, most_cells=parent.most_cells,
            place=grown.place, setup=setup, parent=parent.id, branched=len(grown.stem.events),
        )  # fmt: skip
        for event in grown.stem.events:
            run.events.append(event)
            run.frames.append(run.maker.frame(event))
        return self._add(run)

    def open(self, trace: Trace) -> Run:
        """A recorded run, with all its frames. EventError when its events do not fit."""
        return self._add(recorded(trace, self.golds))

    def keep(self, run: Run) -> None:
        """Keep a recorded run, which every visitor is shown, for as long as the server stands."""
        self._kept.append(run)

    def own(self, run: Run) -> Run:
        """The run itself; of one that every visitor is shown a copy, which can have branches and a name."""
        return self.open(run.trace()) if self.is_shared(run) else run

    def is_shared(self, run: Run) -> bool:
        """Whether every visitor is shown it."""
        return any(run is each for each in self._kept)

    def _add(self, run: Run) -> Run:
        return self._runs.put(run.id, run)

    def get(self, run_id: Any) -> Run | None:
        """The run of an id, None when there is none (any more)."""
        return self._runs.get(run_id) or next((run for run in self._kept if run.id == run_id), None)

    def all(self) -> list[Run]:
        """Every run that is kept, the one not used for longest first."""
        return self._runs.values()

    def forget(self, run_id: str) -> None:
        """Stop a run and let it go."""
        if (run := self._runs.pop(run_id)) is not None:
            _stop(run)

    def leave(self, owner: str) -> None:
        """A visitor is gone: stop what goes on of his."""
        for run in self._runs.values():
            if owner and run.owner == owner and not run.ended:  # he may still wait for the model
                run.stop()

    def busy(self) -> bool:
        """Whether a run is being decoded, here or elsewhere."""
        return any(run.going_on for run in self._runs.values()) or self.others_busy()


def recorded(trace: Trace, golds: Golds = NO_GOLDS) -> Run:
    """A trace as a run that has ended, with all its frames. EventError when its events do not fit."""
    maker = FrameMaker(trace.pieces, golds=golds)
    frames = [maker.frame(event) for event in trace.events]
    if frames[-1]["kind"] != "finish":
        frames.append(maker.stopped())
    run = Run(trace.pieces, trace.model, None, list(trace.events), frames, ended=True)
    run.maker = maker
    return run


def _stop(run: Run) -> None:
    with suppress(Exception):
        run.stop()
