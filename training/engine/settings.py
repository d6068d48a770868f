"""The settings of every objective: a frozen dataclass whose fields have a help text, a range and choices.

Forms, `--set key=value`, YAML files and the tables of the docs are generated from these fields (by
samplers.settings). An objective's own settings are a subclass of TrainSettings beside its recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from samplers.settings import SettingError, check, describe, option, parse


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """A step is one optimizer step. Its rows are the same for any number of processes."""

    max_steps: int = option(1000, "Optimizer steps.", low=1)
    batch_size: int = option(32, "Rows of one step, over all processes and parts.", low=1)
    accumulate: int = option(
        1, "Parts in which the rows of a step are done, one after another.", low=1, label="Parts of a step"
    )
    learning_rate: float = option(1e-4, "Peak of AdamW's rate.", low=0, high=1)
    warmup: int = option(20, "Steps over which the rate rises.", low=0, unit="steps")
    decay: float = option(0.3, "Share of the steps, the last, in which the rate falls to zero.",
                          low=0, high=1, label="Share of decay")  # fmt: skip
    weight_decay: float = option(0.01, "Of matrices; vectors have none.", low=0, high=1)
    beta2: float = option(0.98, "AdamW's second beta; the first is 0.9.", low=0, high=0.9999, label="Beta 2")
    clip: float = option(
        1.0, "Largest norm of a step's gradient; 0: no limit.", low=0, label="Gradient limit"
    )
    ema: float = option(0.0, "Moving average of the weights that is saved instead of them; 0: none.",
                        low=0, high=0.99999, label="Average of weights (EMA)")  # fmt: skip
    seed: int = option(0, "Order of the rows, noise, dropout.", low=0, high=2**31)
    precision: str = option("auto", "bf16: autocast; auto: bf16 on a GPU and on a CPU where it is "
                            "the faster, else no.",
                            choices=("auto", "no", "bf16"))  # fmt: skip
    gradient_checkpointing: bool = option(False, "Computes activations twice instead of keeping them.")
    log_every: int = option(10, "Steps between two lines of metrics.jsonl.", low=1, label="Log every")
    save_every: int = option(
        200, "Steps between two checkpoints; the last step has one too.", low=1, label="Save every"
    )
    keep: int = option(2, "Checkpoints whose state is kept; 0: all.", low=0, label="States kept")
    eval_every: int = option(0, "Steps between two evaluations; 0: none.", low=0, label="Evaluate every")
    samples: int = option(
        2, "Prompts decoded and recorded at every checkpoint; none with FSDP or DeepSpeed.", low=0, high=16
    )
    report_to: str = option("none", "Also tell a tracker (its package is an extra).",
                            choices=("none", "trackio", "tensorboard", "wandb"), label="Tracker")  # fmt: skip

    def __post_init__(self) -> None:
        check(self)
        if self.batch_size % self.accumulate:
            raise SettingError("accumulate", self.accumulate, f"a divisor of batch_size = {self.batch_size}")


PUBLISHED = {"seq_len": "max_length", "lr": "learning_rate", "grad_accum": "accumulate"}
"""The names that some of these settings have in LLaDA-RemeDi's scripts; `--set` accepts them too."""
S = TypeVar("S", bound=TrainSettings)


def settings_of(cls: type[S], values: Mapping[str, Any]) -> S:
    """Settings from plain values, as YAML has them; SettingError for an unknown name or a bad value."""
    described = {d.name: d for d in describe(cls)}
    for name, value in values.items():
        if name not in described:
            raise SettingError(str(name), value, f"a setting: {', '.join(described)}")
    return cls(**{name: _number(described[name].type, value) for name, value in values.items()})


def _number(kind: type, value: Any) -> Any:
    """A whole number where a number is wanted; YAML reads 1e-4 as text."""
    if kind is float and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return float(value) if kind is float and type(value) is int else value


def parse_pairs(cls: type[Any], pairs: list[str]) -> dict[str, Any]:
    """`key=value` texts of a command line as typed values. cls: a dataclass of settings."""
    described = {d.name: d for d in describe(cls)}
    values = {}
    for pair in pairs:
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals:
            raise SettingError("set", pair, "key=value")
        key = PUBLISHED.get(key, key)
        if key not in described:
            raise SettingError(key, value, f"a setting: {', '.join(described)}")
        values[key] = parse(described[key], value)
    return values


@dataclass(frozen=True)
class RunArguments:
    """The arguments of a run beside its settings, one for each flag of the command. device: auto or cpu;
    revision: of a hub id."""

    model: str
    data: tuple[str, ...]
    device: str = "auto"
    allow_eval_data: bool = False
    load_ups_head: str = ""
    load_lora: str = ""
    revision: str = ""
