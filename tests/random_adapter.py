"""A LoRA adapter with random weights, written by peft as a training would write it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from models.loading import load


def write_adapter(folder: Path, model: str, targets: Sequence[str] | str = ("q_proj",), **how: Any) -> Path:
    """The folder; rank 4 and alpha 8 unless told, both halves random, so that it changes every answer."""
    from peft import LoraConfig, PeftModel

    chosen = targets if isinstance(targets, str) else list(targets)
    how = {"r": 4, "lora_alpha": 8, "init_lora_weights": False} | how
    config = LoraConfig(target_modules=chosen, **how)
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # as in models.adapters
        torch.manual_seed(0)
        wrapped = PeftModel(load(model, device="cpu").model, config)
        wrapped.save_pretrained(str(folder))
    return folder
