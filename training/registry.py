"""The list of training objectives. Forms, command lines, docs and tests are generated from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from training.dpo.data_side import PairData
from training.dpo.objective import DPO
from training.dpo.settings import DPOSettings
from training.engine.recipe import Recipe
from training.engine.settings import RunArguments, TrainSettings
from training.grpo.data_side import QuestionData
from training.grpo.objective import GRPO, GRPOSettings
from training.pretrain.data_side import TextData
from training.pretrain.objective import Pretrain
from training.pretrain.settings import PretrainSettings
from training.prm.data_side import StepData
from training.prm.objective import PRM
from training.prm.settings import PRMSettings
from training.remask.lora_objective import RemaskLora, RemaskLoraSettings
from training.remask.objective import RemaskSettings, RemaskSFT
from training.sft.objective import SFT, SFTSettings
from training.shared.answer_data import AnswerData
from training.shared.data_side import DataSide

S = TypeVar("S", bound=TrainSettings)


@dataclass(frozen=True)
class Objective(Generic[S]):
    """One objective. name: its command; build: makes the Recipe of a run; leaves: what a finished run's
    folder final/ holds: model, adapter, head or prm (a process reward model); data: which data it takes
    and how it reads them; goes_on_from: the fields of RunArguments with earlier results that it can start
    from."""

    name: str
    title: str
    summary: str
    paper: str
    settings: type[S]
    build: Callable[[RunArguments, S], Recipe]
    leaves: str
    data: DataSide[S]
    goes_on_from: tuple[str, ...] = ("load_lora",)


OBJECTIVES: dict[str, Objective[Any]] = {}


def register(entry: Objective[S]) -> None:
    """Add an objective to OBJECTIVES; ValueError when another one has its name."""
    if entry.name in OBJECTIVES:
        raise ValueError(f"objective = {entry.name!r} is taken; allowed: another name")
    OBJECTIVES[entry.name] = entry


def objective(name: str) -> Objective[Any]:
    """The objective of a name; ValueError when there is none."""
    if name not in OBJECTIVES:
        raise ValueError(f"objective = {name!r} is not known; allowed: {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]


OURS: tuple[Objective[Any], ...] = (
    Objective("pretrain", "Pretraining", "Learns packed text, also in a longer context.",
              "2502.09992", PretrainSettings, Pretrain, "model or adapter", TextData()),
    Objective("sft", "SFT", "Learns answers to prompts, and conversations.",
              "2502.09992", SFTSettings, SFT, "model or adapter", AnswerData(SFT)),
    Objective("remask-sft", "Remask SFT", "Trains a head that decides which tokens to take back. The model "
              "itself is not changed.", "2509.23653", RemaskSettings, RemaskSFT, "head",
              AnswerData(RemaskSFT), ("load_lora", "load_ups_head")),
    Objective("remask-lora", "Remask LoRA", "Trains the backbone (LoRA) and the UPS head, together or "
              "in turns.", "2509.23653", RemaskLoraSettings, RemaskLora, "adapter and head",
              AnswerData(RemaskLora), ("load_lora", "load_ups_head")),
    Objective("dpo", "DPO", "Learns which of two answers is better; pairs from a file, or from the "
              "model's own mistakes.", "2505.19223", DPOSettings, DPO, "adapter or model", PairData()),
    Objective("grpo", "GRPO", "Makes answers likelier that earn more than others to the same question.",
              "2504.12216", GRPOSettings, GRPO, "adapter or model", QuestionData()),
    Objective("prm", "PRM", "A process reward model from labelled steps (`rollouts` makes some).",
              "2501.07301", PRMSettings, PRM, "prm", StepData(), ()),
)  # fmt: skip
for _entry in OURS:
    register(_entry)
