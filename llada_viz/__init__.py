"""LLaDA Viz: how a masked-diffusion language model fills in its answer.

    import llada_viz as lv

    model = lv.load("tiny-llada")
    for event in lv.stream(model, "What is 3 + 4?", gen_length=32, block_length=8, steps=32): ...
    print(lv.decode(model, "What is 3 + 4?", sampler="low_confidence").text)

Importing this is fast: torch and everything else come with the first name that is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llada_viz.face import Decoded, decode, list_samplers, load, stream
    from samplers.events import (
        BlockScored,
        Branched,
        CandidateChosen,
        CandidatesForked,
        Cell,
        Deleted,
        Drafted,
        Edited,
        Event,
        Finished,
        Inserted,
        PolicyScored,
        Predicted,
        Remasked,
        Renoised,
        Started,
        Unmasked,
        Verified,
        WindowTriggered,
    )
    from samplers.recording.traces import Trace, TraceReader, open_trace, read_trace, write_trace

__version__ = "0.2.0"

__all__ = [
    "BlockScored", "Branched", "CandidateChosen", "CandidatesForked", "Cell", "Decoded", "Deleted",
    "Drafted", "Edited", "Event", "Finished", "Inserted", "PolicyScored", "Predicted", "Remasked",
    "Renoised", "Started", "Trace", "TraceReader", "Unmasked", "Verified", "WindowTriggered", "__version__",
    "decode", "list_samplers", "load", "open_trace", "read_trace", "stream", "write_trace",
]  # fmt: skip

_FACE = ("Decoded", "decode", "list_samplers", "load", "stream")
_TRACES = ("Trace", "TraceReader", "open_trace", "read_trace", "write_trace")


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = (
        "llada_viz.face"
        if name in _FACE
        else "samplers.recording.traces"
        if name in _TRACES
        else "samplers.events"
    )
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
