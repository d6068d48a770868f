"""Stopping a run: SIGTERM and SIGINT set a flag, which the engine reads between two steps."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any


class StopSignals:
    """Within its `with`, SIGTERM and SIGINT set `stop_requested` to true instead of ending the process; the
    former handlers are restored at its end. Outside the main thread, where Python allows no handlers, it
    changes nothing."""

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
