"""Being asked to end: SIGTERM and SIGINT become a flag that is looked at between two steps."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any


class StopSignals:
    """`asked` is true once SIGTERM or SIGINT came within the `with`; the handlers before it come back
    at its end. Outside the main thread nothing is changed: Python allows no handlers there."""

    def __init__(self) -> None:
        self.stop_requested = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                self._before[number] = signal.signal(number, self._note)
            except ValueError:  # not the main thread
                break
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.stop_requested = True

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
