"""What a study will cost, before it is begun: rows, network evaluations, hours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from evaluation.runs.run_folder import ResultRow
from evaluation.scaling.choice import MAIN_FACTORS, is_main
from evaluation.scaling.methods import BASELINES, BEST_OF_N, RECIPES
from evaluation.scaling.recipes import EXACT, Method, Rung
from evaluation.scaling.study import BASE, CALIBRATION, FACTORS, LAST, TUNED, Candidate, TaskStudy
from evaluation.scaling.workers import Chunk
from samplers.text_tables import markdown_table

PROBE = 8
"""Problems of a probe."""


@dataclass(frozen=True)
class Sizes:
    """Problems: `n` at the main points, `n_other` at the others, `n_tune` for tuning. `best`: methods besides
    the baselines that have main points."""

    n: int
    n_other: int
    n_tune: int
    best: int = 2


@dataclass(frozen=True)
class Speed:
    """One task. nfe: of a plainly decoded answer; plain, judged: seconds a network evaluation, without and
    with a reward model that scores."""

    nfe: float
    plain: float
    judged: float


@dataclass(frozen=True)
class Cost:
    """Of one phase, on all tasks. nfe: sequences evaluated; seconds: of one process."""

    phase: str
    rows: float
    nfe: float
    seconds: float


def probe(study: TaskStudy, decode: Callable[[Chunk], Sequence[ResultRow]]) -> Speed:
    """Measure on a few tuning problems: plain decoding, and best of 4 with the reward model."""
    plain, best = (_timed(study, c, decode) for c in (BASE, _best_of_four()))
    return Speed(plain[0], plain[1], best[1])


def _best_of_four() -> Candidate:
    ladder = BEST_OF_N[0].recipes[0].ladder
    return Candidate(BEST_OF_N[0], 0, next(i for i, rung in enumerate(ladder) if _work(rung) == 4))


def _timed(
    study: TaskStudy, candidate: Candidate, decode: Callable[[Chunk], Sequence[ResultRow]]
) -> tuple[float, float]:
    """NFE of an answer, seconds a network evaluation."""
    began = time.perf_counter()
    rows = decode(Chunk(study.task, study.line(candidate), 1, study.tuning[:PROBE]))
    nfe = sum(row.get("nfe", 0) for row in rows)
    return nfe / len(rows), (time.perf_counter() - began) / nfe


def _work(rung: Rung) -> int:
    """Answers, candidates or copies of a rung."""
    return max([rung.draws, *(v for v in rung.settings.values() if isinstance(v, int))])


def grows(method: Method) -> bool:
    """Whether it can spend more than one token a step does, as far as its ladders say."""
    return any(_work(rung) > 1 for recipe in method.recipes for rung in recipe.ladder)


def units(method: Method, factors: Iterable[float]) -> float:
    """NFE of an answer at every factor, in times of plain decoding's. Votes share their draws."""
    able = [factor for factor in factors if factor <= 1 or grows(method)]
    more = [factor for factor in able if factor >= 1]
    votes = any(rung.draws > 1 for recipe in method.recipes for rung in recipe.ladder)
    return sum(f for f in able if f < 1) + (max(more, default=0) if votes else sum(more))


def costs(methods: Sequence[Method], speeds: Sequence[Speed], sizes: Sizes) -> list[Cost]:
    """Phase by phase. The best methods are not known yet, and taken for dear ones; calibration is taken to
    measure two rungs for each recipe and factor, and two of one recipe for the last factor."""
    calibration = min(CALIBRATION, sizes.n_tune)
    more = max(0, sizes.n - sizes.n_other)
    main = [m for m in methods if is_main(m, ())]
    able = [m for m in methods if m.name not in BASELINES and m.scorer != EXACT]
    main += sorted(able, key=lambda m: -units(m, MAIN_FACTORS))[: sizes.best]
    return [
        _phase("calibration", methods, speeds, TUNED, 2 * RECIPES * calibration),
        _phase("calibration, last", methods, speeds, (LAST,), 2 * calibration),
        _phase("tuning", methods, speeds, TUNED, RECIPES * (sizes.n_tune - calibration)),
        _phase("all points", methods, speeds, FACTORS, sizes.n_other),
        _phase("main points", main, speeds, MAIN_FACTORS, more),
    ]


def _phase(
    name: str, methods: Sequence[Method], speeds: Sequence[Speed], factors: Sequence[float], each: int
) -> Cost:
    """`each`: answers of a method at each factor."""
    rows = nfe = seconds = 0.0
    for method in methods:
        rows += each * len(speeds) * sum(1 for f in factors if f <= 1 or grows(method))
        for speed in speeds:
            own = each * units(method, factors) * speed.nfe
            nfe += own
            seconds += own * (speed.judged if method.scorer else speed.plain)
    return Cost(name, rows, nfe, seconds)


def estimate_table(costs: Sequence[Cost], processes: int) -> str:
    """Markdown: a row a phase, and the sum."""
    total = Cost("all", *(sum(getattr(c, k) for c in costs) for k in ("rows", "nfe", "seconds")))
    return markdown_table(
        ("phase", "answers", "NFE", "hours"),
        [
            (c.phase, f"{c.rows:,.0f}", f"{c.nfe:,.0f}", f"{c.seconds / processes / 3600:.2f}")
            for c in (*costs, total)
        ],
        (1, 2, 3),
    )
