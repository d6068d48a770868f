"""Forwards that several runs share: their calls are gathered, evaluated together, and handed back.

Between samplers and model stands a worker. A run's call waits in line; the worker takes rows of several
calls, pads them to a common length, makes one pass, and hands each call its own cells. Samplers do not
change, and see what they see alone (exactly, in exact arithmetic; the last bits depend on the batch).

- **Fair.** A pass has room for so many tokens. Rows are taken one after the other, always of the owner who
  was given the fewest tokens; a call of many rows (candidates) takes several passes when others wait. Who
  comes new, or comes back, begins where the others are.
- **No idle waiting.** The worker waits for more calls only while other runs are between two calls, and never
  longer than a quarter of a pass, or `Limits.wait`.
- **Alone where it must be.** Passes with a KV cache join those of the same shape; what cannot be joined
  (WINO's second copy of a block) takes turns by the same rule.

Workers begin with the first call and end by themselves when nobody has called for a while.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor

from samplers.forwards.passes import KeysValues, Passes

LOG = logging.getLogger(__name__)
WORKER = "forwards"  # name of the workers' threads
LAST_PASS = 10.0  # seconds that a worker has for the pass that is going on when the program ends
IDLE = 2.0  # seconds after which a worker without calls ends
MOST_OWNERS = 1000  # with an account that is kept
PADDING = 1.25  # a pass may have so many cells for each real token


@dataclass(frozen=True)
class Limits:
    """tokens: of a pass, at most (a longer row goes alone); wait: seconds, at most, for more calls; workers:
    passes at the same time; threads: of a worker's pass, None: as torch has it."""

    tokens: int = 8192
    wait: float = 0.004
    workers: int = 1
    threads: int | None = None


class Left(RuntimeError):
    """The run was ended while its call waited."""


@dataclass(eq=False)
class Call:
    """What one run asks for: rows, or one turn alone.

    tokens, cells: [rows, length]; attention: Bool[rows, positions]; keys_values, start: see Passes.states;
    turn: computes the result instead of a pass; taken: rows that passes have; parts: states of rows, by the
    first of them; left: rows without a result.
    """

    place: Place
    tokens: Tensor
    attention: Tensor
    cells: Tensor
    keys_values: KeysValues | None = None
    start: int = 0
    turn: Callable[[], Any] | None = None
    taken: int = 0
    parts: dict[int, Any] = field(default_factory=dict)
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.left = self.rows

    @property
    def rows(self) -> int:
        return len(self.tokens)

    @property
    def length(self) -> int:
        return self.tokens.shape[1]

    def joins(self, other: Call) -> bool:
        """Whether the two fit into one pass: without a cache in any case, with one when the shapes agree."""
        if self.turn or other.turn or (self.keys_values is None) != (other.keys_values is None):
            return False
        return self.keys_values is None or (
            (self.start, self.length, self.attention.shape[1])
            == (other.start, other.length, other.attention.shape[1])
        )


Piece = tuple[Call, int, int]
"""Rows [first, stop) of a call, in one pass."""


class Place(Passes):
    """A run's place in line: passes of its model that go through the workers. owner: who is treated as one
    visitor, whatever runs he has; given: tokens evaluated for the run. Results carry no gradients."""

    def __init__(self, forwards: Forwards, passes: Passes, owner: str = "") -> None:
        self.forwards, self.passes, self.fixed = forwards, passes, passes.fixed
        self.owner = owner or f"run {id(self)}"
        self.given, self.left, self.returned = 0, False, 0.0

    @property
    def model(self) -> Any:
        return self.passes.model

    def states(
        self,
        tokens: Tensor,
        attention: Tensor,
        cells: Tensor,
        keys_values: KeysValues | None = None,
        start: int = 0,
    ) -> Tensor:
        """See Passes. Left: the run was ended meanwhile."""
        parts = self.forwards.wait_for(Call(self, tokens, attention, cells, keys_values, start))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def turn(self, tokens: Tensor, compute: Callable[[], Any]) -> Any:
        """What `compute` returns, called by a worker when it is this run's turn. tokens: Int[rows, length]
        that it evaluates. Left: as `states`."""
        return self.forwards.wait_for(Call(self, tokens, tokens, tokens, turn=compute))[0]

    def new_keys_values(self, rows: int, positions: int) -> KeysValues:
        """See Passes."""
        return self.passes.new_keys_values(rows, positions)

    def give_back(self, keys_values: KeysValues) -> None:
        """See Passes."""
        self.passes.give_back(keys_values)

    def leave(self) -> None:
        """Free the place: a call that waits is dropped, later ones are refused. From any thread."""
        self.forwards.drop(self)


