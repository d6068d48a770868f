"""The optimizer of a recipe's parameter groups: AdamW in its fused form, the fastest on CPUs too, and Muon
for the groups that ask for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from training.engine.recipe import Recipe


class AdamWAndMuon(torch.optim.AdamW):
    """AdamW for most groups, torch's Muon for those with `muon`: matrices of hidden layers, whose steps are
    made orthogonal and as large as AdamW's, so that both share a learning rate (arXiv:2502.16982, 2.2). One
    optimizer, for a step, its rate and what a checkpoint keeps are one thing in the loop."""

    def __init__(self, groups: list[dict[str, Any]], **settings: Any) -> None:
        super().__init__(groups, **settings)
        matrices = [p for group in self.param_groups if group["muon"] for p in group["params"]]
        self._muon = torch.optim.Muon(matrices, adjust_lr_fn="match_rms_adamw") if matrices else None

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """See torch.optim.Optimizer."""
        groups = self.param_groups
        self.param_groups = [group for group in groups if not group["muon"]]
        try:
            loss = super().step(closure)
        finally:
            self.param_groups = groups
        if self._muon is not None:
            self._muon.state = self.state
            self._muon.param_groups = [
                self._muon.defaults | {name: group[name] for name in ("params", "lr", "weight_decay")}
                for group in groups
                if group["muon"]
            ]
            self._muon.step()  # type: ignore[no-untyped-call]
        return loss


def optimizer_of(recipe: Recipe) -> AdamWAndMuon:
    """The optimizer, with every group of the recipe split in two: matrices have weight decay, vectors have
    none. Both keep the group's `name` and `factor`. ValueError when no parameter learns."""
    settings = recipe.settings
    groups = [part for group in recipe.groups() for part in _by_decay(group, settings.weight_decay)]
    if not groups:
        raise ValueError("the recipe has no parameter that learns; allowed: one at least")
    return AdamWAndMuon(groups, lr=settings.learning_rate, betas=(0.9, settings.beta2), fused=True)


def _by_decay(group: dict[str, Any], weight_decay: float) -> list[dict[str, Any]]:
    complete: dict[str, Any] = {"name": "all", "factor": 1.0, "muon": False, **group}
    parameters = list(complete.pop("params"))
    parts = [
        complete | {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        complete | {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0, "muon": False},
    ]
    return [part for part in parts if part["params"]]
