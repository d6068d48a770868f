"""The exact scorer for the bundled tasks: verifies each reasoning step, never sees a gold answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from samplers.scoring import Draft, Question, TextScorer
from samplers.settings import SettingError
from tasks import TASKS
from tasks.step_check import check_steps

LONGEST_STEP = 60
"""Characters. The steps of worked answers are much shorter."""


class Checker(TextScorer):
    """A part scores the share of right steps among the steps that end in it, or 1 when none ends in it.
    The last part scores 0 in two cases: when it goes on for longer than any step without ending one, and
    when the answer has ended without a box."""

    name = "checker"

    def __init__(self, questions: Sequence[Question], decode: Callable[[list[int]], str]) -> None:
        super().__init__(questions, decode)
        for question in self.questions:
            if question.task not in TASKS:
                allowed = f"a problem of a bundled task ({', '.join(TASKS)}), named in task"
                raise SettingError("scorer", "checker", allowed)
            try:
                check_steps(TASKS[question.task], dict(question.fields), "")
            except (ValueError, KeyError) as error:
                raise SettingError("task", question.task, f"its problem's fields ({error})") from None

    def judge(self, batch: Sequence[Draft]) -> list[list[float]]:
        """See TextScorer. A step belongs to the part in which it ends."""
        return [self._part_scores(draft) for draft in batch]

    def _part_scores(self, draft: Draft) -> list[float]:
        question, text = draft.question, "".join(draft.parts)
        steps = check_steps(TASKS[question.task], dict(question.fields), text)
        last = steps[-1].stop if steps else 0
        boxed = bool(steps) and text[steps[-1].start :].startswith("\\boxed")
        lost = not boxed and (draft.ended or len(text) - last > LONGEST_STEP)
        scores, start = [], 0
        for part in draft.parts:
            stop = start + len(part)
            ended = [step.right for step in steps if start < step.stop <= stop]
            scores.append(sum(ended) / len(ended) if ended else 1.0)
            start = stop
        return [*scores[:-1], 0.0] if lost else scores