class Forwards:
    """The line of one model's runs, and its workers. passes, rows: how many there were; pass_seconds: what a
    pass takes lately."""

    def __init__(self, limits: Limits | None = None, clock: Callable[[], float] = time.perf_counter) -> None:
        self.limits, self.clock = limits or Limits(), clock
        self.passes = self.rows = 0
        self.pass_seconds = 0.0
        self._changed = threading.Condition()
        self._line: list[Call] = []  # calls with rows that no pass has yet
        self._given: dict[str, float] = {}  # owner -> tokens, from a common beginning
        self._level = 0.0  # tokens that whoever was in turn last had been given before
        self._places: WeakSet[Place] = WeakSet()
        self._workers = self._idle = 0
        self._ended = False
        _ALL.add(self)

    def place(self, passes: Passes, owner: str = "") -> Place:
        """A place in line for a new run. passes: of the model, as the run would have them alone."""
        place = Place(self, passes, owner)
        with self._changed:
            if len(self._given) > MOST_OWNERS:  # who has less than the level begins there anyway
                waiting = {call.place.owner for call in self._line}
                self._given = {o: n for o, n in self._given.items() if n > self._level or o in waiting}
            self._places.add(place)
        return place

    def drop(self, place: Place) -> None:
        """See Place.leave."""
        with self._changed:
            place.left = True
            self._places.discard(place)
            for call in [call for call in self._line if call.place is place]:
                self._line.remove(call)
                self._finish(call, Left("the run was ended"))
            self._changed.notify_all()

    def wait_for(self, call: Call) -> list[Any]:
        """Put a call in line, and wait for what becomes of it."""
        self.enter(call)
        call.done.wait()
        if call.error is not None:
            raise call.error
        return [call.parts[first] for first in sorted(call.parts)]

    def enter(self, call: Call) -> None:
        """Put a call in line."""
        with self._changed:
            if call.place.left or self._ended:
                raise Left("the run was ended")
            if not self._line and self._idle == self._workers:  # nobody waits: all begin anew
                self._given.clear()
                self._level = 0.0
            owner = call.place.owner
            self._given[owner] = max(self._given.get(owner, 0.0), self._level)
            if self._idle == 0 and self._workers < self.limits.workers:
                # First of all: where no thread can be had, the call is refused and nothing has changed.
                threading.Thread(target=self._work, name=WORKER, daemon=True).start()
                self._workers += 1
            self._line.append(call)
            self._changed.notify_all()

    def end(self) -> None:
        """Drop the calls that wait, refuse later ones, and end the workers after their passes."""
        with self._changed:
            self._ended = True
            for call in self._line:
                self._finish(call, Left("the program ends"))
            self._line.clear()
            self._changed.notify_all()

    # ---- in the workers ----------------------------------------------------------------------

    def _work(self) -> None:
        """Make passes until nobody has called for a while."""
        if self.limits.threads is not None and torch.get_num_threads() != self.limits.threads:
            torch.set_num_threads(self.limits.threads)
        pieces: list[Piece] | None = []
        try:
            while (pieces := self._next_pieces()) is not None:
                self._evaluate(pieces)
        except BaseException as error:
            LOG.exception("a worker that evaluates the calls of runs broke down")
            self._broke_down(error, pieces or [])

    def _broke_down(self, error: BaseException, pieces: list[Piece]) -> None:
        """A fault in this file: whoever waits is told. The next call begins a new worker."""
        told = RuntimeError(f"the worker that evaluates runs broke down: {type(error).__name__}: {error}")
        with self._changed:
            self._workers -= 1
            for call in {call for call, _, _ in pieces} | set(self._line):
                self._finish(call, told)
            self._line.clear()

    def _next_pieces(self) -> list[Piece] | None:
        """The rows of the next pass; None: nobody has called for a while, and the worker ends."""
        with self._changed:
            while not self._line:
                self._idle += 1
                called = not self._ended and self._changed.wait(IDLE) and not self._ended
                self._idle -= 1
                if not called and not self._line:
                    self._workers -= 1
                    return None
            self._gather()
            return self._take() if self._line else []

    def _gather(self) -> None:
        """Wait a little while other runs are between two calls and the pass has room."""
        patience = min(self.limits.wait, self.pass_seconds / 4)
        deadline = self.clock() + patience
        while self._line and patience > 0 and (left := deadline - self.clock()) > 0:
            waiting = sum(call.rows * call.length for call in self._line)
            lately = self.clock() - self.limits.wait
            in_line = {call.place for call in self._line}
            coming = any(p.returned > lately for p in self._places if p not in in_line)
            if not coming or waiting >= self.limits.tokens:
                return
            self._changed.wait(left)

    def _take(self) -> list[Piece]:
        """Rows for one pass, one after the other of the owner who was given least; ties: who came first."""
        first = min(self._line, key=self._turn)
        if first.turn is not None:
            self._line.remove(first)
            self._count(first, first.rows)
            first.taken = first.rows
            return [(first, 0, first.rows)]
        begins: dict[Call, int] = {}
        longest = real = rows = 0
        candidates = [call for call in self._line if call is first or first.joins(call)]
        while candidates:
            call = min(candidates, key=self._turn) if rows else first
            cells = (rows + 1) * max(longest, call.length)
            if rows and cells > min(self.limits.tokens, PADDING * (real + call.length)):
                candidates.remove(call)  # there is room for a shorter one, perhaps
                continue
            begins.setdefault(call, call.taken)
            call.taken += 1
            longest, real, rows = max(longest, call.length), real + call.length, rows + 1
            self._count(call, 1)
            if call.taken == call.rows:
                candidates.remove(call)
                self._line.remove(call)
        return [(call, begin, call.taken) for call, begin in begins.items()]

    def _turn(self, call: Call) -> float:
        return self._given[call.place.owner]

    def _count(self, call: Call, rows: int) -> None:
        self._level = max(self._level, self._given[call.place.owner])
        self._given[call.place.owner] += rows * call.length
        call.place.given += rows * call.length

    @torch.no_grad()
    def _evaluate(self, pieces: list[Piece]) -> None:
        """One pass; where it fails, each call's rows alone, so that only the one at fault has the error."""
        began = self.clock()
        results: list[Any] | None = None
        try:
            results = together(pieces)
        except Exception as error:
            if len(pieces) == 1:
                results = [error]
        if results is None:  # the error is gone, and with it what the pass held: memory, perhaps
            for piece in pieces:
                self._evaluate([piece])
            return
        seconds = self.clock() - began
        with self._changed:
            self.passes += 1
            self.rows += sum(stop - first for _, first, stop in pieces)
            self.pass_seconds = seconds if not self.pass_seconds else 0.8 * self.pass_seconds + 0.2 * seconds
            for (call, first, stop), result in zip(pieces, results, strict=True):
                if isinstance(result, Exception):
                    if call in self._line:
                        self._line.remove(call)
                    self._finish(call, result)
                    continue
                call.parts[first] = result
                call.left -= stop - first
                if not call.left:
                    self._finish(call)

    def _finish(self, call: Call, error: BaseException | None = None) -> None:
        call.error = call.error or error
        call.place.returned = self.clock()
        call.done.set()


