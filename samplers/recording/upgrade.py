"""Events of older schemas as events of today's: what the same run would be recorded as now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from samplers.events import SCHEMA, Event, Started


def upgraded(events: Iterable[Event], schema: int) -> Iterator[Event]:
    """Schema 2 had no branches. Schema 1 counted sequences, not passes of the network: there was one wherever
    the sequences became more. (A KV cache takes a pass more where rows of a batch turn to another block at
    different steps; those are not known.)"""
    nfe = forwards = 0
    for event in events:
        if isinstance(event, Started):
            event = replace(event, settings=event.settings | {"schema": SCHEMA})
        if schema == 1:
            forwards += event.nfe > nfe
            nfe = event.nfe
            event = replace(event, forwards=forwards)
        yield event
