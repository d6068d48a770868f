"""Where the page runs: on somebody's own machine, or where strangers may use it; on a Space with ZeroGPU."""

from __future__ import annotations

import os

PUBLIC = "LLADA_VIZ_PUBLIC"
OPEN_MODELS = "LLADA_VIZ_OPEN_MODELS"


def public_host() -> bool:
    """Whether strangers may use the page: on a Hugging Face Space, or where LLADA_VIZ_PUBLIC says so."""
    return bool(os.environ.get("SPACE_ID")) or os.environ.get(PUBLIC, "") not in ("", "0", "false")


def on_zero_gpu() -> bool:
    """Whether the Space has ZeroGPU: a GPU for seconds, in a process of its own (`spaces` reads it so)."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def models_open() -> bool:
    """Whether visitors may load what they name, from a folder or from the hub: on somebody's own machine,
    and on a public host where LLADA_VIZ_OPEN_MODELS says so. Not on ZeroGPU, whose workers are older."""
    if on_zero_gpu():
        return False
    return not public_host() or os.environ.get(OPEN_MODELS, "") not in ("", "0", "false")
