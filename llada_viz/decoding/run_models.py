"""Which model a run can be asked of again: the one that decoded it, while it is loaded; of a recorded run the
page's model, where it has the same name and the same words."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from llada_viz.decoding.attached import Using
from llada_viz.decoding.recent import Recent
from llada_viz.decoding.runs import MOST_RUNS, Run
from llada_viz.decoding.sharing import sharing_of
from llada_viz.host import on_zero_gpu
from models.loading import LoadedModel
from samplers.forwards.shared_forwards import Left
from samplers.network import ModelNetwork
from samplers.recording.traces import used_tokens
from samplers.requests import Tools, network_of

ON_ZERO_GPU = "On ZeroGPU the GPU is lent to whole runs only, so the network cannot be asked again here."
NO_MODEL = (
    "The model of this trace is not loaded. It can be replayed; to ask it, load {name} in the Models tab."
)
GOING_DOWN = "The server is going down."


class NotAsked(Exception):
    """A sentence: why the network is not asked."""


class RunModels:
    """The models that decode the page's runs; they are not kept in memory for that."""

    def __init__(self) -> None:
        self._models: Recent[str, weakref.ref[LoadedModel]] = Recent(MOST_RUNS)

    def remember(self, run: Run, loaded: LoadedModel) -> None:
        """The model that decodes a run."""
        self._models.put(run.id, weakref.ref(loaded))

    def of(self, run: Run, using: Using) -> LoadedModel:
        """The model to ask. using: what the page decodes with now. NotAsked: there is none, or it may not be
        asked here."""
        if on_zero_gpu():
            raise NotAsked(ON_ZERO_GPU)
        kept = self._models.get(run.id)
        loaded = kept() if kept is not None else None
        if loaded is None and fits(run, using):
            loaded = using.loaded
        if loaded is None:
            raise NotAsked(NO_MODEL.format(name=run.model or "it"))
        return loaded


def fits(run: Run, using: Using) -> bool:
    """Whether a run is of a model of this name, with the same mask and the same tokens. Its events come from
    anywhere: a token that the model has not must never reach it."""
    first, ours, loaded = run.events[0], using.pieces, using.loaded
    if loaded is None or not run.model or run.model != using.name:
        return False
    if getattr(first, "mask_id", None) != loaded.mask_id:
        return False
    if run.pieces is ours:
        return True
    theirs = run.pieces if isinstance(run.pieces, Mapping) else dict(enumerate(run.pieces))
    return all(
        0 <= token < len(ours) and theirs.get(token, ours[token]) == ours[token]
        for token in used_tokens(run.events)
    )


@contextmanager
def asked(loaded: LoadedModel, visitor: str) -> Iterator[ModelNetwork]:
    """The network for some passes, by turns with the runs that go on. visitor: who asks. NotAsked: the server
    is going down."""
    network = network_of(loaded, Tools(sharing=sharing_of(loaded)))
    place: Any = getattr(network, "place", None)
    if place is not None and visitor:
        place.owner = visitor
    try:
        yield network
    except Left:
        raise NotAsked(GOING_DOWN) from None
    finally:
        if place is not None:
            place.leave()
