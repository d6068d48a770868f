"""The registry of samplers: forms, command-line flags, docs and tests are generated from it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Generator, Mapping
from dataclasses import Field, dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, TypeVar

from samplers.canvas import Canvas
from samplers.denoiser import Denoiser
from samplers.events import Event
from samplers.network import Network
from samplers.scoring import Scorer
from samplers.settings import Described, SettingError, describe, parse


@dataclass(frozen=True)
class Needs:
    """What a sampler needs besides a plain network. scorer: a judge of unfinished answers; head: a
    network with a UPS head; shadow: a network that can see a block twice; mask: a canvas with masks, for
    it puts masks back; noise: a canvas of noise, for it puts noise back."""

    scorer: bool = False
    head: bool = False
    shadow: bool = False
    mask: bool = False
    noise: bool = False


class Sampler(Protocol):
    """A frozen dataclass: its fields are its settings. Called, it fills a canvas and yields events."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    name: ClassVar[str]

    @property
    def steps(self) -> int: ...

    @property
    def gen_length(self) -> int: ...

    @property
    def block_length(self) -> int: ...

    @property
    def needs(self) -> Needs:
        """What a run with these settings needs."""
        ...

    def open_from(self, block: int) -> int:
        """The first block in which a decided token may still change from when `block` is begun; the number of
        blocks where none ever does."""
        ...

    def denoiser(self, network: Network) -> Denoiser:
        """The denoiser these settings ask for; SettingError when the network lacks what is needed."""
        ...

    def __call__(
        self, denoise: Denoiser, canvas: Canvas, score: Scorer | None = None
    ) -> Generator[Event, None, Canvas]:
        """SettingError before the first forward for a denoiser, canvas or scorer that does not fit."""
        ...


NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Entry:
    """One registered sampler. with_head: the settings with which it uses a UPS head; often none."""

    name: str
    title: str
    summary: str
    paper: str
    cls: type[Sampler]
    aliases: tuple[str, ...]
    with_head: Mapping[str, Any]

    @property
    def settings(self) -> list[Described]:
        return describe(self.cls)

    @property
    def needs(self) -> Needs:
        """What a run with the default settings needs."""
        return self.cls().needs

    @property
    def without_head(self) -> dict[str, Any]:
        """The settings of `with_head` at their defaults."""
        return {s.name: s.default for s in self.settings if s.name in self.with_head}


class UnknownSampler(ValueError):
    """No sampler of that name; the message lists all there are."""


SAMPLERS: dict[str, Entry] = {}
_S = TypeVar("_S", bound=Sampler)

# Spellings of the papers' repositories -> (our name, translation of values).
OFFICIAL: dict[str, tuple[str, Mapping[str, str]]] = {
    "remasking": ("confidence", {"low_confidence": "probability", "random": "random"}),
    "alg": ("confidence", {"topk_margin": "margin", "maskgit_plus": "probability"}),
    "cfg": ("cfg_scale", {}),
    "temp": ("temperature", {}),
    "max_new_tokens": ("gen_length", {}),
}


def register(
    name: str,
    title: str,
    summary: str,
    paper: str,
    aliases: tuple[str, ...] = (),
    with_head: Mapping[str, Any] = NOTHING,
) -> Callable[[type[_S]], type[_S]]:
    """Class decorator: register a settings dataclass as the sampler `name`; the arguments are Entry's."""

    def add(cls: type[_S]) -> type[_S]:
        SAMPLERS[name] = Entry(name, title, summary, paper, cls, aliases, with_head)
        cls.name = name
        return cls

    return add


def entry(name: str) -> Entry:
    """The entry of a name or alias."""
    for registered in SAMPLERS.values():
        if name == registered.name or name in registered.aliases:
            return registered
    raise UnknownSampler(f"sampler = {name!r} is not known; allowed: {', '.join(SAMPLERS)}")


def head_users() -> list[Entry]:
    """The samplers that can use a UPS head."""
    return [each for each in SAMPLERS.values() if each.with_head]


def canonical(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Our names for official spellings; giving both is an error."""
    result: dict[str, Any] = {}
    for key, value in settings.items():
        name, values = OFFICIAL.get(key, (key, {}))
        if name in result:
            raise SettingError(key, value, f"either {key} or {name}, not both")
        result[name] = values.get(value, value) if isinstance(value, str) else value
    return result


def make(name: str, settings: Mapping[str, Any]) -> Sampler:
    """A sampler from plain values; SettingError names an unknown field or a bad value."""
    registered = entry(name)
    field_names = {f.name for f in fields(registered.cls)}
    plain = canonical(settings)
    for key, value in plain.items():
        if key not in field_names:
            allowed = f"a setting of {registered.name}: {', '.join(sorted(field_names))}"
            raise SettingError(key, value, allowed, advice=_unknown(registered, key))
    return registered.cls(**plain)


def parse_settings(name: str, pairs: list[str]) -> dict[str, Any]:
    """`key=value` texts to typed settings, official spellings accepted."""
    by_name = {d.name: d for d in entry(name).settings}
    texts: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise SettingError("set", pair, "key=value", advice=f"write {_example(by_name, key.strip())}.")
        texts[key.strip()] = value.strip()
    plain = canonical(texts)
    for key, value in plain.items():
        if key not in by_name:
            allowed = f"a setting of {name}: {', '.join(by_name)}"
            raise SettingError(key, value, allowed, advice=_unknown(entry(name), key))
    return {key: parse(by_name[key], str(value)) for key, value in plain.items()}


def _example(by_name: Mapping[str, Described], key: str) -> str:
    """How a setting is written: "temperature=0.5"."""
    if key not in by_name:
        return "name=value, for instance temperature=0.5"
    return f"{key}={0.5 if by_name[key].type is float else by_name[key].default}"


def _unknown(sampler: Entry, key: str) -> str:
    """What the page says of a setting that a sampler does not have."""
    names = [d.name for d in sampler.settings]
    near = difflib.get_close_matches(key, names, 1)
    hint = f"Did you mean {near[0]}?" if near else f"It has: {', '.join(names)}."
    return f"{sampler.title} has no setting {key}. {hint}"
