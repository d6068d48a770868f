"""The settings of a process reward model's training."""

from __future__ import annotations

from dataclasses import dataclass

from samplers.settings import option
from training.engine.settings import TrainSettings

HELD_OUT_ONE_IN = 20


@dataclass(frozen=True, kw_only=True)
class PRMSettings(TrainSettings):
    """With balance = 1 right and wrong steps have the same total weight; scores stay calibrated all the same
    (see PRMModule.forward)."""

    layers: str = option("", "Layers of the base that are taken, such as 0,2,new (a fresh one); empty: all.")
    init: str = option("base", "Weights to begin with: the base's, or random ones of its shape.",
                       choices=("base", "random"), label="Begin with")  # fmt: skip
    form: str = option("qwen", "A Qwen2 with a head that has a middle layer (qwen) or is linear (trl); "
                       "shadow: a LLaDA compares what it would write with what stands; it reads steps as "
                       "one text.",
                       choices=("qwen", "trl", "shadow"), label="Kind of network")  # fmt: skip
    system: bool = option(
        True,
        "Show a Qwen2 of form qwen the system turn, which is the same for every row.",
        label="Show the system turn",
    )
    balance: float = option(1.0, "1: right and wrong steps weigh the same in all; 0: each step does.",
                            low=0, high=1, label="Balance of labels")  # fmt: skip
    max_length: int = option(512, "Longest row; later steps are left out.", low=8, unit="tokens")
    prompt_column: str = option("", "Column of the questions; empty: guessed.")
    steps_column: str = option("", "Column of the steps, a list of texts; empty: guessed.")
    labels_column: str = option("", "Column of the labels, a 1 or 0 for each step; empty: guessed.")
    split: str = option("train", "Split of a hub set.")
    held_out: str = option("", "File of rows for the evaluation; empty: those of one question in "
                           f"{HELD_OUT_ONE_IN} of the data.", label="Held-out file")  # fmt: skip
    save_dtype: str = option("float32", "What weights are saved as; fp8: the layers' matrices in eight "
                             "bits.", choices=("float32", "bf16", "fp8"), label="Saved as")  # fmt: skip
