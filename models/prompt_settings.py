"""What the prompts.json beside a model says: how each task is decoded, and what a level changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Prompts = Mapping[str, Mapping[str, Any]]
"""Contents of prompts.json, by task: `template`, `settings`, and `levels`, each with its own `settings`."""


def decode_settings(prompts: Prompts, task: str, level: str = "") -> dict[str, Any]:
    """The decode settings of a task, with those of the level where it has any; {} for a task without."""
    return {**prompts.get(task, {}).get("settings", {}), **level_settings(prompts, task, level)}


def level_settings(prompts: Prompts, task: str, level: str) -> dict[str, Any]:
    """The settings that a level has of its own; {} where it has none."""
    return dict(prompts.get(task, {}).get("levels", {}).get(level, {}).get("settings", {}))
