"""What a tab decodes with: the bundled model, or the same with what a visitor attached to it.

An attachment belongs to one browser tab: the page keeps an id that cannot be guessed, the server a
few attachments by id. What another visitor, or another tab of the same one, decodes with stays as it is.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from llada_viz.decoding.bundled import ADAPTERS, DTYPES, HEAD_FILE, Bundled
from llada_viz.decoding.recent import Recent
from models.adapters import CONFIG as ADAPTER_FILE
from models.adapters import load_adapted
from models.loading import LoadedModel, ModelError, load
from models.reward import LoadedReward, is_reward, load_reward
from models.text import token_pieces
from models.ups_head import UPSHead, load_ups_head
from samplers.requests import RequestError

MOST = 4
NAMES = {"model": "model", "adapter": "adapter", "head": "UPS head", "prm": "reward model"}
GONE = "what was attached is no longer in memory; detach it, and load the checkpoint again"


def parts_of(folder: Path) -> tuple[str, ...]:
    """What a folder holds that can be attached, of NAMES; ModelError when it holds none of them."""
    found = []
    if (folder / ADAPTER_FILE).is_file():
        found.append("adapter")
    elif (folder / "config.json").is_file():
        found.append("prm" if is_reward(str(folder)) else "model")
    if (folder / HEAD_FILE).is_file():
        found.append("head")
    if not found:
        files = f"config.json, {ADAPTER_FILE}, {HEAD_FILE}"
        raise ModelError(f"folder = {folder.name!r} holds nothing to attach; allowed: one with {files}")
    return tuple(found)


@dataclass(frozen=True)
class Origin:
    """Where an attached part came from: in words, and its folder."""

    label: str
    folder: Path


@dataclass(frozen=True)
class Attached:
    """The bundled model with other parts. origins: by part, of NAMES."""

    bundled: Bundled
    loaded: LoadedModel | None
    pieces: list[bytes]
    own_head: UPSHead | None = None
    own_reward: LoadedReward | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)
    problem: str = ""

    @property
    def name(self) -> str:
        return self.loaded.name if self.loaded else self.bundled.name

    @property
    def ups_head(self) -> UPSHead | None:
        """The attached head; the bundled one for the bundled network only."""
        theirs = self.bundled.ups_head if self.loaded is self.bundled.loaded else None
        return self.own_head or theirs

    @property
    def has_head(self) -> bool:
        """Whether there is a head, which is not loaded for the answer."""
        return self.own_head is not None or (self.loaded is self.bundled.loaded and self.bundled.has_head)

    def steps_for(self, gen_length: int, block_length: int) -> int | None:
        """The steps that a bundled adapter was trained for; None without one."""
        adapter = self.origins.get("adapter")
        known = ADAPTERS.get(adapter.label) if adapter else None
        return known.steps_for(gen_length, block_length) if known else None

    @property
    def rewards(self) -> tuple[str, ...]:
        own = (self.own_reward.name,) if self.own_reward else ()
        return (*own, *(name for name in self.bundled.rewards if name not in own))

    def reward(self, name: str) -> LoadedReward:
        """The reward model of a name among `rewards`."""
        if self.own_reward is not None and self.own_reward.name == name:
            return self.own_reward
        return self.bundled.reward(name)

    @property
    def label(self) -> str:
        """What is attached, in words: where all parts come from one place its name, else each part with its
        own."""
        labels = {origin.label for origin in self.origins.values()}
        if len(labels) == 1:
            return labels.pop()
        return ", ".join(f"{NAMES[part]} of {origin.label}" for part, origin in self.origins.items())

    @property
    def chip(self) -> str:
        """For the page's header."""
        if self.loaded is None:
            return self.bundled.chip
        device, kind = self.loaded.device.split(":")[0].upper(), self.loaded.dtype
        return f"{self.bundled.name} + {self.label} · {device} · {DTYPES.get(kind, kind)}"


Using = Bundled | Attached


def attach(before: Using, folder: Path, label: str) -> Attached:
    """What `before` is, with the parts of a folder. ModelError: one does not fit.

    A head goes with the network that it was trained on: the bundled one, or that of its own folder.
    Another network leaves an attached head out, and a head on its own an attached network.
    """
    bundled = before.bundled if isinstance(before, Attached) else before
    if bundled.loaded is None:
        raise ModelError(bundled.problem.rstrip("."))
    now = before if isinstance(before, Attached) else Attached(bundled, before.loaded, before.pieces)
    parts, device = parts_of(folder), bundled.loaded.device
    origins = {part: origin for part, origin in now.origins.items() if part not in parts}
    if "model" in parts or "adapter" in parts:
        origins = {part: origin for part, origin in origins.items() if part == "prm"}
        loaded = _network(bundled, folder, parts, device, label)
        now = replace(now, loaded=loaded, pieces=token_pieces(loaded.tokenizer), own_head=None)
    elif "head" in parts:
        origins = {part: origin for part, origin in origins.items() if part == "prm"}
        now = replace(now, loaded=bundled.loaded, pieces=bundled.pieces)
    if "head" in parts:
        assert now.loaded is not None
        head = load_ups_head(folder / HEAD_FILE, now.loaded.model.config.d_model).to(now.loaded.device)
        now = replace(now, own_head=head)
    if "prm" in parts:
        found = load_reward(str(folder), device)
        found.name = label
        now = replace(now, own_reward=found)
    return replace(now, origins=origins | dict.fromkeys(parts, Origin(label, folder)))


def _network(bundled: Bundled, folder: Path, parts: tuple[str, ...], device: str, label: str) -> LoadedModel:
    """A network of its own: an adapter is merged in place, and the bundled one must stay as it is."""
    if "adapter" in parts:
        return replace(load_adapted(str(bundled.folder), str(folder), device), name=label)
    loaded = load(str(folder), device)
    if loaded.tokenizer is None:
        raise ModelError(f"model = {folder.name!r} has no tokenizer; allowed: one with a tokenizer")
    return replace(loaded, name=label)


class Attachments:
    """The last attachments, by id. The oldest is forgotten when there are too many; bundled adapters, whose
    ids are their names, are for everybody and stay."""

    def __init__(self, bundled: Bundled, most: int = MOST) -> None:
        self.bundled = bundled
        self._known: Recent[str, Attached] = Recent(most)
        self._bundled: dict[str, Attached] = {}
        self._lock = threading.Lock()

    def using(self, known: str) -> Using:
        """What an id stands for; "" is the bundled model. RequestError: no longer known."""
        if not known:
            return self.bundled
        attached = self._known.get(known) or self._bundled.get(known)
        if attached is None:
            raise RequestError(GONE)
        return attached

    def known(self, known: str) -> Using:
        """As `using`, but the bundled model for an id that is no longer known."""
        return self._known.get(known) or self._bundled.get(known) or self.bundled

    def add_bundled(self, name: str) -> str:
        """Attach a bundled adapter, and nothing else; returns its id. ModelError: none of that name."""
        folders = self.bundled.adapters
        if name not in folders:
            raise ModelError(f"adapter = {name!r} is not at hand; allowed: {', '.join(folders)}")
        with self._lock:
            if name not in self._bundled:
                self._bundled[name] = attach(self.bundled, folders[name], name)
        return name

    def add(self, known: str, folder: Path, label: str) -> str:
        """Attach a folder's parts to what an id stands for, if that is still known, else to the
        bundled model; returns the new id."""
        fresh = secrets.token_urlsafe(18)
        self._known.put(fresh, attach(self.known(known), folder, label))
        return fresh
