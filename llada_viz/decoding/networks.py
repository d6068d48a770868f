"""Networks by where they come from: whoever decodes with the same one shares it, and it goes with the last.

A `Sources` names a model with its parts by folders and ids, so that a job can load them, and the page later
again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from weakref import WeakValueDictionary

import torch

from models.adapters import load_adapted
from models.loading import LoadedModel, give_back_memory


@dataclass(frozen=True)
class Sources:
    """Model (a bundled name, a folder or a hub id), adapter and reward model (folders), the head's file; ""
    where there is none. revision, quantization, dtype, device_map, offload: how the model is loaded
    (models.loading)."""

    model: str
    adapter: str = ""
    ups_head: str = ""
    prm: str = ""
    revision: str = ""
    quantization: str = ""
    dtype: str = ""
    device_map: str = ""
    offload: str = ""

    @property
    def flags(self) -> list[str]:
        """As flags of `python -m evaluation`: --model=… and so on."""
        named = {"model": self.model, "adapter": self.adapter, "ups-head": self.ups_head, "prm": self.prm}
        named |= {"revision": self.revision, "quantization": self.quantization, "dtype": self.dtype}
        named |= {"device-map": self.device_map, "offload": self.offload}
        return [f"--{flag}={value}" for flag, value in named.items() if value]

    @property
    def network(self) -> Sources:
        """The model and its adapter alone."""
        return replace(self, ups_head="", prm="")


class Networks:
    """Loaded networks, each held by those who decode with it and by nobody else. One is loaded at a time."""

    def __init__(self) -> None:
        self._loaded: WeakValueDictionary[tuple[object, ...], LoadedModel] = WeakValueDictionary()
        self._lock = threading.Lock()

    def get(self, sources: Sources, device: str = "auto") -> LoadedModel:
        """The network of these sources, loaded if it is not there. ModelError: as models.loading; what was
        read of it until then is given back."""
        key = (sources.network, device, *_stamps(sources.model), *_stamps(sources.adapter))
        with self._lock:
            loaded = self._loaded.get(key)
            if loaded is None:
                try:
                    loaded = _load(sources, device)
                except BaseException:
                    give_back_memory()
                    raise
                self._loaded[key] = loaded
            return loaded

    def __len__(self) -> int:
        return len(self._loaded)


NETWORKS = Networks()
"""Of this process."""


def _load(sources: Sources, device: str) -> LoadedModel:
    dtype = getattr(torch, sources.dtype) if sources.dtype else None
    return load_adapted(
        sources.model, sources.adapter, device, dtype,
        revision=sources.revision, quantization=sources.quantization,
        device_map=sources.device_map, offload=sources.offload,
    )  # fmt: skip


def _stamps(folder: str) -> tuple[object, ...]:
    """What changes when a folder's files are written anew: a training may do so under the same name."""
    paths = sorted(Path(folder).iterdir()) if folder and Path(folder).is_dir() else []
    facts = [(path.name, path.stat()) for path in paths if path.is_file()]
    return tuple((name, fact.st_size, fact.st_mtime_ns) for name, fact in facts)
