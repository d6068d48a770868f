"""Events of schema 1 as events of schema 2: what the same run would be recorded as today."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from samplers.events import SCHEMA, Event, Started


def upgraded(events: Iterable[Event]) -> Iterator[Event]:
    """Schema 1 counted sequences, not passes of the network: there was one wherever the sequences became
    more. (A KV cache takes a pass more where rows of a batch turn to another block at different steps; those
    are not known.)"""
    nfe = forwards = 0
    for event in events:
        forwards += event.nfe > nfe
        nfe = event.nfe
        if isinstance(event, Started):
            event = replace(event, settings=event.settings | {"schema": SCHEMA})
        yield replace(event, forwards=forwards)
