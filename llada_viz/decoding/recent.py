"""A small cache: the values that were used last, by key. It holds runs, comparisons, attachments, logs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """At most `most` values. One more drops the value not used for longest, and calls `let_go` with it
    (outside the lock). Threads may share it.
    """

    def __init__(self, most: int, let_go: Callable[[Value], object] = lambda value: None) -> None:
        self.most, self._let_go = most, let_go
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: object) -> Value | None:
        """The value of a key, None when it is not (or no longer) here. The key may be anything at all, for it
        may come from a browser."""
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

    def pop(self, key: object) -> Value | None:
        """Forget a key; its value, None when it is not here."""
        with self._lock:
            here = isinstance(key, Hashable) and key in self._values
            return self._values.pop(key) if here else None  # type: ignore[arg-type]

    def get_or_make(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value of a key, made if it is not here; one thread makes at a time."""
        with self._lock:
            return self._use(key) if key in self._values else self.put(key, make())

    def values(self) -> list[Value]:
        """All values, the one not used for longest first."""
        with self._lock:
            return list(self._values.values())

    def _use(self, key: Key) -> Value:
        self._values.move_to_end(key)
        return self._values[key]
