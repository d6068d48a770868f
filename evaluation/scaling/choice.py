"""Which settings of each method are evaluated: chosen on the tuning problems, kept in the run's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evaluation.runs.run_folder import RunError
from evaluation.scaling.methods import BASELINES
from evaluation.scaling.reach import reached
from evaluation.scaling.recipes import EXACT, Method
from evaluation.scaling.study import LAST, TUNED, Candidate, Goal, TaskStudy, tuning_goals

CHOSEN = "chosen.json"
MAIN_FACTORS = (1.0, 2.0, 4.0)
"""Where baselines and the best methods are evaluated on more problems."""


@dataclass(frozen=True)
class Choice:
    """Of one method on one task. chosen: factor -> candidate; accuracy: factor -> that on the tuning
    problems; nearest: factor that is not reached -> the nearest NFE that was measured, over plain
    decoding's; tried: a row a candidate, for the record."""

    chosen: Mapping[float, Candidate]
    accuracy: Mapping[float, float]
    nearest: Mapping[float, float]
    tried: Sequence[Mapping[str, Any]]


def choose(study: TaskStudy, method: Method) -> Choice:
    """At each factor but the last the recipe with most right answers; ties: the cheaper, then the earlier.
    What is tuned for a factor must be decoded on all tuning problems."""
    base = study.base(study.tuning)
    tried: list[dict[str, Any]] = []
    chosen, accuracy, nearest = {}, {}, {}
    tuned = study.tuned(tuning_goals([method]))
    for factor in TUNED:
        best: tuple[float, float] | None = None
        for candidate in (c for goal, c in tuned if goal.factor == factor):
            score = study.score(candidate, study.tuning)
            assert score is not None
            fits = reached(score.nfe, factor * base)
            tried.append({**_named(study, candidate), "factor": factor, "nfe": round(score.nfe, 3),
                          "correct": score.correct, "graded": score.graded, "reached": fits})  # fmt: skip
            rank = (score.accuracy, -score.nfe)
            if fits and (best is None or rank > best):
                best = rank
                chosen[factor], accuracy[factor] = candidate, score.accuracy
        if best is None:
            nearest[factor] = _nearest(study, method, factor)
    return Choice(chosen, accuracy, nearest, tried)


def last_goals(choice: Choice) -> list[Goal]:
    """What is searched for the last factor: the recipe of the one before, none where that is not reached."""
    before = choice.chosen.get(TUNED[-1])
    return [Goal(before.method, before.recipe, LAST)] if before is not None else []


def with_last(study: TaskStudy, method: Method, choice: Choice) -> Choice:
    """The choice with the last factor, whose rung must be found."""
    near = study.near(last_goals(choice))
    if not near:
        nearest = {**choice.nearest, LAST: _nearest(study, method, LAST)}
        return replace(choice, nearest=nearest)
    candidate = near[0][1]
    score = study.score(candidate, study.calibration)
    assert score is not None
    return replace(
        choice,
        chosen={**choice.chosen, LAST: candidate},
        accuracy={**choice.accuracy, LAST: score.accuracy},
    )


def _named(study: TaskStudy, candidate: Candidate) -> dict[str, Any]:
    line = study.line(candidate)
    recipe = candidate.method.recipes[candidate.recipe].name
    return {"recipe": recipe, "line": line.label, "draws": candidate.draws, "sampler": line.sampler,
            "settings": dict(line.settings), "place": [candidate.recipe, candidate.rung]}  # fmt: skip


def _nearest(study: TaskStudy, method: Method, factor: float) -> float:
    """Of all rungs that were measured the NFE nearest to the factor, in times of plain decoding's."""
    base = study.base(study.calibration)
    times = [
        nfe / base
        for recipe in range(len(method.recipes))
        for nfe in study.measured(method, recipe).values()
        if 0 < nfe < float("inf")
    ]
    return min(times, key=lambda t: max(t / factor, factor / t), default=float("nan"))


def save(study: TaskStudy, choices: Mapping[str, Choice]) -> None:
    """chosen.json, by the labels of the methods."""
    data = {
        label: {
            "chosen": [
                {"factor": factor, "accuracy": choice.accuracy[factor], **_named(study, candidate)}
                for factor, candidate in choice.chosen.items()
            ],
            "not reached": [{"factor": f, "nearest": round(t, 3)} for f, t in choice.nearest.items()],
            "tried": list(choice.tried),
        }
        for label, choice in choices.items()
    }
    study.folder.write(CHOSEN, json.dumps({"problems": len(study.tuning), "methods": data}, indent=1) + "\n")


def saved(study: TaskStudy, methods: Sequence[Method]) -> dict[str, Choice]:
    """What was chosen earlier, of the methods given; RunError: by other recipes or problems than today's."""
    path, found = study.folder.path / CHOSEN, {}
    if not path.exists():
        return {}
    data = json.loads(path.read_text(encoding="utf-8"))
    for method in methods:
        entry = data["methods"].get(method.label)
        if entry is None:
            continue
        chosen = {row["factor"]: Candidate(method, *row["place"]) for row in entry["chosen"]}
        if data["problems"] != len(study.tuning) or not all(
            _is(study, chosen[row["factor"]], row) for row in entry["chosen"]
        ):
            raise RunError(f"{path} was tuned in another way; give the same arguments, or another folder")
        found[method.label] = Choice(
            chosen,
            {row["factor"]: row["accuracy"] for row in entry["chosen"]},
            {row["factor"]: row["nearest"] for row in entry["not reached"]},
            entry["tried"],
        )
    return found


def _is(study: TaskStudy, candidate: Candidate, row: Mapping[str, Any]) -> bool:
    """Whether the candidate is still what the row says."""
    ways = candidate.method.recipes
    known = candidate.recipe < len(ways) and candidate.rung < len(ways[candidate.recipe].ladder)
    return known and {**row, **_named(study, candidate)} == row


def best_methods(choices: Sequence[Mapping[str, Choice]], methods: Sequence[Method], count: int) -> list[str]:
    """Labels of the methods with the highest accuracy on the tuning problems at MAIN_FACTORS, summed over the
    tasks; a factor that is not reached counts 0. Left out: baselines, and what the exact checker scores."""

    def total(method: Method) -> float:
        return sum(choice[method.label].accuracy.get(f, 0.0) for choice in choices for f in MAIN_FACTORS)

    able = [m for m in methods if m.name not in BASELINES and m.scorer != EXACT]
    return [method.label for method in sorted(able, key=total, reverse=True)[:count]]


def is_main(method: Method, best: Sequence[str]) -> bool:
    """Whether it is evaluated on more problems: a baseline without the exact checker, or one of the best."""
    return method.label in best or (method.name in BASELINES and method.scorer != EXACT)
