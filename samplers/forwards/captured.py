"""Passes of fixed shapes, recorded once and replayed (CUDA graphs; docs/decisions/021).

A GPU computes a pass over few cells in less time than a host needs to ask for its kernels one by one.

A shape is rows, positions, how many of them are evaluated, whether a row is padded, and the room of a KV
cache. It is recorded when it comes for the second time: inputs, keys and values then stay where they are, and
a replay computes what `model.hidden` computes. The number of recordings is bounded: when a new shape finds no
room, the longest unused recording goes if it has rested, and else the pass is a plain one. On a CPU
`Repeated` stands for a graph: the same function of the same fixed tensors, run again.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from samplers.forwards.passes import KeysValues, Passes, pick
from samplers.forwards.transfer import to_device

MOST_GRAPHS = 32
MOST_TOKENS = 4096  # of a pass: longer ones keep a GPU busy for longer than a host needs to ask for them
MOST_SEEN = 256  # shapes that are counted until they come again
REST = 256  # passes without a replay, after which a recording may make room for another
SPARE_SHARE = 10  # room of ended runs is kept up to this part of a device's memory: 1 / 10
_LOG = logging.getLogger(__name__)
Compute = Callable[[], Tensor]
Inputs = tuple[Tensor, Tensor, int]  # tokens, attention, start: see Passes.states


class Shape(NamedTuple):
    """What a recording is for. room: the identity of the keys and values it writes to, 0 without."""

    rows: int
    length: int
    positions: int
    padded: bool
    room: int


class Recording(Protocol):
    """A computation that can be had again: `output` is overwritten by each replay."""

    output: Tensor

    def replay(self) -> None:
        """Compute again from the tensors that were read when it was recorded."""
        ...


class Graph:
    """A CUDA graph. The computation is run once before, so that libraries are loaded."""

    def __init__(self, compute: Compute, pool: Any) -> None:
        stream = torch.cuda.current_stream()
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(stream)
        with torch.cuda.stream(side):
            compute()
        stream.wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, pool=pool, capture_error_mode="thread_local"):
            self.output = compute()

    def replay(self) -> None:
        """One launch."""
        self.graph.replay()


class Repeated:
    """The same without a graph: the computation run again into the same output."""

    def __init__(self, compute: Compute, pool: Any) -> None:
        self.compute, self.output = compute, compute()

    def replay(self) -> None:
        """Run again."""
        self.output.copy_(self.compute())


class _Fixed:
    """A shape's inputs at fixed addresses, and its recording. used: the pass that replayed it last.

    The first inputs are there before anything is recorded, for a recording computes, and what it computes
    is written to keys and values."""

    def __init__(
        self, passes: CapturedPasses, shape: Shape, keys_values: KeysValues | None, inputs: Inputs
    ) -> None:
        device = passes.model.device
        self.used = 0
        self.ids = torch.zeros(shape.rows, shape.length, dtype=torch.long, device=device)
        self.mask: Tensor | None = None
        if shape.padded:
            self.mask = torch.ones(shape.rows, shape.positions, dtype=torch.bool, device=device)
        self.at = torch.arange(shape.length, device=device)

        def compute() -> Tensor:
            hidden: Tensor = passes.model.hidden(self.ids, self.mask, keys_values=keys_values, at=self.at)
            return hidden

        self._send(inputs)
        self.recording: Recording = passes.record(compute, passes.pool)

    def run(self, inputs: Inputs) -> Tensor:
        """Float[rows, length, d], overwritten by the next run."""
        self._send(inputs)
        self.recording.replay()
        return self.recording.output

    def _send(self, inputs: Inputs) -> None:
        (tokens, attention, start), device = inputs, self.ids.device
        self.ids.copy_(to_device(tokens, device))
        if self.mask is not None:
            self.mask.copy_(to_device(attention, device))
        self.at.copy_(to_device(torch.arange(start, start + tokens.shape[1]), device))


class CapturedPasses(Passes):
    """Passes of a model, recorded where their shapes repeat. Threads take turns; all of them use the device's
    default stream. recorded, replayed, plain: passes so far; refused: why nothing is recorded any more."""

    fixed = True

    def __init__(
        self,
        model: Any,
        record: Callable[[Compute, Any], Recording] = Graph,
        most_graphs: int = MOST_GRAPHS,
        most_spare: int | None = None,
    ) -> None:
        self._model = weakref.ref(model)
        self.record, self.most_graphs, self.weights = record, most_graphs, weights_of(model)
        self.recorded = self.replayed = self.plain = self.graph_bytes = 0
        self.refused = ""
        self.pool: Any = None  # graphs' memory, made with the first of them
        self.most_spare = most_spare
        self._lock = threading.RLock()
        self._fixed: OrderedDict[Shape, _Fixed] = OrderedDict()  # the longest unused first
        self._seen: Counter[Shape] = Counter()
        self._rooms: dict[int, KeysValues] = {}  # all that were handed out and may be written to by a graph
        self._spare: list[KeysValues] = []  # those of them that no run uses now

    def states(
        self,
        tokens: Tensor,
        attention: Tensor,
        cells: Tensor,
        keys_values: KeysValues | None = None,
        start: int = 0,
    ) -> Tensor:
        """See Passes."""
        room = 0 if keys_values is None else id(keys_values)
        rows, length = tokens.shape
        shape = Shape(rows, length, attention.shape[1], not bool(attention.all()), room)
        with self._lock:
            inputs = (tokens, attention, start)
            with on(self.model.device):
                fixed = self._recording(shape, keys_values, inputs)
                if fixed is None:
                    self.plain += 1
                    return super().states(tokens, attention, cells, keys_values, start)
                self.replayed += 1
                fixed.used = self.calls
                return pick(fixed.run(inputs), cells)

    @property
    def calls(self) -> int:
        """Passes so far."""
        return self.replayed + self.plain

    def _recording(self, shape: Shape, keys_values: KeysValues | None, inputs: Inputs) -> _Fixed | None:
        """The recording of a shape, made if this is the second time; None: a plain pass."""
        model = self.model
        if model.training or torch.is_autocast_enabled("cuda") or torch.is_grad_enabled():
            return None
        if shape.rows * shape.length > MOST_TOKENS:
            return None
        if shape in self._fixed:
            self._fixed.move_to_end(shape)
            return self._fixed[shape]
        if len(self._seen) > MOST_SEEN:
            self._seen.clear()
        self._seen[shape] += 1
        if self.refused or self._seen[shape] < 2 or (shape.room and shape.room not in self._rooms):
            return None
        if len(self._fixed) >= self.most_graphs and not self._make_room():
            return None
        return self._record(shape, keys_values, inputs)

    def _record(self, shape: Shape, keys_values: KeysValues | None, inputs: Inputs) -> _Fixed | None:
        """A new recording; None, with a warning, where the device refuses."""
        on_gpu = self.model.device.type == "cuda"
        before = torch.cuda.memory_reserved() if on_gpu else 0
        if on_gpu and self.pool is None:
            self.pool = torch.cuda.graph_pool_handle()
        try:
            fixed = _Fixed(self, shape, keys_values, inputs)
        except RuntimeError as error:  # a layer that reads back, or no memory
            self.refused = str(error).splitlines()[0]
            _LOG.warning("passes are not captured: %s", self.refused)
            return None
        self.graph_bytes += max(0, torch.cuda.memory_reserved() - before) if on_gpu else 0
        self._fixed[shape] = fixed
        del self._seen[shape]
        self.recorded += 1
        return fixed

    def _make_room(self) -> bool:
        """Drop the longest unused recording, if it has rested."""
        shape, fixed = next(iter(self._fixed.items()))
        if self.calls - fixed.used < REST:
            return False
        del self._fixed[shape]
        return True

    def new_keys_values(self, rows: int, positions: int) -> KeysValues:
        """See Passes: room of an ended run where one of this size is spare, so that its recordings serve."""
        with self._lock:
            for i, spare in enumerate(self._spare):
                keys = spare[0][0]
                if (keys.shape[0], keys.shape[2]) == (rows, positions):
                    return self._spare.pop(i)
            room = super().new_keys_values(rows, positions)
            self._rooms[id(room)] = room
            return room

    def give_back(self, keys_values: KeysValues) -> None:
        """See Passes: kept while all spare room is at most `most_spare` bytes; the oldest goes first."""
        with self._lock:
            self._spare.append(keys_values)
            most = self._most_spare(keys_values[0][0].device)
            while sum(map(bytes_of, self._spare)) > most:
                gone = id(self._spare.pop(0))
                del self._rooms[gone]
                for shape in [s for s in self._fixed if s.room == gone]:
                    del self._fixed[shape]

    def _most_spare(self, device: torch.device) -> int:
        if self.most_spare is None and device.type == "cuda":
            return int(torch.cuda.get_device_properties(device).total_memory // SPARE_SHARE)
        return self.most_spare or 0

    def memory(self) -> int:
        """Bytes that recordings and spare room hold besides the model."""
        with self._lock:
            fixed = sum(f.ids.nbytes + f.recording.output.nbytes for f in self._fixed.values())
            return max(fixed, self.graph_bytes) + sum(map(bytes_of, self._spare))


_PLAIN: ContextVar[bool] = ContextVar("plain", default=False)
_CAPTURED: weakref.WeakKeyDictionary[Any, CapturedPasses] = weakref.WeakKeyDictionary()
_CAPTURING = threading.Lock()


@contextmanager
def plain_passes() -> Iterator[None]:
    """Networks made inside capture nothing: a model that is being trained."""
    token = _PLAIN.set(True)
    try:
        yield
    finally:
        _PLAIN.reset(token)


def passes_of(model: Any) -> Passes:
    """Captured passes of a model whose weights lie on one CUDA device, the same for all who ask; plain ones
    anywhere else, inside `plain_passes`, and with LLADA_VIZ_CAPTURE=0 in the environment."""
    if _PLAIN.get() or os.environ.get("LLADA_VIZ_CAPTURE") == "0" or not on_one_gpu(model):
        return Passes(model)
    with _CAPTURING:
        passes = _CAPTURED.get(model)
        if passes is None or passes.weights != weights_of(model):
            passes = _CAPTURED[model] = CapturedPasses(model)
        return passes


def on_one_gpu(model: Any) -> bool:
    """Whether all weights lie on one CUDA device, where they stay (accelerate's hooks bring them and take
    them away), and no layer reads back what it computed (those of int8 do)."""
    places = {t.device for t in (*model.parameters(), *model.buffers())}
    hooked = any(hasattr(module, "_hf_hook") for module in model.modules())
    reads_back = getattr(model, "quantized_as", "") == "int8"
    return len(places) == 1 and places.pop().type == "cuda" and not hooked and not reads_back


def on(device: torch.device) -> AbstractContextManager[Any]:
    """CUDA's current device, where there is one."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def bytes_of(keys_values: KeysValues) -> int:
    """Bytes of keys and values."""
    return sum(int(k.nbytes + v.nbytes) for k, v in keys_values)


def weights_of(model: Any) -> tuple[int, ...]:
    """Where a model's numbers are: a recording holds for these places alone."""
    return tuple(t.data_ptr() for t in (*model.parameters(), *model.buffers()))
