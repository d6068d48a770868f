"""Who decodes now, and who waits: the runs that may use the model at the same time, and a line before them.

Runs that share forwards need no line until there are very many of them; where they do not share, one goes at
a time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from llada_viz.decoding.sharing import shares

MOST_INSIDE = 32  # runs at the same time, where they share forwards
LATELY = 16  # runs whose durations are remembered
WAITING = "Waiting for the model: {before} before yours{seconds}."


class Entrance:
    """A line, and those who are through it. Every method may be called from any thread."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._changed = threading.Condition()
        self._line: list[Waiting] = []
        self._inside: dict[Waiting, float] = {}  # since when
        self._durations: deque[float] = deque(maxlen=LATELY)

    @property
    def inside(self) -> int:
        """How many decode now."""
        return len(self._inside)

    @contextmanager
    def entered(self) -> Iterator[Waiting]:
        """A place at the end of the line, and later inside, until the block ends."""
        place = Waiting(self)
        with self._changed:
            self._line.append(place)
            self._let_in()
        try:
            yield place
        finally:
            with self._changed:
                if place in self._line:
                    self._line.remove(place)
                since = self._inside.pop(place, None)
                if since is not None:
                    self._durations.append(time.monotonic() - since)
                self._let_in()

    def open(self, most: int) -> None:
        """Let so many be inside from now on."""
        with self._changed:
            self.most = most
            self._let_in()

    def notice(self) -> str:
        """What somebody who comes now would be told; "" when he need not wait."""
        with self._changed:
            full = len(self._inside) + len(self._line) >= self.most
            return self._sentence(len(self._line)) if full else ""

    def _let_in(self) -> None:
        while self._line and len(self._inside) < self.most:
            self._inside[self._line.pop(0)] = time.monotonic()
        self._changed.notify_all()

    def _sentence(self, ahead: int) -> str:
        """ahead: how many stand in the line before him."""
        runs = ahead + len(self._inside)
        before = "1 run is" if runs == 1 else f"{runs} runs are"
        seconds = self._seconds(ahead)
        return WAITING.format(before=before, seconds="" if seconds is None else f", about {seconds:.0f} s")

    def _seconds(self, ahead: int) -> float | None:
        """Until the next place inside that is not taken by those ahead; None: no run has ended yet."""
        if not self._durations:
            return None
        each = sum(self._durations) / len(self._durations)
        now = time.monotonic()
        first = min((max(0.0, since + each - now) for since in self._inside.values()), default=0.0)
        return max(1.0, first + ahead * each / max(1, self.most))


class Waiting:
    """One place in the line."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance

    def wait(self, seconds: float) -> str:
        """ "" when this place is inside; else, after the seconds, what the visitor is told."""
        entrance = self._entrance
        with entrance._changed:
            entrance._changed.wait_for(lambda: self in entrance._inside, seconds)
            return "" if self in entrance._inside else entrance._sentence(entrance._line.index(self))


ENTRANCE = Entrance(MOST_INSIDE if shares() else 1)
"""Of all runs of this process."""
