"""Candidates: fork, decode them as one batch, score them in one batched call, keep the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

from samplers.events import BlockScored, CandidateChosen, CandidatesForked, Event, Span
from samplers.run import Run
from samplers.settings import SettingError

LEAST = 1e-9
Worth = Callable[[Sequence[float]], float]


def last(scores: Sequence[float]) -> float:
    """The newest score."""
    return scores[-1]


def minimum(scores: Sequence[float]) -> float:
    """The lowest score."""
    return min(scores)


def product(scores: Sequence[float]) -> float:
    """The product of max(score, 1e-9)."""
    return math.prod(max(score, LEAST) for score in scores)


AGGREGATES: dict[str, Worth] = {"product": product, "minimum": minimum, "last": last}


def scores_of(run: Run, spans: Sequence[Span], rows: Tensor) -> dict[int, list[float]]:
    """Row -> a score for each span, for the rows Bool[rows]; one batched call."""
    if run.score is None:
        raise SettingError("scorer", None, "a scorer: checker or prm")
    row_scores = run.score(run.canvas, spans, rows)
    return dict(zip(rows.nonzero()[:, 0].tolist(), row_scores, strict=True))


def scored(
    run: Run, block: int, spans: Sequence[Span], scores: dict[int, list[float]], which: Sequence[int]
) -> Iterator[Event]:
    """A BlockScored event for each of the spans `which`."""
    assert run.score is not None
    for i in which:
        yield BlockScored(
            **run.now(block),
            scorer=run.score.name,
            span=spans[i],
            scores=tuple(scores[r][i] if r in scores else None for r in range(run.canvas.rows)),
            scorer_calls=run.score.calls,
        )


def contest(
    run: Run,
    block: int,
    rows: Tensor,
    k: int,
    decode: Callable[[Run], Iterator[Event]],
    spans: Sequence[Span],
    since: int,
    worth: Worth,
    original: dict[int, float] | None = None,
) -> Iterator[Event]:
    """k candidates of each row in `rows`, Bool[rows]; the best by worth(scores of spans[since:]) wins.

    decode: fills the candidates; original: row -> the worth of the tokens that stand now, which stay
    unless a candidate is worth more. Ties go to the first.
    """
    forked = run.fork(k, rows)
    yield CandidatesForked(**run.now(block), k=k, rows=forked.canvas.rows)
    yield from decode(forked)
    scores = scores_of(forked, spans, rows.repeat_interleave(k))
    yield from scored(forked, block, spans, scores, range(since, len(spans)))
    winners: list[int | None] = [None] * run.canvas.rows
    for row in rows.nonzero()[:, 0].tolist():
        values = [worth(scores[row * k + i][since:]) for i in range(k)]
        best = max(range(k), key=lambda i: (values[i], -i))
        if original is None or values[best] > original[row]:
            winners[row] = best
    run.adopt(forked, winners)
    yield CandidateChosen(**run.now(block), winners=tuple(winners))
    chosen = {row: scores[row * k + w] for row, w in enumerate(winners) if w is not None}
    if chosen:
        yield from scored(run, block, spans, chosen, range(since, len(spans)))
