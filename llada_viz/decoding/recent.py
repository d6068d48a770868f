"""The last few of something, by key: runs, comparisons, attachments, logs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """At most `most` values; the one that was longest not asked for is let go, and `let_go` told.

    Threads may share it. `let_go` is called outside the lock.
    """

    def __init__(self, most: int, let_go: Callable[[Value], object] = lambda value: None) -> None:
        self.most, self._let_go = most, let_go
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: object) -> Value | None:
        """The value of a key, None when it is not (or no longer) here; anything may be asked for."""
        with self._lock:
            here = isinstance(key, Hashable) and key in self._values
            return self._use(key) if here else None  # type: ignore[arg-type]

    def put(self, key: Key, value: Value) -> Value:
        """Keep a value as the newest."""
        with self._lock:
            self._values[key] = value
            self._use(key)
            gone = [self._values.popitem(last=False)[1] for _ in range(len(self._values) - self.most)]
        for old in gone:
            self._let_go(old)
        return value

    def get_or_make(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value of a key, made if it is not here; one thread makes at a time."""
        with self._lock:
            return self._use(key) if key in self._values else self.put(key, make())

    def values(self) -> list[Value]:
        """All that is here, the longest not asked for first."""
        with self._lock:
            return list(self._values.values())

    def _use(self, key: Key) -> Value:
        self._values.move_to_end(key)
        return self._values[key]
