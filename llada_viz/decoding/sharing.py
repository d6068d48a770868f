"""Which runs share forwards: all runs of a loaded model in this process, by one line of calls.

Off with LLADA_VIZ_SHARED=0, and on ZeroGPU, where each run is a process of its own.
"""

from __future__ import annotations

import os
import sys
import threading
from weakref import WeakKeyDictionary

import torch

from llada_viz.host import on_zero_gpu
from models.llada import LLaDAModelLM
from models.loading import LoadedModel
from models.reordered import can_reorder, reordered
from samplers.forwards.shared_forwards import Forwards, Limits
from samplers.forwards.shared_network import Sharing

VARIABLE = "LLADA_VIZ_SHARED"
THREADS = torch.get_num_threads()  # before a pass of one thread sets another number
# Such a network is small: a row is cheapest in passes of one thread over four to eight rows, and while one
# half of the runs waits for a pass the other half does what runs do between passes (docs/log.md).
SMALL_TOKENS, CPU_TOKENS, GPU_TOKENS = 256, 1024, 16_384
SMALL_WORKERS = min(2, THREADS)
# Seconds after which a thread that runs Python lets another on; Python's own is 0.005. A pass of a small
# network comes back to Python a hundred times, and would wait behind other runs' frames each time.
SWITCH_INTERVAL = 0.0005

_LOCK = threading.Lock()
_SHARED: WeakKeyDictionary[LLaDAModelLM, tuple[Forwards, LLaDAModelLM | None]] = WeakKeyDictionary()


def shares() -> bool:
    """Whether runs share forwards here."""
    return os.environ.get(VARIABLE, "1") != "0" and not on_zero_gpu()


def sharing_of(loaded: LoadedModel) -> Sharing | None:
    """What the runs of a loaded model share; the same for everybody who asks. None: nothing (`shares`)."""
    if not shares():
        return None
    model = loaded.model
    with _LOCK:
        if model not in _SHARED:
            quick = reordered(model) if can_reorder(model) else None
            sys.setswitchinterval(SWITCH_INTERVAL)
            _SHARED[model] = Forwards(limits_of(model, quick is not None)), quick
        forwards, quick = _SHARED[model]
    return Sharing(forwards, model if quick is None else quick)


def limits_of(model: LLaDAModelLM, is_reordered: bool) -> Limits:
    """How much one pass takes, and how many go at once, by where the model computes."""
    if model.device.type != "cpu":
        return Limits(tokens=GPU_TOKENS)
    if is_reordered:
        return Limits(tokens=SMALL_TOKENS, threads=1, workers=SMALL_WORKERS)
    return Limits(tokens=CPU_TOKENS, threads=THREADS)
