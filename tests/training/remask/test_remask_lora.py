"""Remask LoRA: who learns in which step, at which rate, and what is left behind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models.adapters import load_adapted
from models.ups_head import load_ups_head
from samplers.settings import SettingError
from tests.networks import VECTORS
from training.engine.loop import Engine
from training.engine.placement import accelerator_for
from training.engine.settings import RunArguments
from training.remask.lora_objective import POLICY, TOKENS, RemaskLora, RemaskLoraSettings, learners

BUNDLED = str(VECTORS.parents[1] / "assets" / "models" / "tiny-llada")
ARGUMENTS = RunArguments(BUNDLED, ("linear",), device="cpu")
SMALL = RemaskLoraSettings(
    max_steps=6, batch_size=4, log_every=1, save_every=100, samples=0, warmup=0, decay=0.0,
    learning_rate=1e-3, lora_r=2, weight_decay=0.5,
)  # fmt: skip


def run(out: Path, settings: RemaskLoraSettings, arguments: RunArguments = ARGUMENTS) -> RemaskLora:
    recipe = RemaskLora(arguments, settings)
    out.mkdir(parents=True, exist_ok=True)
    Engine(recipe, out, accelerator_for(recipe, "cpu")).run()
    return recipe


def state(recipe: RemaskLora, part: str) -> dict[str, torch.Tensor]:
    return {n: t.clone() for n, t in recipe.module.state_dict().items() if part in n}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(("mode", "adapter_learns", "head_learns"), [
    ("joint", True, True), ("tps-only", True, False), ("ups-only", False, True),
    ("alternating", True, True),
])  # fmt: skip
def test_only_those_of_the_mode_learn(
    tmp_path: Path, mode: str, adapter_learns: bool, head_learns: bool
) -> None:
    settings = replace(SMALL, train_mode=mode)
    before, after = RemaskLora(ARGUMENTS, settings), run(tmp_path, settings)
    assert same(state(before, ".lora_"), state(after, ".lora_")) != adapter_learns
    assert same(state(before, "head."), state(after, "head.")) != head_learns
    assert same(state(before, "base_layer"), state(after, "base_layer"))


def test_alternating_is_four_to_one() -> None:
    settings = replace(SMALL, train_mode="alternating")
    turns = [learners(settings, step) for step in range(50)]
    assert turns.count((TOKENS,)) == 40 and turns.count((POLICY,)) == 10
    assert turns[:5] == [(TOKENS,)] * 4 + [(POLICY,)]
    assert learners(replace(settings, alt_ratio=1), 3) == (POLICY,)


def test_in_a_turn_only_one_of_them_changes() -> None:
    recipe = RemaskLora(ARGUMENTS, replace(SMALL, train_mode="alternating"))
    for step, (tokens, policy) in {0: (1.0, 0.0), 4: (0.0, 1.0)}.items():
        recipe.before(step)
        assert (recipe.module.tokens_weight, recipe.module.policy_weight) == (tokens, policy)
        assert [recipe.learns(step, name) for name in (TOKENS, POLICY)] == [bool(tokens), bool(policy)]


def test_the_head_has_a_rate_of_its_own() -> None:
    recipe = RemaskLora(ARGUMENTS, replace(SMALL, ups_rate_factor=3.0))
    rates = {group["name"]: group["factor"] for group in recipe.groups()}
    assert rates == {TOKENS: 1.0, POLICY: 3.0}
    sizes = {group["name"]: len(list(group["params"])) for group in recipe.groups()}
    assert sizes == {TOKENS: 5 * 7 * 2, POLICY: 2}
    assert RemaskLoraSettings().learning_rate * RemaskLoraSettings().ups_rate_factor == pytest.approx(1e-4)


def test_what_is_left_decodes_and_is_gone_on_from(tmp_path: Path) -> None:
    recipe = run(tmp_path / "first", SMALL)
    final = tmp_path / "first" / "final"
    names = {"adapter_config.json", "adapter_model.safetensors", "ups_head.safetensors"}
    assert {f.name for f in final.iterdir()} == names
    ids = torch.arange(40)[None]
    merged = load_adapted(BUNDLED, str(final), device="cpu", dtype=torch.float32).model
    with torch.no_grad():
        wanted = recipe.loaded.model.eval()(ids).logits
        torch.testing.assert_close(merged(ids).logits, wanted, atol=1e-3, rtol=1e-3)
    head = load_ups_head(final / "ups_head.safetensors", 256)
    assert same(dict(head.state_dict()), dict(recipe.head.state_dict()))
    arguments = replace(ARGUMENTS, load_lora=str(final), load_ups_head=str(final / "ups_head.safetensors"))
    again = RemaskLora(arguments, replace(SMALL, lora_r=0))
    assert same(state(recipe, ".lora_"), state(again, ".lora_"))
    assert same(state(recipe, "head."), state(again, "head."))


def test_the_losses_are_logged_apart(tmp_path: Path) -> None:
    run(tmp_path, replace(SMALL, max_steps=2, accumulate=2))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        assert line["loss"] == pytest.approx(line["token_loss"] + line["policy_loss"], abs=1e-4)
    assert load_file(tmp_path / "checkpoints" / "step-2" / "ups_head.safetensors")


def test_no_rank_and_no_adapter_is_an_error() -> None:
    with pytest.raises(SettingError, match="lora_r = 0 .*allowed: above 0, or --load-lora"):
        RemaskLora(ARGUMENTS, replace(SMALL, lora_r=0))
