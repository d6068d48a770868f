"""What a tab decodes with: the bundled model, or that model with parts that a visitor attached.

Parts are another model, an adapter, a UPS head (it decides which cells become masks again) and a reward
model. An attachment belongs to one browser tab: the page keeps its id, which cannot be guessed, and the
server the last few attachments by id. Other visitors and other browser tabs see nothing of it.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from llada_viz.decoding.bundled import ADAPTERS, DTYPES, HEAD_FILE, Bundled
from llada_viz.decoding.networks import NETWORKS, Sources
from llada_viz.decoding.recent import Recent
from models.adapters import CONFIG as ADAPTER_FILE
from models.checkpoint import ModelError
from models.loading import LoadedModel, give_back_memory
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
    own_reward: None: not attached; origins: by part, a key of NAMES; source: where `loaded` was read from;
    problem: only for the bundled model.
    """

    bundled: Bundled
    loaded: LoadedModel | None
    pieces: list[bytes]
    own_head: UPSHead | None = None
    own_reward: LoadedReward | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)
    source: Sources = Sources("")
    problem: str = ""

    @property
    def name(self) -> str:
        """Of the network, for traces and sentences."""
        parts = [self.origins[part].label for part in ("model", "adapter") if part in self.origins]
        return " + ".join(parts) or (self.loaded.name if self.loaded else self.bundled.name)

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

    def prompt_settings(self, prompt: str) -> dict[str, Any]:
        """Settings that only this prompt needs, of the bundled network; {} for most."""
        return {} if "model" in self.origins else self.bundled.prompt_settings(prompt)

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
    def device(self) -> str:
        """Where the network is: as a name of a device, without the processes' numbers of a CPU."""
        return self.loaded.device if self.loaded else "auto"

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
        labels = dict.fromkeys(origin.label for origin in self.origins.values())
        own = [self.origins["model"].label] if "model" in self.origins else [self.bundled.name]
        parts = " + ".join(dict.fromkeys([*own, *labels]))
        return f"{parts} · {device} · {DTYPES.get(kind, kind)}"


Using = Bundled | Attached
"""What a tab decodes with. The two have the same properties."""


def attach(
    before: Using, folder: Path, label: str, here: bool = False, base: Sources | None = None
) -> Attached:
    """`before`, with the parts of a folder added. ModelError: a part does not fit.

    A head or an adapter only fits the network that it was trained on. here: that is said to be the one that
    is in use; otherwise it is `base` (None: the bundled one), or the one in the same folder: so attaching a
    network drops an attached head, and attaching a head alone goes back to the base.
    """
    now, bundled = _as_attached(before), _as_attached(before).bundled
    assert bundled.loaded is not None
    parts = parts_of(folder)
    origins = {part: origin for part, origin in now.origins.items() if part not in parts}
    if "model" in parts or "adapter" in parts:
        source = Sources(str(folder))
        if "adapter" in parts:
            trained_on = now.source if here else base or Sources(str(bundled.folder))
            source = replace(trained_on, adapter=str(folder))
        kept = ("prm", "model") if here and "adapter" in parts else ("prm",)
        origins = {part: origin for part, origin in origins.items() if part in kept}
        now = _with_network(now, source, now.device if here else bundled.loaded.device)
    elif "head" in parts and not here:
        origins = {part: origin for part, origin in origins.items() if part == "prm"}
        now = replace(_as_attached(bundled), own_reward=now.own_reward)
        if base is not None:
            now = _with_network(now, base, bundled.loaded.device)
    if base is not None and not here and "model" not in parts and {"adapter", "head"} & {*parts}:
        origins["model"] = Origin(Path(base.model).name, Path(base.model))
    if "head" in parts:
        assert now.loaded is not None
        head = load_ups_head(folder / HEAD_FILE, now.loaded.model.config.d_model).to(now.loaded.device)
        now = replace(now, own_head=head)
    if "prm" in parts:
        reward = load_reward(str(folder), now.device)
        reward.name = label
        now = replace(now, own_reward=reward)
    return replace(now, origins=origins | dict.fromkeys(parts, Origin(label, folder)))


def with_model(before: Using, source: Sources, device: str, label: str) -> Attached:
    """`before` with another network, which has no head; the reward model stays. ModelError: it cannot be
    loaded, or would not fit."""
    now = _as_attached(before)
    origins = {part: origin for part, origin in now.origins.items() if part == "prm"}
    now = _with_network(now, source, device)
    return replace(now, origins={"model": Origin(label, Path(source.model)), **origins})


