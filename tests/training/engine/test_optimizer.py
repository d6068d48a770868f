"""AdamW for most groups and Muon for those that ask for it, in one optimizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.toy import Toy, engine_of, same, toy_settings
from training.engine.optimizer import optimizer_of


class Muons(Toy):
    """The toy whose body learns by Muon."""

    def groups(self) -> list[dict[str, Any]]:
        return [group | {"muon": group["name"] == "body"} for group in super().groups()]


def test_each_group_learns_as_with_the_library_s_optimizer_of_its_own() -> None:
    settings = toy_settings(weight_decay=0.1, learning_rate=0.02)
    torch.manual_seed(0)
    recipe = Muons(settings)
    torch.manual_seed(0)
    twin = Muons(settings)
    ours = optimizer_of(recipe)
    rate = {g["name"]: settings.learning_rate for g in ours.param_groups}
    hidden = [p for name, p in twin.module.named_parameters() if name.startswith("body.") and p.ndim > 1]
    others = [p for p in twin.module.parameters() if p.ndim > 1 and all(p is not h for h in hidden)]
    vectors = [p for p in twin.module.parameters() if p.ndim <= 1]
    muon = torch.optim.Muon(hidden, lr=rate["body"], weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(
        [{"params": others, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
        lr=settings.learning_rate,
        betas=(0.9, settings.beta2),
        fused=True,
    )
    optimizers: list[torch.optim.Optimizer] = [ours, muon, adamw]
    for step in range(3):
        for model in (recipe.module, twin.module):
            for number, parameter in enumerate(model.parameters()):
                generator = torch.Generator().manual_seed(100 * step + number)
                parameter.grad = torch.randn(parameter.shape, generator=generator)
        for optimizer in optimizers:
            optimizer.step()
    for mine, wanted in zip(recipe.module.parameters(), twin.module.parameters(), strict=True):
        assert torch.equal(mine, wanted)
    kept = {name: set(ours.state[p]) for name, p in recipe.module.named_parameters() if p.ndim > 1}
    assert kept["body.0.weight"] == {"momentum_buffer"}
    assert kept["head.weight"] == {"step", "exp_avg", "exp_avg_sq"}


@pytest.mark.parametrize("at", [7, 14])
def test_a_run_with_muon_is_resumed_exactly(tmp_path: Path, at: int) -> None:
    engine_of(Muons(toy_settings(ema=0.9)), tmp_path / "whole").run()
    engine = engine_of(Muons(toy_settings(ema=0.9)), tmp_path / "cut")
    while engine.step < at:
        engine.one_step()
        engine._after_step()
    again = engine_of(Muons(toy_settings(ema=0.9)), tmp_path / "cut")
    assert again.resume() and again.step == at
    again.run()
    same(tmp_path / "whole", tmp_path / "cut")
