"""Scorers: they judge an unfinished answer span by span, each span with everything before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from samplers.canvas import Canvas
from samplers.events import Span


class ScorerError(RuntimeError):
    """A scorer failed: the run fails with it. It never makes up a score."""


class Scorer(Protocol):
    """A process reward model, or an exact checker."""

    calls: int  # sequences scored
    row_calls: Counter[int]  # sequences scored for each sample
    name: str

    def __call__(self, canvas: Canvas, spans: Sequence[Span], rows: Tensor) -> list[list[float]]:
        """rows: Bool[rows] -> for each of those rows a score in [0, 1] for each span, all from one
        pass over everything up to the last span. Equal contents of one sample are scored once."""
        ...

    def describe(self) -> dict[str, Any]:
        """What a trace should say about the scorer."""
        ...


@dataclass(frozen=True)
class Question:
    """The question of a row: the user's text, and the problem's fields where it is of a bundled task."""

    text: str
    task: str = ""
    fields: tuple[tuple[str, str], ...] = ()


Parts = tuple[str, ...]
"""The answer so far, cut where the spans end."""


@dataclass(frozen=True)
class Draft:
    """What is judged: a question, the non-empty parts of its answer, and whether the answer ended."""

    question: Question
    parts: Parts
    ended: bool


class TextScorer:
    """Turns rows into texts, scores each text once, counts. Subclasses judge texts in `judge`.

    decode: ids -> text, special tokens left out. Text is read up to the first mask: what stands behind it is
    not joined to what stands before. A span without text (the answer has ended) gets
    the score of the span before it, 1 when there is none, because it adds nothing to judge.
    """

    name = ""

    def __init__(self, questions: Sequence[Question], decode: Callable[[list[int]], str]) -> None:
        self.questions, self.decode = tuple(questions), decode
        self.calls, self.row_calls = 0, Counter[int]()
        self._scored: dict[tuple[int, Parts, bool], list[float]] = {}

    def judge(self, batch: Sequence[Draft]) -> list[list[float]]:
        """Scores in [0, 1], one a part, for each draft; one batched pass."""
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}

    def __call__(self, canvas: Canvas, spans: Sequence[Span], rows: Tensor) -> list[list[float]]:
        """See Scorer."""
        chosen = rows.nonzero()[:, 0].tolist()
        cut = [self._parts(canvas, row, spans) for row in chosen]
        keys = [
            (canvas.samples[row], tuple(p for p in parts if p), ended)
            for row, (parts, ended) in zip(chosen, cut, strict=True)
        ]
        new = [key for key in dict.fromkeys(keys) if key[1] and key not in self._scored]
        if new:
            drafts = [Draft(self.questions[sample], parts, ended) for sample, parts, ended in new]
            scores = self.judge(drafts)
            for (sample, parts, ended), part_scores in zip(new, scores, strict=True):
                if len(part_scores) != len(parts) or not all(0 <= s <= 1 for s in part_scores):
                    raise ScorerError(f"{self.name} returned {part_scores} for {len(parts)} parts")
                self._scored[sample, parts, ended] = part_scores
                self.calls += 1
                self.row_calls[sample] += 1
        return [_spread(parts, self._scored.get(key, [])) for (parts, _), key in zip(cut, keys, strict=True)]

    def _parts(self, canvas: Canvas, row: int, spans: Sequence[Span]) -> tuple[Parts, bool]:
        answer = canvas.answer(row)[: spans[-1][1] - canvas.prompt_length]
        ended = spans[-1][1] >= int(canvas.lengths[row])
        if canvas.eos_id is not None and canvas.eos_id in answer:
            answer, ended = answer[: answer.index(canvas.eos_id)], True
        if canvas.mask_id in answer:
            answer, ended = answer[: answer.index(canvas.mask_id)], False
        parts, before = [], ""
        for _, stop in spans:
            text = self.decode(answer[: stop - canvas.prompt_length])
            parts.append(text[len(before) :])
            before = text
        return tuple(parts), ended


def _spread(parts: Parts, scores: list[float]) -> list[float]:
    """Scores of the non-empty parts, with each empty part repeating the one before it."""
    spread, last, remaining = [], 1.0, iter(scores)
    for part in parts:
        last = next(remaining) if part else last
        spread.append(last)
    return spread
