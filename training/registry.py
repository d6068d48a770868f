"""The objectives: forms, command lines, docs and tests are generated from this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from training.dpo.objective import DPO, DPOSettings
from training.engine.recipe import Recipe
from training.engine.settings import TrainSettings
from training.grpo.objective import GRPO, GRPOSettings
from training.pretrain.objective import Pretrain, PretrainSettings
from training.prm.objective import PRM, PRMSettings
from training.remask.lora_objective import RemaskLora, RemaskLoraSettings
from training.remask.objective import RemaskSettings, RemaskSFT
from training.sft.objective import SFT, SFTSettings
from training.shared.answers import RunArguments


@dataclass(frozen=True)
class Objective:
    """name: on the command line; leaves: what final/ holds: model, adapter, head or prm; goes_on_from:
    the earlier results it takes, as arguments of RunArguments."""

    name: str
    title: str
    summary: str
    paper: str
    settings: type[TrainSettings]
    build: Callable[[RunArguments, Any], Recipe]
    leaves: str
    goes_on_from: tuple[str, ...] = ("load_lora",)


OBJECTIVES: dict[str, Objective] = {
    found.name: found
    for found in (
        Objective("pretrain", "Pretraining", "Learns packed text, also in a longer context.",
                  "2502.09992", PretrainSettings, Pretrain, "model or adapter"),
        Objective("sft", "SFT", "Learns answers to prompts, and conversations.",
                  "2502.09992", SFTSettings, SFT, "model or adapter"),
        Objective("remask-sft", "Remask SFT", "Trains the UPS head; the backbone is frozen.",
                  "2509.23653", RemaskSettings, RemaskSFT, "head", ("load_lora", "load_ups_head")),
        Objective("remask-lora", "Remask LoRA", "Trains the backbone (LoRA) and the UPS head, together or "
                  "in turns.", "2509.23653", RemaskLoraSettings, RemaskLora, "adapter and head",
                  ("load_lora", "load_ups_head")),
        Objective("dpo", "DPO", "Learns which of two answers is better; pairs from a file, or from the "
                  "model's own mistakes.", "2505.19223", DPOSettings, DPO, "adapter or model"),
        Objective("grpo", "GRPO", "Makes answers likelier that earn more than others to the same question.",
                  "2504.12216", GRPOSettings, GRPO, "adapter or model"),
        Objective("prm", "PRM", "A process reward model from labelled steps (`rollouts` makes some).",
                  "2501.07301", PRMSettings, PRM, "prm", ()),
    )
}  # fmt: skip


def objective(name: str) -> Objective:
    """The objective of a name."""
    if name not in OBJECTIVES:
        raise ValueError(f"objective = {name!r} is not known; allowed: {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]
