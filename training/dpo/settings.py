"""The settings of DPO."""

from __future__ import annotations

from dataclasses import dataclass

from samplers.settings import option
from training.dpo.pairs import PairSettings
from training.shared.adapters import LoraSettings
from training.shared.decoding import check_rollouts


@dataclass(frozen=True, kw_only=True)
class DPOSettings(LoraSettings, PairSettings):
    """batch_size counts pairs. The settings of rollouts are only used where data names a bundled task."""

    learning_rate: float = option(5e-7, "Peak of AdamW's rate.", low=0, high=1)
    batch_size: int = option(64, "Pairs of one step, over all processes and parts.", low=1)
    beta: float = option(
        0.1, "How firmly the policy is held to the reference.", low=0.0001, high=100, label="Beta (hold)"
    )
    sft_weight: float = option(0.0, "Weight of the chosen answers' own SFT loss beside it, which keeps them "
                               "likely (2404.19733); 0: the paper's form.",
                               low=0, high=100, label="Weight of SFT")  # fmt: skip
    timesteps: int = option(
        8, "Timesteps an answer, one mask each.", low=1, high=1024, label="Timesteps an answer"
    )
    eps: float = option(1e-3, "Lowest share of masked cells, p ~ U(eps, 1): a sampler of few steps meets "
                        "high shares only.", low=1e-6, high=0.99, label="Lowest share of masks")  # fmt: skip
    block_share: float = option(0.0, "Share of steps whose masks are those of a block-wise sampler: "
                                "earlier blocks clean, later ones masked.", low=0, high=1,
                                label="Rows as blocks")  # fmt: skip
    pair_masks: str = option("independent", "Masks of a pair's two answers: independent (the paper's form), "
                             "or shared: the same cells, in blocks with text of both.",
                             choices=("independent", "shared"), label="Masks of a pair")  # fmt: skip
    max_length: int = option(1024, "Longest row; a longer pair is left out.", low=8, unit="tokens")
    prompt_column: str = option("", "Column of the prompts; empty: guessed. Not needed where answers are "
                                "conversations that begin with the question.")  # fmt: skip
    chosen_column: str = option("chosen", "Column of the answers that are preferred.")
    rejected_column: str = option("rejected", "Column of the others.")
    split: str = option("train", "Split of a hub set.")

    def __post_init__(self) -> None:
        LoraSettings.__post_init__(self)
        check_rollouts(self)
