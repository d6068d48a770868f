"""Preference pairs from the model's own mistakes: what it wrote and got wrong, and what is right.

Train-split problems of bundled tasks are decoded in few steps, some times each, and graded by the
tasks' exact checkers. The chosen answer of a pair is the worked solution (gold) or another answer
of the model's that was right (own).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from models.loading import LoadedModel
from models.whole_file import write_whole
from samplers.settings import option
from tasks import TASKS
from training.data.turns import Turn
from training.shared.decoding import CHUNK, OnProgress, RolloutSettings, rollouts
from training.shared.questions import Question

AT_ONCE = 8 * CHUNK
"""Answers that are decoded without a word; `on_step` has one between any two denoiser steps."""


class Pair(NamedTuple):
    """A user's turn, the answer that is preferred and the one that is not; before: earlier turns;
    source: the training.data.sources.Records and the index of the row that it was read from."""

    prompt: str
    chosen: str
    rejected: str
    before: tuple[Turn, ...] = ()
    source: tuple[Any, int] | None = None

    @property
    def turns(self) -> list[Turn]:
        """What is answered, the prompt last."""
        return [*self.before, {"role": "user", "content": self.prompt}]

    @property
    def raw(self) -> dict[str, str]:
        """The row as it stands in its set, else the three texts."""
        if self.source is None:
            return {"prompt": self.prompt, "chosen": self.chosen, "rejected": self.rejected}
        records, index = self.source
        return dict(records[index])


@dataclass(frozen=True, kw_only=True)
class PairSettings(RolloutSettings):
    """How many problems are decoded, and what a wrong answer is held against."""

    problems: int = option(1000, "Problems that are decoded for pairs.", low=1, high=1_000_000)
    tries: int = option(4, "Answers to each problem, each with its own seed.", low=1, high=64)
    chosen: str = option("gold", "The right answer of a pair: the worked solution, or the model's own.",
                         choices=("gold", "own"))  # fmt: skip


def make_pairs(
    loaded: LoadedModel, settings: PairSettings, questions: Sequence[Question], seed: int, first: int = 0,
    on_progress: OnProgress = lambda done, count: None, on_step: OnProgress = lambda done, count: None,
) -> list[Pair]:  # fmt: skip
    """At most one pair a wrong answer; the same wrong answer to a question counts once.

    first: the place of the first question among all of a run, on which the answers' seeds depend;
    on_progress: told how many of how many answers are decoded, from time to time, by every process at once;
    on_step: told so by each for itself. Both may raise.
    """
    prompts = [question.prompt for question in questions for _ in range(settings.tries)]
    seeds = [seed * 1_000_003 + first * settings.tries + number for number in range(len(prompts))]
    texts: list[str] = []
    for start in range(0, len(prompts), AT_ONCE):
        part = slice(start, start + AT_ONCE)

        def step(done: int, count: int, before: int = start) -> None:
            on_step(before + done, len(prompts))

        texts += rollouts(loaded, settings, prompts[part], seeds[part], on_progress=step).texts
        on_progress(len(texts), len(prompts))
    pairs = []
    for number, question in enumerate(questions):
        answers = list(dict.fromkeys(texts[number * settings.tries : (number + 1) * settings.tries]))
        pairs += pairs_of(question, answers, settings.chosen)
    return pairs


def pairs_of(question: Question, answers: Sequence[str], chosen: str) -> list[Pair]:
    """Every wrong answer against a right one: the worked solution, or the model's own in turn."""
    task = TASKS[question.task]
    right: list[str] = []
    wrong: list[str] = []
    for text in answers:
        verdict = task.check(question.fields, text, answer=question.answer)
        (right if verdict.correct else wrong).append(text)
    better = [question.solution] if chosen == "gold" else right
    if not better:
        return []
    wrong = [text for text in wrong if text.strip()]
    return [Pair(question.prompt, better[i % len(better)], text) for i, text in enumerate(wrong)]


def write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    """JSON lines {prompt, chosen, rejected}, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(pair.raw, ensure_ascii=False) + "\n" for pair in pairs))
