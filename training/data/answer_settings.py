"""The settings of every objective that learns answers to prompts."""

from __future__ import annotations

from dataclasses import dataclass

from samplers.settings import option
from training.engine.settings import TrainSettings


@dataclass(frozen=True, kw_only=True)
class AnswerSettings(TrainSettings):
    """Settings of objectives that learn answers to prompts."""

    max_length: int = option(1024, "Longest row; a longer example is cut or left out.", low=8, unit="tokens")
    too_long: str = option("skip", "skip leaves longer examples out; cut drops their end.",
                           choices=("skip", "cut"))  # fmt: skip
    tail: int = option(1, "EOS cells behind the longest answer of a step, at most; at least one, so that "
                       "every answer teaches where to end.", low=1, high=1024,
                       label="EOS cells behind")  # fmt: skip
    prompt_column: str = option("", "Column of the prompts; empty: guessed.")
    answer_column: str = option("", "Column of the answers; empty: guessed.")
    weights: str = option("", "Shares of several sets, such as 2,1; empty: equal.")
    split: str = option("train", "Split of a hub set.")
    think: bool = option(False, "Learn the thoughts before the answer, between <think> and </think>.")
    thoughts_column: str = option("", "Column of the thoughts; empty: guessed.")
