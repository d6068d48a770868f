"""Remask LoRA: trains the token predictions (TPS) and the UPS head together (2509.23653, section 3.2).

The backbone learns from the token loss, through a LoRA adapter. The head learns from the policy loss, whose
gradient does not reach the backbone. They learn in the same steps or in turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from samplers.settings import SettingError, option
from training.data.sources import Answers
from training.engine.settings import RunArguments
from training.remask.losses import RemaskModule
from training.remask.objective import RemaskData, RemaskSettings, RemaskSFT, export_head, new_head
from training.shared.adapters import LoraSettings, attach, export_learned
from training.shared.answers import load_model

TOKENS, POLICY = "tokens", "policy"
MODES = {"joint": (TOKENS, POLICY), "tps-only": (TOKENS,), "ups-only": (POLICY,)}


@dataclass(frozen=True, kw_only=True)
class RemaskLoraSettings(LoraSettings, RemaskSettings):
    """learning_rate is the adapter's."""

    learning_rate: float = option(5e-5, "Peak of AdamW's rate, for the adapter.", low=0, high=1)
    ups_rate_factor: float = option(
        2.0, "The head's rate as a multiple of learning_rate.", low=0, high=1e4, label="Head's rate, times"
    )
    lora_r: int = option(
        16, "Rank of the adapter; 0: that of --load-lora.", low=0, high=1024, label="LoRA rank"
    )
    train_mode: str = option("joint", "Who learns: the adapter (TPS), the head (UPS), both, or in turns.",
                             choices=("joint", "alternating", "tps-only", "ups-only"),
                             label="Who learns")  # fmt: skip
    alt_ratio: int = option(
        4, "Alternating: TPS steps for one UPS step.", low=1, high=1000, label="Adapter steps a head step"
    )


def learners(settings: RemaskLoraSettings, step: int) -> tuple[str, ...]:
    """Which groups learn in a step: tokens (the adapter), policy (the head) or both. In turns, alt_ratio
    steps of the adapter come before each step of the head."""
    if settings.train_mode != "alternating":
        return MODES[settings.train_mode]
    return (POLICY,) if step % (settings.alt_ratio + 1) == settings.alt_ratio else (TOKENS,)


class RemaskLora(RemaskSFT):
    """Trains an adapter and a head, and exports both to one folder."""

    settings: RemaskLoraSettings

    def __init__(self, arguments: RunArguments, settings: RemaskLoraSettings) -> None:
        self.settings, self.loaded = settings, load_model(arguments, settings)
        if not attach(self.loaded.model, settings, arguments.load_lora):
            raise SettingError("lora_r", 0, "above 0, or --load-lora")
        self.answers = Answers(self.loaded, arguments, settings)
        self.notes = self.answers.data.notes
        self.noise = RemaskData(self.loaded, settings)
        self.head = new_head(self.loaded, arguments.load_ups_head, settings)
        self.module = RemaskModule(self.loaded.model, self.head, 1.0, settings.lambda_ups)

    def groups(self) -> list[dict[str, Any]]:
        """See Recipe: the adapter's weights and the head's, each with its own learning rate."""
        adapter = [p for p in self.loaded.model.parameters() if p.requires_grad]
        return [
            {"name": TOKENS, "params": adapter, "factor": 1.0},
            {"name": POLICY, "params": list(self.head.parameters()), "factor": self.settings.ups_rate_factor},
        ]

    def learns(self, step: int, group: str) -> bool:
        """See Recipe and `learners`."""
        return group in learners(self.settings, step)

    def before(self, step: int) -> None:
        """Give the loss of a group that does not learn in this step the weight 0, which saves its backward
        pass."""
        now = learners(self.settings, step)
        self.module.tokens_weight = float(TOKENS in now)
        self.module.policy_weight = self.settings.lambda_ups * (POLICY in now)

    def export(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """See Recipe: the adapter for `--adapter` and the head for `--ups-head`."""
        export_learned(self.loaded, self.settings, folder, state)
        export_head(self.head, folder, state)
