"""The settings of pretraining."""

from __future__ import annotations

from dataclasses import dataclass

from samplers.settings import option
from training.shared.adapters import LoraSettings


@dataclass(frozen=True, kw_only=True)
class PretrainSettings(LoraSettings):
    """Settings of the rows, of their masks, and of a longer context."""

    max_length: int = option(1024, "Tokens of a packed row.", low=8, unit="tokens")
    truncated: float = option(0.01, "Share of steps whose rows are cut to U{1..max_length} tokens.",
                              low=0, high=1, label="Rows cut short")  # fmt: skip
    joined: bool = option(False, "The pieces of a row are one text: they see each other, and positions count "
                                 "on through the row.", label="Pieces as one text")  # fmt: skip
    rope_theta: float = option(0.0, "Another RoPE base; 0: the model's.", low=0, label="RoPE base")
    yarn: bool = option(False, "Stretch the model's context with YaRN.", label="YaRN")
    yarn_scale: float = option(2.0, "How many times, with YaRN.", low=1, high=64, label="YaRN scale")
    curriculum: bool = option(False, "Masks in a window that grows to the whole row.")
    curriculum_first: int = option(256, "The window at first.", low=1, unit="tokens", label="First window")
    curriculum_share: float = option(
        0.5, "Share of the steps in which it grows.", low=0, high=1, label="Share of growth"
    )
    text_column: str = option("", "Column of the texts; empty: text, or the only one.")
    weights: str = option("", "Shares of several sets, such as 2,1; empty: equal.")
    split: str = option("train", "Split of a hub set.")