_ALL: WeakSet[Forwards] = WeakSet()


@atexit.register
def end_all() -> None:
    """At the program's end: a thread that is killed inside a pass would abort the program."""
    for forwards in list(_ALL):
        forwards.end()
    for thread in threading.enumerate():
        if thread.name == WORKER:
            thread.join(LAST_PASS)


def together(pieces: list[Piece]) -> list[Any]:
    """What each piece is given: the states of its cells, Float[n, d], from one pass over all of them."""
    first = pieces[0][0]
    if first.turn is not None:
        return [first.turn()]
    passes = first.place.passes
    if len(pieces) == 1 and pieces[0][1:] == (0, first.rows):
        return [passes.states(first.tokens, first.attention, first.cells, first.keys_values, first.start)]
    tokens, attention, cells = stacked(pieces)
    joined = None if first.keys_values is None else joined_keys_values(pieces)
    states = passes.states(tokens, attention, cells, joined, first.start)
    if joined is not None:
        hand_back(pieces, joined)
    counts = [int(call.cells[begin:stop].sum()) for call, begin, stop in pieces]
    return list(torch.split(states, counts))


def stacked(pieces: list[Piece]) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens, attention and cells of all rows, padded on the left to the longest; padding is not attended to.

    Where rows have a cache all lengths agree, and the attention is that of all positions."""
    longest = max(call.length for call, _, _ in pieces)
    padded: list[list[Tensor]] = [[], [], []]
    for call, begin, stop in pieces:
        missing = longest - call.length
        for into, part in zip(padded, (call.tokens, call.attention, call.cells), strict=True):
            rows = part[begin:stop]
            into.append(torch.nn.functional.pad(rows, (missing, 0)) if missing else rows)
    tokens, attention, cells = (torch.cat(parts) for parts in padded)
    return tokens, attention, cells


def joined_keys_values(pieces: list[Piece]) -> KeysValues:
    """Copies of the keys and values of all rows, one after the other."""
    rows = [[(k[b:s], v[b:s]) for k, v in call.keys_values or ()] for call, b, s in pieces]
    return [
        (torch.cat([k for k, _ in layer]), torch.cat([v for _, v in layer]))
        for layer in zip(*rows, strict=True)
    ]


def hand_back(pieces: list[Piece], joined: KeysValues) -> None:
    """Write what the pass wrote into the keys and values of each call."""
    at = 0
    for call, begin, stop in pieces:
        written = slice(call.start, call.start + call.length)
        for own, shared in zip(call.keys_values or (), joined, strict=True):
            for mine, all_rows in zip(own, shared, strict=True):
                mine[begin:stop, :, written] = all_rows[at : at + stop - begin, :, written]
        at += stop - begin
