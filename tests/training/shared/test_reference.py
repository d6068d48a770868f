"""The reference of DPO and GRPO is the policy that training began with, a loaded adapter included."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from models.adapters import WEIGHTS, load_adapted
from models.loading import load
from tests.random_adapter import write_adapter
from tests.training.small_model import small_folder
from tests.training.toy import engine_of, lines
from training.dpo.objective import DPO
from training.dpo.settings import DPOSettings
from training.engine.settings import RunArguments
from training.grpo.objective import GRPO, GRPOSettings
from training.shared.questions import Question
from training.shared.reference import REFERENCE, hold_reference, reference_of

IDS = torch.arange(10, 40)[None]
QUICK = {"max_steps": 4, "batch_size": 8, "accumulate": 2, "learning_rate": 1e-2, "warmup": 0, "log_every": 1,
         "max_length": 256, "samples": 0, "precision": "no",
         "lora_dropout": 0.3, "save_every": 2, "decay": 0.0}  # fmt: skip
GROUPS = {"inner": 2, "group_size": 4, "gen_length": 16, "rollout_steps": 4, "temperature": 1.0}


class LengthRewards:
    """The longer the better."""

    def __call__(self, questions: Sequence[Question], texts: Sequence[str]) -> list[float | None]:
        return [float(len(text)) for text in texts]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def adapter(model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_adapter(tmp_path_factory.mktemp("adapter") / "mine", model, ["q_proj", "up_proj"]))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    rows = [{"prompt": f"{n} + 1?", "chosen": f"It is {n + 1}", "rejected": f"{n}"} for n in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def dpo(model: str, pairs: str, adapter: str, **changes: object) -> DPO:
    settings = DPOSettings(**(QUICK | {"timesteps": 2} | changes))  # type: ignore[arg-type]
    return DPO(RunArguments(model, (pairs,), load_lora=adapter), settings)


def grpo(model: str, adapter: str, **changes: object) -> GRPO:
    found = GRPO(RunArguments(model, ("expression", "linear"), load_lora=adapter),
                 GRPOSettings(**(QUICK | GROUPS | changes)))  # type: ignore[arg-type]  # fmt: skip
    found.rewards.close()
    found.rewards = LengthRewards()  # type: ignore[assignment]
    return found


@torch.no_grad()
def logits(model: nn.Module) -> Tensor:
    found: Tensor = model.eval()(IDS).logits
    return found


def test_dpo_begins_at_log_2_with_a_loaded_adapter_and_dropout(
    model: str, pairs: str, adapter: str, tmp_path: Path
) -> None:
    recipe = dpo(model, pairs, adapter)
    engine_of(recipe, tmp_path).run()
    first, *_, last = lines(tmp_path)
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert first["margin"] == 0 and first["chosen_gain"] == 0 and last["margin"] != 0
    began = logits(load_adapted(model, adapter, "cpu").model)
    with recipe.module.reference() as reference:
        torch.testing.assert_close(logits(reference), began)
    assert (logits(recipe.loaded.model) - began).abs().max() > 1e-3


def test_grpo_begins_at_ratio_1_and_kl_0_with_a_loaded_adapter_and_dropout(
    model: str, adapter: str, tmp_path: Path
) -> None:
    engine_of(grpo(model, adapter), tmp_path).run()
    found = lines(tmp_path)
    assert [line["moved"] == 0 for line in found] == [True, False] * 2  # at every outer iteration's first
    assert [line["kl"] == 0 for line in found] == [True, False, False, False]


@pytest.mark.parametrize("objective", ["dpo", "grpo"])
def test_a_resumed_run_has_the_reference_of_an_uninterrupted_one(
    model: str, pairs: str, adapter: str, objective: str, tmp_path: Path
) -> None:
    def recipe(**changes: object) -> DPO | GRPO:
        if objective == "grpo":
            return grpo(model, adapter, **changes)
        return dpo(model, pairs, adapter, **changes)

    engine_of(recipe(), tmp_path / "whole").run()
    engine_of(recipe(max_steps=2), tmp_path / "cut").run()
    rest = engine_of(recipe(), tmp_path / "cut")
    assert rest.resume() and rest.step == 2
    rest.run()
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")
    ours, theirs = (load_file(tmp_path / run / "final" / WEIGHTS) for run in ("cut", "whole"))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_is_left_is_the_adapter_that_learned_alone(
    model: str, pairs: str, adapter: str, tmp_path: Path
) -> None:
    recipe = dpo(model, pairs, adapter)
    engine_of(recipe, tmp_path).run()
    before, after = (load_file(Path(folder) / WEIGHTS) for folder in (adapter, tmp_path / "final"))
    assert before.keys() == after.keys()
    assert not any(torch.equal(before[name], after[name]) for name in before)
    assert {path.name for path in (tmp_path / "final").iterdir()} == {WEIGHTS, "adapter_config.json"}
    learned = load_adapted(model, str(tmp_path / "final"), "cpu").model
    torch.testing.assert_close(logits(learned), logits(recipe.loaded.model), atol=1e-4, rtol=1e-4)


def test_the_network_is_there_once_and_the_second_adapter_never_learns(model: str, adapter: str) -> None:
    recipe = grpo(model, adapter)
    assert recipe.module.frozen is None
    plain = sum(parameter.numel() for parameter in load(model, device="cpu").model.parameters())
    named = dict(recipe.module.named_parameters())
    assert plain == sum(p.numel() for name, p in named.items() if ".lora_" not in name)

    def learning() -> set[str]:
        return {name for name, p in named.items() if p.requires_grad}

    began = learning()
    assert began == {name for name in named if ".lora_" in name and f".{REFERENCE}." not in name}
    with recipe.module.reference():
        pass
    assert learning() == began


def test_a_fresh_adapter_has_no_second_one_and_all_weights_have_a_copy(model: str) -> None:
    fresh = grpo(model, "", lora_r=4)
    assert not any(REFERENCE in name for name, _ in fresh.module.named_parameters())
    whole = load(model, device="cpu", dtype=torch.float32).model
    frozen, before = hold_reference(whole), logits(whole)
    assert frozen is not None and not any(p.requires_grad for p in frozen.parameters())
    with torch.no_grad():
        next(whole.parameters()).add_(1)
    with reference_of(whole, frozen) as reference:
        assert torch.equal(logits(reference), before)


def test_random_draws_go_on_behind_the_reference_as_if_it_had_not_been(model: str, adapter: str) -> None:
    recipe = grpo(model, adapter)
    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    with recipe.module.reference():
        assert torch.equal(torch.rand(3), wanted)
    assert torch.equal(torch.rand(3), wanted)
