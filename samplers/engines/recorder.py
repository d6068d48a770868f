"""What an engine did, as events: kept, checked as they come, and followed from another thread."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Any

from samplers.events import SCHEMA, Event, Finished, Started
from samplers.fold import Board
from samplers.recording.traces import Trace, used_pieces

UNKNOWN: dict[str, Any] = {"confidence": "unknown"}
"""Among the settings of a run whose engine told no probabilities: those of its events, 0, mean nothing."""


class Stopped(Exception):
    """Raised in an engine that was asked to stop, at its next step."""


class Recorder:
    """The events of one run of an engine, folded as they come: one that does not fit raises EventError in
    the engine. A run that breaks off has no Finished; its events are a whole trace all the same.

    pieces: the bytes of the tokens; model: a name, for the trace.
    """

    def __init__(self, pieces: Sequence[bytes] | Mapping[int, bytes] = (), model: str = "") -> None:
        self.pieces, self.model = pieces, model
        self.events: list[Event] = []
        self.board = Board()
        self._listeners: list[Callable[[Event], None]] = []
        self._stopping = False

    def add(self, event: Event) -> None:
        """The next event. Stopped: `stop` was called."""
        if self._stopping:
            raise Stopped("the run was stopped")
        self.board.apply(event)
        self.events.append(event)
        for listener in self._listeners:
            listener(event)

    def start(self, tokens: Sequence[Sequence[int]], mask_id: int | None, prompt_length: int,
              settings: Mapping[str, Any], grid: str = "answer", noise: Sequence[Sequence[bool]] = (),
              pinned: Sequence[Sequence[bool]] = ()) -> None:  # fmt: skip
        """The first event; as in Started."""
        self.add(
            Started(
                nfe=0,
                tokens=tuple(map(tuple, tokens)),
                attention_mask=tuple((True,) * len(row) for row in tokens),
                mask_id=mask_id,
                prompt_length=prompt_length,
                settings={**settings, "schema": SCHEMA},
                noise=tuple(map(tuple, noise)),
                pinned=tuple(map(tuple, pinned)),
                grid=grid,
            )
        )

    def finish(self, reasons: Sequence[str]) -> None:
        """The last event: the canvas as it is. reasons: as in Finished, of each row."""
        board = self.board
        tokens = tuple(tuple(row.tokens) for row in board.trunk)
        self.add(Finished(nfe=board.nfe, forwards=board.forwards, tokens=tokens, stop_reasons=tuple(reasons)))

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call it with every event from now on, in the engine's thread."""
        self._listeners.append(listener)

    def stop(self) -> None:
        """Let the engine end at its next step. From any thread."""
        self._stopping = True

    def trace(self) -> Trace:
        """The events so far. ValueError: there are none."""
        if not self.events:
            raise ValueError("nothing was recorded: the engine has not begun, or refused its input")
        events = tuple(self.events)
        if isinstance(self.pieces, Mapping):
            return Trace(events, dict(self.pieces), self.model)
        return Trace(events, used_pieces(events, self.pieces), self.model)


def follow(recorder: Recorder, work: Callable[[], object]) -> Generator[Event, None, None]:
    """Let `work` (a generate, a pipeline) run in a thread of its own, and yield the events as they come.

    Closing the generator stops the work at its next step, and waits for that. What the work raises is raised
    here, behind the events that came before.
    """
    arrived: SimpleQueue[Event | None] = SimpleQueue()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except Stopped:
            pass
        except BaseException as error:
            failures.append(error)
        finally:
            arrived.put(None)

    recorder.listen(arrived.put)
    thread = Thread(target=run, name="engine", daemon=True)
    thread.start()
    try:
        while (event := arrived.get()) is not None:
            yield event
    finally:
        recorder.stop()
        thread.join()
    if failures:
        raise failures[0]
