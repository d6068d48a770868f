"""The AdamW optimizer of a recipe's parameter groups, in its fused form, the fastest on CPUs too."""

from __future__ import annotations

from typing import Any

import torch

from training.engine.recipe import Recipe


def adamw(recipe: Recipe) -> torch.optim.AdamW:
    """AdamW, with every group of the recipe split in two: matrices have weight decay, vectors have none.
    Both keep the group's `name` and `factor`. ValueError when no parameter learns."""
    settings = recipe.settings
    groups = [part for group in recipe.groups() for part in _by_decay(group, settings.weight_decay)]
    if not groups:
        raise ValueError("the recipe has no parameter that learns; allowed: one at least")
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, settings.beta2), fused=True)


def _by_decay(group: dict[str, Any], weight_decay: float) -> list[dict[str, Any]]:
    complete: dict[str, Any] = {"name": "all", "factor": 1.0, **group}
    parameters = list(complete.pop("params"))
    parts = [
        complete | {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        complete | {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return [part for part in parts if part["params"]]
