"""What a tab decodes with: the bundled model, or that model with parts that a visitor attached.

Parts are another model, an adapter, a UPS head (it decides which cells become masks again) and a reward
model. An attachment belongs to one browser tab: the page keeps its id, which cannot be guessed, and the
server the last few attachments by id. Other visitors and other browser tabs see nothing of it.
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
from models.checkpoint import ModelError
from models.loading import LoadedModel, load
from models.reward import LoadedReward, is_reward, load_reward
from models.text import token_pieces
from models.ups_head import UPSHead, load_ups_head
from samplers.requests import RequestError

MOST_ATTACHMENTS = 4
NAMES = {"model": "model", "adapter": "adapter", "head": "UPS head", "prm": "reward model"}
GONE = "what was attached is no longer in memory; detach it, and load the checkpoint again"


def parts_of(folder: Path) -> tuple[str, ...]:
    """The parts that a folder holds, as keys of NAMES; ModelError when it holds none."""
    parts = []
    if (folder / ADAPTER_FILE).is_file():
        parts.append("adapter")
    elif (folder / "config.json").is_file():
        parts.append("prm" if is_reward(str(folder)) else "model")
    if (folder / HEAD_FILE).is_file():
        parts.append("head")
    if not parts:
        files = f"config.json, {ADAPTER_FILE}, {HEAD_FILE}"
        raise ModelError(f"folder = {folder.name!r} holds nothing to attach; allowed: one with {files}")
    return tuple(parts)


@dataclass(frozen=True)
class Origin:
    """Where an attached part came from: its folder, and what the page calls it."""

    label: str
    folder: Path


@dataclass(frozen=True)
class Attached:
    """The bundled model with attached parts.

    loaded: the model to decode with, the bundled one or another; pieces: the bytes of its tokens; own_head,
    own_reward: None: not attached; origins: by part, a key of NAMES; problem: only for the bundled model.
    """

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
        """The attached head, else the bundled one, which only fits the bundled network."""
        bundled_head = self.bundled.ups_head if self.loaded is self.bundled.loaded else None
        return self.own_head or bundled_head

    @property
    def has_head(self) -> bool:
        """Whether there is a head. Does not load it."""
        return self.own_head is not None or (self.loaded is self.bundled.loaded and self.bundled.has_head)

    def steps_for(self, gen_length: int, block_length: int) -> int | None:
        """The steps that a bundled adapter was trained for; None without one."""
        adapter = self.origins.get("adapter")
        bundled_adapter = ADAPTERS.get(adapter.label) if adapter else None
        return bundled_adapter.steps_for(gen_length, block_length) if bundled_adapter else None

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
        """What is attached, in words: the one label that all parts have, or every part with its own."""
        labels = {origin.label for origin in self.origins.values()}
        if len(labels) == 1:
            return labels.pop()
        return ", ".join(f"{NAMES[part]} of {origin.label}" for part, origin in self.origins.items())

    @property
    def chip(self) -> str:
        """Name, device and precision for the page's header."""
        if self.loaded is None:
            return self.bundled.chip
        device, kind = self.loaded.device.split(":")[0].upper(), self.loaded.precision
        return f"{self.bundled.name} + {self.label} · {device} · {DTYPES.get(kind, kind)}"


Using = Bundled | Attached
"""What a tab decodes with. The two have the same properties."""


def attach(before: Using, folder: Path, label: str) -> Attached:
    """`before`, with the parts of a folder added. ModelError: a part does not fit.

    A head only fits the network that it was trained on: the bundled one, or the one in the same folder. So
    attaching a network drops an attached head, and attaching a head alone goes back to the bundled network.
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
        reward = load_reward(str(folder), device)
        reward.name = label
        now = replace(now, own_reward=reward)
    return replace(now, origins=origins | dict.fromkeys(parts, Origin(label, folder)))


def _network(bundled: Bundled, folder: Path, parts: tuple[str, ...], device: str, label: str) -> LoadedModel:
    """The network of a folder. An adapter is merged into a fresh copy: the bundled network stays as it is."""
    if "adapter" in parts:
        return replace(load_adapted(str(bundled.folder), str(folder), device), name=label)
    loaded = load(str(folder), device)
    if loaded.tokenizer is None:
        raise ModelError(f"model = {folder.name!r} has no tokenizer; allowed: one with a tokenizer")
    return replace(loaded, name=label)


class Attachments:
    """The last few attachments by id; the one not used for longest is forgotten when there are too many. An
    attached bundled adapter has its name as id, is shared by everybody and never forgotten."""

    def __init__(self, bundled: Bundled, most: int = MOST_ATTACHMENTS) -> None:
        self.bundled = bundled
        self._attached: Recent[str, Attached] = Recent(most)
        self._bundled: dict[str, Attached] = {}
        self._lock = threading.Lock()

    def using(self, attachment_id: str) -> Using:
        """What an id stands for; "" is the bundled model. RequestError: the attachment was forgotten."""
        if not attachment_id:
            return self.bundled
        attached = self._attached.get(attachment_id) or self._bundled.get(attachment_id)
        if attached is None:
            raise RequestError(GONE)
        return attached

    def using_or_bundled(self, attachment_id: str) -> Using:
        """As `using`, but the bundled model where the attachment was forgotten."""
        return self._attached.get(attachment_id) or self._bundled.get(attachment_id) or self.bundled

    def add_bundled(self, name: str) -> str:
        """Attach a bundled adapter, and nothing else; returns its id. ModelError: none of that name."""
        folders = self.bundled.adapters
        if name not in folders:
            raise ModelError(f"adapter = {name!r} is not at hand; allowed: {', '.join(folders)}")
        with self._lock:
            if name not in self._bundled:
                self._bundled[name] = attach(self.bundled, folders[name], name)
        return name

    def add(self, attachment_id: str, folder: Path, label: str) -> str:
        """Attach a folder's parts to what an id stands for, or to the bundled model if that was forgotten;
        returns the new id."""
        new_id = secrets.token_urlsafe(18)
        self._attached.put(new_id, attach(self.using_or_bundled(attachment_id), folder, label))
        return new_id
