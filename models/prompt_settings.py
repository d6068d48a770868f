"""What the prompts.json beside a model says: how each task is asked and decoded, and what a level changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def decode_settings(prompts: Mapping[str, Mapping[str, Any]], task: str, level: str = "") -> dict[str, Any]:
    """The decode settings of a task: its `settings`, with those of `levels` for the level where it has any.

    prompts: contents of prompts.json; {} for a task that it does not name.
    """
    entry = prompts.get(task, {})
    of_level = entry.get("levels", {}).get(level, {})
    return {**entry.get("settings", {}), **of_level.get("settings", {})}
