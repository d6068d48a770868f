"""Consumers of an event stream: record, collect, decode with a callback, interleave."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any

from samplers.canvas import Canvas
from samplers.denoiser import Denoiser
from samplers.events import Event, Unmasked
from samplers.fold import Board
from samplers.registry import Sampler
from samplers.scoring import Scorer

Stream = Generator[Event, None, Canvas]
StepCallback = Callable[[Board, int, int, dict[str, Any]], bool | None]


def record(stream: Iterable[Event], into: list[Event]) -> Iterator[Event]:
    """Pass the events on and append each to `into`."""
    for event in stream:
        into.append(event)
        yield event


def replay(events: Iterable[Event]) -> Iterator[tuple[Event, Board]]:
    """Each event with the board after it (one board, changed in place)."""
    board = Board()
    for event in events:
        yield event, board.apply(event)


def collect(stream: Stream) -> tuple[list[Event], Canvas]:
    """Run to the end: all events and the sampler's own canvas."""
    events: list[Event] = []
    while True:
        try:
            events.append(next(stream))
        except StopIteration as stop:
            return events, stop.value


def decode(
    sampler: Sampler,
    denoise: Denoiser,
    canvas: Canvas,
    callback_on_step_end: StepCallback | None = None,
    score: Scorer | None = None,
) -> Canvas:
    """Run a sampler to its end, or until the callback returns False; the canvas as it then is.

    callback_on_step_end(board, step, nfe, {"event": the Unmasked}), after every step, as in
    diffusers (there it is handed the pipeline; here the folded board).
    """
    stream, board = sampler(denoise, canvas, score), Board()
    for event in stream:
        board.apply(event)
        if callback_on_step_end is not None and isinstance(event, Unmasked):
            if callback_on_step_end(board, event.step, event.nfe, {"event": event}) is False:
                stream.close()
    return canvas


def interleave(streams: Sequence[Iterable[Event]]) -> Iterator[tuple[int, Event]]:
    """(index, event) of several streams, always advancing the one that has spent least NFE."""
    running = {i: iter(stream) for i, stream in enumerate(streams)}
    spent = dict.fromkeys(running, 0)
    while running:
        index = min(running, key=lambda i: (spent[i], i))
        event = next(running[index], None)
        if event is None:
            del running[index]
        else:
            spent[index] = event.nfe
            yield index, event
