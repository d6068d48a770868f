"""Where the page runs: on somebody's machine, on a Hugging Face Space, on a Space with ZeroGPU."""

from __future__ import annotations

import os


def on_space() -> bool:
    """Whether a Hugging Face Space runs this: strangers may use the page."""
    return bool(os.environ.get("SPACE_ID"))


def on_zero_gpu() -> bool:
    """Whether the Space has ZeroGPU: a GPU for seconds, in a process of its own (`spaces` reads it so)."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
