"""A visitor's own presets: names and set-ups, kept in the browser, so that nothing here is trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llada_viz.decoding.setup_link import LONGEST_LINK, to_link
from llada_viz.decoding.setups import Setup
from samplers.requests import RequestError

MOST, LONGEST_NAME = 50, 60


def own_presets(text: Any) -> dict[str, str]:
    """Name -> text of a set-up link, as the browser kept them. What is no preset is left out."""
    try:
        kept = json.loads(text) if isinstance(text, str) and len(text) <= MOST * LONGEST_LINK else {}
    except (ValueError, RecursionError):
        kept = {}
    pairs = kept.items() if isinstance(kept, dict) else ()
    return {name: link for name, link in list(pairs)[:MOST] if _is_name(name) and _is_link(link)}


def with_preset(kept: Mapping[str, str], name: str, setup: Setup) -> dict[str, str]:
    """The presets with one more, or with another set-up under a name that is there; the prompt is no part of
    it. RequestError: a name that cannot be used, or too many presets."""
    name = " ".join(name.split())
    if not _is_name(name):
        most = f"at most {LONGEST_NAME} characters"
        raise RequestError(f"name = {name[:80]!r}; allowed: {most}", f"Give the preset a name, {most}.")
    if len(kept) >= MOST and name not in kept:
        raise RequestError(f"{MOST} presets are kept", f"{MOST} presets are kept: delete one first.")
    return {**kept, name: to_link(replace(setup, prompt="", earlier=()))}


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable()


def _is_link(link: Any) -> bool:
    return isinstance(link, str) and 0 < len(link) <= LONGEST_LINK
