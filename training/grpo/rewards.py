"""Rewards of answers: parts that can be checked, and a judge's score where settings ask for one.

A part that could not be determined (grading ran into its time limit, the judge is down) makes the answer's
reward None, never zero; its group is then left out, or the run ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.grading.grades import Grader
from samplers.settings import SettingError, check, option
from tasks import TASKS, extract_boxed
from tasks.core import read_number
from training.grpo.judge import Judge, JudgeError
from training.shared.questions import Question

_INTEGER = re.compile(r"[+-]?\d{1,18}")


@dataclass(frozen=True, kw_only=True)
class RewardSettings:
    """Weights of the parts; a reward is their weighted sum."""

    reward_correct: float = option(2.0, "For a right answer.", low=0, high=100)
    reward_format: float = option(0.5, "For an answer in \\boxed{…}, once, with nothing behind it.",
                                  low=0, high=100)  # fmt: skip
    reward_integer: float = option(0.5, "For a boxed whole number.", low=0, high=100)
    reward_judge: float = option(0.0, "For the judge's score, 0 to 1; above 0 asks judge_url.",
                                 low=0, high=100)  # fmt: skip
    judge_url: str = option("", "OpenAI-compatible endpoint, such as http://localhost:11434/v1.")
    judge_model: str = option("", "The judge's name at that endpoint.")
    judge_seconds: float = option(60.0, "Longest wait for one score.", low=0.1, high=3600, unit="s")
    judge_failures: str = option("error", "A judge that gives no score: error ends the run, skip leaves "
                                 "the group out.", choices=("error", "skip"))  # fmt: skip

    def __post_init__(self) -> None:
        check_rewards(self)


def check_rewards(settings: RewardSettings) -> None:
    """SettingError when all weights are 0, or only one of reward_judge and judge_url is given."""
    check(settings)
    s = settings
    if not any((s.reward_correct, s.reward_format, s.reward_integer, s.reward_judge)):
        raise SettingError("reward_correct", s.reward_correct, "above 0 for at least one reward_…")
    if (s.reward_judge > 0) != bool(s.judge_url):
        allowed = "an endpoint where reward_judge is above 0, and only then"
        raise SettingError("judge_url", s.judge_url, allowed)
    if s.judge_url:
        Judge(s.judge_url, s.judge_model, s.judge_seconds)


class Rewards:
    """Computes rewards; a context manager that owns the grader's processes."""

    def __init__(self, settings: RewardSettings, grader: Grader | None = None) -> None:
        self.settings, self.grader = settings, grader or Grader()
        self.judge = None
        if settings.reward_judge > 0:
            self.judge = Judge(settings.judge_url, settings.judge_model, settings.judge_seconds)

    def __call__(self, questions: Sequence[Question], texts: Sequence[str]) -> list[float | None]:
        """One reward for each answer, None where a part of it could not be determined. JudgeError: the judge
        failed, with judge_failures = error."""
        s = self.settings
        rewards: list[float | None] = [
            s.reward_format * well_formed(text) + s.reward_integer * whole_number(text) for text in texts
        ]
        if s.reward_correct > 0:
            rewards = _sum(rewards, s.reward_correct, self.correct(questions, texts))
        if self.judge is not None:
            rewards = _sum(rewards, s.reward_judge, self._judged(self.judge, questions, texts))
        return rewards

    def correct(self, questions: Sequence[Question], texts: Sequence[str]) -> list[float | None]:
        """For each answer 1 (right), 0 (wrong) or None (could not be graded). Answers to bundled tasks are
        checked by the task, others by the grader, in processes that it can kill."""
        plain = [i for i, question in enumerate(questions) if not question.task]
        grades = self.grader.grade_many([(texts[i], questions[i].answer) for i in plain])
        verdicts: dict[int, bool | None] = {i: g.correct for i, g in zip(plain, grades, strict=True)}
        for i, question in enumerate(questions):
            if question.task:
                task = TASKS[question.task]
                verdicts[i] = task.check(question.fields, texts[i], answer=question.answer).correct
        return [None if verdicts[i] is None else float(bool(verdicts[i])) for i in range(len(questions))]

    def _judged(
        self, judge: Judge, questions: Sequence[Question], texts: Sequence[str]
    ) -> list[float | None]:
        scores = judge.scores([(q.prompt, text) for q, text in zip(questions, texts, strict=True)])
        failed = next((score for score in scores if isinstance(score, JudgeError)), None)
        if failed is not None and self.settings.judge_failures == "error":
            raise failed
        return [None if isinstance(score, JudgeError) else score for score in scores]

    def close(self) -> None:
        """End the grader's processes."""
        self.grader.close()

    def __enter__(self) -> Rewards:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _sum(before: Sequence[float | None], weight: float, part: Sequence[float | None]) -> list[float | None]:
    pairs = zip(before, part, strict=True)
    return [None if a is None or b is None else a + weight * b for a, b in pairs]


def well_formed(text: str) -> bool:
    r"""Whether the text has exactly one \boxed{...}, closed, not empty, and with nothing behind it."""
    boxed = extract_boxed(text)
    return bool(boxed) and text.count("\\boxed") == 1 and text.rstrip().rstrip("$. ").endswith("}")


def whole_number(text: str) -> bool:
    """Whether the boxed answer is a whole number (`x = 5` counts as one)."""
    number = read_number(extract_boxed(text) or "")
    return number is not None and _INTEGER.fullmatch(number) is not None
