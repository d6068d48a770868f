"""A set-up as the text of a link, and back. Links come from strangers: what is not valid in one is left out,
and said."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any

from llada_viz.decoding.model_choice import is_bundled
from llada_viz.decoding.networks import Sources
from llada_viz.decoding.setups import MOST_PROMPT, Setup
from samplers.registry import SAMPLERS, entry, make
from samplers.settings import SettingError, sentence_of

VERSION = 1
LONGEST_LINK = 6_000
"""Characters: browsers and servers take addresses of 8,000."""
LONGEST_TEXT = 1 << 16
"""Bytes of a set-up, unpacked."""
PARTS = ("adapter", "ups_head", "prm")


class LinkError(ValueError):
    """A set-up that fits into no link, or a text that is none; the message is a sentence."""


def to_link(setup: Setup) -> str:
    """The text of `?setup=…`. Of the model and its parts only bundled ones and hub ids are told, no folders.
    LinkError: a conversation, or a prompt that is too long."""
    if setup.earlier:
        raise LinkError("A link holds one question, not a conversation: save the trace instead.")
    data: dict[str, Any] = {"v": VERSION, "p": setup.prompt, "s": setup.sampler, "o": dict(setup.settings)}
    data |= {"n": setup.seed, "c": setup.constraints, "r": setup.scorer, "m": _told(setup.sources)}
    text = json.dumps({k: v for k, v in data.items() if v not in ("", 0, {})}, ensure_ascii=False)
    link = base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")
    if len(link) > LONGEST_LINK:
        raise LinkError("This prompt is too long for a link: save the trace instead.")
    return link


def from_link(link: str) -> tuple[Setup, list[str]]:
    """The set-up, and a sentence for each thing in it that is not valid here and was left out. LinkError: the
    text holds no set-up."""
    data = _unpacked(link)
    if data.get("v") != VERSION:
        raise LinkError("This link was made by another version of LLaDA Viz.")
    prompt, sampler, notes = data.get("p", ""), data.get("s"), []
    if not isinstance(prompt, str) or len(prompt) > MOST_PROMPT:
        raise LinkError("The question of this link cannot be read.")
    if not isinstance(sampler, str) or sampler not in SAMPLERS:
        notes.append(f"Sampler {str(sampler)[:40]} is not known here.")
        sampler = next(iter(SAMPLERS))
    settings, left_out = _valid(sampler, data.get("o", {}))
    seed = data.get("n", 0)
    if type(seed) is not int or not 0 <= seed < 2**63:
        notes.append("Its seed is out of range: 0 is used.")
        seed = 0
    texts = {name: data.get(name, "") for name in ("c", "r")}
    if not all(isinstance(text, str) and len(text) <= MOST_PROMPT for text in texts.values()):
        raise LinkError("This link cannot be read.")
    sources, unknown = _sources(data.get("m", {}))
    found = Setup(prompt, sampler, settings, seed, texts["c"], texts["r"], (), sources)
    return found, notes + left_out + unknown


def _told(sources: Sources) -> dict[str, str]:
    """What a stranger could have too."""
    told = {name: getattr(sources, name) for name in PARTS if is_bundled(getattr(sources, name))}
    model = sources.model
    return told | ({} if model == "tiny-llada" else {"model": model} if _is_public(model) else {})


def _is_public(model: str) -> bool:
    """A bundled name, or the shape of a hub id: owner/name."""
    return is_bundled(model) or (model.count("/") == 1 and not model.startswith(("/", ".", "~")))


def _unpacked(link: str) -> Mapping[str, Any]:
    try:
        if len(link) > LONGEST_LINK:
            raise ValueError("too long")
        packed = base64.b64decode(link + "=" * (-len(link) % 4), altchars=b"-_", validate=True)
        text = zlib.decompressobj().decompress(packed, LONGEST_TEXT)
        data = json.loads(text)
    except (ValueError, binascii.Error, zlib.error, RecursionError):
        raise LinkError("This link cannot be read: it was cut short or changed.") from None
    if not isinstance(data, dict):
        raise LinkError("This link cannot be read: it was cut short or changed.")
    return data


def _valid(sampler: str, given: Any) -> tuple[dict[str, Any], list[str]]:
    """The settings that the sampler takes together, and sentences on the others. All fall where they do not
    go together."""
    known = {d.name: d for d in entry(sampler).settings}
    settings, notes = {}, []
    for name, value in given.items() if isinstance(given, dict) else ():
        right = known[name].type if name in known else None
        whole = type(value) is int and right is float
        if right is None or not (type(value) is right or whole):
            notes.append(f"{entry(sampler).title} has no setting {str(name)[:40]} of that kind.")
        else:
            settings[name] = float(value) if whole else value
    try:
        make(sampler, settings)
    except SettingError as error:
        notes.append(f"Its settings were left out. {sentence_of(error)}")
        return {}, notes
    return settings, notes


def _sources(given: Any) -> tuple[Sources, list[str]]:
    told = given if isinstance(given, dict) else {}
    parts: dict[str, str] = {}
    notes = []
    for name in ("model", *PARTS):
        value = told.get(name, "")
        if not isinstance(value, str) or len(value) > 200 or not (value == "" or _is_public(value)):
            notes.append(f"Its {name.replace('_', ' ')} cannot be had here.")
        elif value:
            parts[name] = value
    return Sources(parts.pop("model", "tiny-llada"), **parts), notes
