"""Preference pairs from the model's own mistakes: a wrong answer that it wrote, and a right one.

Each of some problems of bundled tasks (train split) is decoded several times, in few steps, and graded by
the task's exact checker. The chosen answer of a pair is the worked solution (`gold`) or another answer of
the model that was right (`own`).
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
"""Answers that are decoded between two calls of `on_progress`; `on_step` is called more often."""


class Pair(NamedTuple):
    """A user's turn, the preferred answer and the other one; before: earlier turns; source: the table and
    the index of the row that the pair was read from, None for a decoded pair."""

    prompt: str
    chosen: str
    rejected: str
    before: tuple[Turn, ...] = ()
    source: tuple[Any, int] | None = None

    @property
    def turns(self) -> list[Turn]:
        """The turns that are answered, the prompt last."""
        return [*self.before, {"role": "user", "content": self.prompt}]

    @property
    def raw(self) -> dict[str, str]:
        """The cells of the row that the pair was read from, else its three texts."""
        if self.source is None:
            return {"prompt": self.prompt, "chosen": self.chosen, "rejected": self.rejected}
        records, index = self.source
        return dict(records[index])


@dataclass(frozen=True, kw_only=True)
class PairSettings(RolloutSettings):
    """How many problems are decoded, and which right answers are paired with the wrong ones."""

    problems: int = option(1000, "Problems that are decoded for pairs.", low=1, high=1_000_000)
    tries: int = option(
        4, "Answers to each problem, each with its own seed.", low=1, high=64, label="Answers a problem"
    )
    chosen: str = option("gold", "The right answer of a pair: the worked solution, or the model's own.",
                         choices=("gold", "own"), label="The right answer is")  # fmt: skip


def make_pairs(
    loaded: LoadedModel, settings: PairSettings, questions: Sequence[Question], seed: int, first: int = 0,
    on_progress: OnProgress = lambda done, count: None, on_step: OnProgress = lambda done, count: None,
) -> list[Pair]:  # fmt: skip
    """One pair for each wrong answer, if there is a right one; equal answers to a question count once.

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
    """A pair of each wrong answer and a right one: the worked solution, or the model's own right answers in
    turn."""
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
    """Write pairs as JSON lines {prompt, chosen, rejected}; the file appears only when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(pair.raw, ensure_ascii=False) + "\n" for pair in pairs))