def without(before: Using, part: str) -> Using:
    """`before` without one of its parts, a key of NAMES; without all of them it is the bundled model.
    Without a model or an adapter, what was trained on it goes too."""
    if not isinstance(before, Attached) or part not in before.origins:
        return before
    gone = {"model": ("model", "adapter", "head"), "adapter": ("adapter", "head")}.get(part, (part,))
    origins = {name: origin for name, origin in before.origins.items() if name not in gone}
    now, bundled = before, before.bundled
    if not origins:
        return bundled
    if "model" in gone or ("adapter" in gone and "model" not in origins):
        now = replace(_as_attached(bundled), own_reward=now.own_reward)
    elif "adapter" in gone:
        now = _with_network(now, replace(now.source, adapter=""), now.device)
    head, reward = ("head" in origins, "prm" in origins)
    return replace(
        now, origins=origins, own_head=now.own_head if head else None,
        own_reward=now.own_reward if reward else None,
    )  # fmt: skip


def _as_attached(using: Using) -> Attached:
    """The same, as something that parts can be added to. ModelError: the bundled model is not there."""
    if isinstance(using, Attached):
        return using
    if using.loaded is None:
        raise ModelError(using.problem.rstrip("."))
    return Attached(using, using.loaded, using.pieces, source=Sources(str(using.folder)))


def _with_network(now: Attached, source: Sources, device: str) -> Attached:
    """With the network of a source, and no head."""
    loaded = NETWORKS.get(source, device)
    if loaded.tokenizer is None:
        name = Path(source.model).name
        raise ModelError(f"model = {name!r} has no tokenizer; allowed: one with a tokenizer")
    pieces = token_pieces(loaded.tokenizer)
    return replace(now, loaded=loaded, pieces=pieces, own_head=None, source=source)


class Attachments:
    """The last few attachments by id; the one not used for longest is forgotten when there are too many. An
    attached bundled adapter has its name as id, is shared by everybody and never forgotten."""

    def __init__(self, bundled: Bundled, most: int = MOST_ATTACHMENTS) -> None:
        self.bundled = bundled
        self._attached: Recent[str, Attached] = Recent(most)
        self._bundled: dict[str, Attached] = {}
        self._owners: dict[str, str] = {}  # attachment -> the visitor whose tab uses it
        self._gone: set[str] = set()
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

    def add(
        self, attachment_id: str, folder: Path, label: str, here: bool = False, base: Sources | None = None
    ) -> str:
        """Attach a folder's parts to what an id stands for, or to the bundled model if that was forgotten;
        returns the new id, which replaces the old one. here, base: as in `attach`."""
        return self._replace(attachment_id, lambda before: attach(before, folder, label, here, base))

    def add_model(self, attachment_id: str, source: Sources, device: str, label: str) -> str:
        """As `add`, with another network."""
        self.forget_left()
        return self._replace(attachment_id, lambda before: with_model(before, source, device, label))

    def remove(self, attachment_id: str, part: str) -> str:
        """Take away a part, a key of NAMES; returns the new id, "" for the bundled model."""
        return self._replace(attachment_id, lambda before: without(before, part))

    def _replace(self, old_id: str, change: Callable[[Using], Using]) -> str:
        """Keep what a change makes of an attachment, and forget the attachment; if it fails, nothing is."""
        made = change(self.using_or_bundled(old_id))
        new_id = ""
        if isinstance(made, Attached):
            new_id = secrets.token_urlsafe(18)
            self._attached.put(new_id, made)
        self.forget(old_id)
        return new_id

    def forget(self, attachment_id: str) -> None:
        """A browser tab no longer uses it: its memory is free once its runs have ended."""
        if self._attached.pop(attachment_id) is not None:
            self._owners.pop(attachment_id, None)
            give_back_memory()

    def belongs_to(self, attachment_id: str, visitor: str) -> None:
        """A visitor's tab uses it. visitor: their session."""
        if attachment_id and visitor:
            self._owners[attachment_id] = visitor
            self._gone.discard(visitor)

    def leave(self, visitor: str) -> None:
        """A visitor has left the page, perhaps to come back: what they attached goes when room is needed."""
        self._gone.add(visitor)

    def forget_left(self) -> None:
        """Make room: forget what visitors attached who have left."""
        for attachment_id in [i for i, visitor in list(self._owners.items()) if visitor in self._gone]:
            self.forget(attachment_id)
        self._gone.clear()
