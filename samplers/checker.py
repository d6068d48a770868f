"""The exact scorer for the bundled tasks: verifies each reasoning step, never sees a gold answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from samplers.scoring import Draft, Question, TextScorer
from samplers.settings import SettingError
from tasks import TASKS
from tasks.checks.step_check import Step, check_steps
from tasks.checks.unfinished import can_still_hold

LONGEST_STEP = 60
"""Characters. The steps of worked answers are much shorter."""


class Checker(TextScorer):
    """A part scores the share of right steps among those that end in it. What is unfinished at its end counts
    as a wrong step once no right step begins so (tasks.checks.unfinished). A part in which no step ends
    belongs to what stands before it: it is right if the step before is, and nothing in it is wrong.

    A part scores 0 in two cases: when a step has gone on at its end for longer than any does, and, the last
    part, when the answer has ended without a box. So the score of a part does not depend on what follows."""

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
        scores, start = [], 0
        for part in draft.parts:
            stop = start + len(part)
            before = [step for step in steps if step.stop <= stop]
            boxed = bool(before) and text[before[-1].start :].startswith("\\boxed")
            scores.append(self._score(question, text[:stop], start, before, boxed))
            start = stop
        return [*scores[:-1], 0.0] if draft.ended and not boxed else scores

    def _score(self, question: Question, text: str, start: int, steps: Sequence[Step], boxed: bool) -> float:
        """The score of the part text[start:]. steps: those of the text; boxed: the last is the box."""
        unfinished = len(text) - (steps[-1].stop if steps else 0)
        if not boxed and unfinished > LONGEST_STEP:
            return 0.0
        ended = [step.right for step in steps if step.stop > start]
        if not boxed and not can_still_hold(question.task, dict(question.fields), text):
            ended.append(False)
        judged = ended or [step.right for step in steps[-1:]]
        return sum(judged) / len(judged) if judged else 1.0
