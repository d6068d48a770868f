"""A process reward model (PRM) as a scorer: every span is a step, scored with everything before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from models.reward import LoadedReward
from samplers.scoring import Draft, Question, TextScorer


class PRMScorer(TextScorer):
    """One batched pass of the reward model. An answer it cannot score raises an error, and the run fails."""

    name = "prm"

    def __init__(
        self, questions: Sequence[Question], decode: Callable[[list[int]], str], reward: LoadedReward
    ) -> None:
        super().__init__(questions, decode)
        self.reward = reward

    def judge(self, batch: Sequence[Draft]) -> list[list[float]]:
        """P(right) of each part."""
        return self.reward.scores([(draft.question.text, draft.parts) for draft in batch])

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "model": self.reward.name, "form": self.reward.form}
