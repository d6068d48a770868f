"""Tuning: what is decoded, what is chosen of it, what cannot be reached, and that it is written down."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.runs.run_folder import ResultRow, RunError, RunFolder
from evaluation.scaling.choice import (
    Choice,
    best_methods,
    choose,
    is_main,
    last_goals,
    save,
    saved,
    with_last,
)
from evaluation.scaling.folders import write_report
from evaluation.scaling.methods import METHODS, PLAIN, VOTE
from evaluation.scaling.points import AGAINST, points_of
from evaluation.scaling.reach import reached
from evaluation.scaling.results import TaskResult, as_data, as_markdown
from evaluation.scaling.study import (
    BASE,
    CALIBRATION,
    FACTORS,
    LAST,
    TUNED,
    Candidate,
    Goal,
    TaskStudy,
    tuning_goals,
)
from evaluation.scaling.workers import CHUNK, Chunk, chunk_size
from evaluation.sets.problem_sets import Problem

OWN = {"gen_length": 32, "block_length": 8, "steps": 32, "early_stop": True}
PROBLEMS = tuple(Problem(n, f"What is {n} + 1?", str(n + 1), "expression", {}) for n in range(1, 11))
METHOD = {method.label: method for method in METHODS}
TUNING, ASKED = PROBLEMS[:4], PROBLEMS[4:]
Judge = Callable[[Chunk, Problem], bool]


def a_study(folder: Path) -> TaskStudy:
    return TaskStudy("sums", OWN, RunFolder(folder), TUNING, ASKED)


def decoded(study: TaskStudy, chunks: list[Chunk], judge: Judge = lambda chunk, problem: True) -> None:
    """Rows as they would be decoded: NFE is the steps times the samples; a wrong answer says "no"."""
    rows: list[ResultRow] = []
    for chunk in chunks:
        settings = chunk.line.settings
        work = settings["steps"] * settings.get("num_samples", 1)
        for problem in chunk.problems:
            right = judge(chunk, problem)
            said = "1" if right else "2"
            rows.append({"line": chunk.label, "row": problem.number, "nfe": work, "scorer_calls": 0,
                         "seconds": 0.1, "tokens": 8, "correct": right, "extracted": said})  # fmt: skip
    study.folder.append(rows)
    study.take(rows)


def tune(
    study: TaskStudy, labels: list[str], judge: Judge = lambda chunk, problem: True
) -> dict[str, Choice]:
    """What a course does up to its choices."""
    methods = [METHOD[label] for label in labels]
    decoded(study, study.missing([(BASE, study.tuning)]), judge)
    goals = tuning_goals(methods)
    while chunks := study.probes(goals):
        decoded(study, chunks, judge)
    while chunks := study.missing((c, study.tuning) for _, c in study.tuned(goals)):
        decoded(study, chunks, judge)
    choices = {method.label: choose(study, method) for method in methods}
    while chunks := study.probes([goal for choice in choices.values() for goal in last_goals(choice)]):
        decoded(study, chunks, judge)
    return {method.label: with_last(study, method, choices[method.label]) for method in methods}


def test_plain_decoding_is_saturated_and_best_of_n_is_not(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    plain, best = tune(study, ["plain", "best_of_n, prm"]).values()
    assert list(plain.chosen) == [0.25, 0.5, 1.0]
    assert plain.nearest == {2.0: 1.0, 4.0: 1.0, 8.0: 1.0}
    assert list(best.chosen) == list(FACTORS) and not best.nearest
    nfe = {f: study.score(c, study.calibration) for f, c in best.chosen.items()}
    assert {f: score.nfe / 32 for f, score in nfe.items() if score} == {f: f for f in FACTORS}


def test_the_most_accurate_recipe_is_chosen_and_of_equals_the_first(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    plain, best = tune(
        study, ["plain", "best_of_n, prm"], lambda chunk, p: "T 1, two" in chunk.label or p.number % 2 == 0
    ).values()
    names = {f: c.method.recipes[c.recipe].name for f, c in best.chosen.items()}
    assert set(names.values()) == {"T 1, two tokens"} and set(best.accuracy.values()) == {1.0}
    assert {c.recipe for c in plain.chosen.values()} == {0} and plain.accuracy[1.0] == 0.5
    assert all(len([row for row in best.tried if row["factor"] == f]) == 6 for f in TUNED)
    assert best.chosen[LAST].recipe == best.chosen[TUNED[-1]].recipe


def test_a_rung_that_all_tuning_problems_find_too_dear_gives_way_to_a_lower_one(tmp_path: Path) -> None:
    """The problems of the calibration take a window seldom, the other ones always, and 8 NFE a candidate."""
    study = TaskStudy("sums", OWN, RunFolder(tmp_path), PROBLEMS[:8], ())
    method = METHOD["backmask, prm"]

    def rows(chunks: list[Chunk]) -> None:
        made: list[ResultRow] = []
        for chunk in chunks:
            settings = chunk.line.settings
            candidates = settings.get("num_demasking_candidates", 0)
            for problem in chunk.problems:
                often = 0.25 if problem.number <= CALIBRATION else 1
                nfe = settings["steps"] + int(8 * candidates * often)
                made.append({"line": chunk.label, "row": problem.number, "nfe": nfe, "scorer_calls": 0,
                             "seconds": 0.1, "tokens": 8, "correct": True, "extracted": "1"})  # fmt: skip
        study.take(made)

    rows(study.missing([(BASE, study.tuning)]))
    goals = [Goal(method, 0, 2.0)]
    while chunks := study.probes(goals):
        rows(chunks)
    (_, near), counts = study.near(goals)[0], []
    while chunks := study.missing((c, study.tuning) for _, c in study.tuned(goals)):
        counts.append(len(chunks))
        rows(chunks)
    tuned = [candidate for _, candidate in study.tuned(goals)]
    assert tuned[0] == near and [c.rung for c in tuned] == sorted((c.rung for c in tuned), reverse=True)
    first, last = study.score(tuned[0], study.tuning), study.score(tuned[-1], study.tuning)
    assert first and not reached(first.nfe, 64)
    assert last and reached(last.nfe, 64) and len(counts) == len(tuned) > 1


def test_only_what_is_missing_is_decoded_and_draws_are_shared(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    ladder = VOTE.recipes[0].ladder
    rung = {
        count: next(i for i, r in enumerate(ladder) if (r.pace, r.draws) == (1, count)) for count in (1, 2, 4)
    }
    chunks = study.missing([(Candidate(VOTE, 0, rung[n]), study.tuning) for n in (1, 2, 4)])
    assert sorted(chunk.draw for chunk in chunks) == [1, 2, 3, 4]
    assert len({chunk.label for chunk in chunks}) == 4 and len({chunk.line.label for chunk in chunks}) == 1
    decoded(study, chunks[:2])
    again = TaskStudy("sums", OWN, RunFolder(tmp_path), TUNING, ASKED)  # as after a kill
    assert again.missing([(Candidate(VOTE, 0, rung[2]), again.tuning)]) == []
    assert again.score(Candidate(VOTE, 0, rung[4]), again.tuning) is None
    assert len(again.missing([(Candidate(VOTE, 0, rung[4]), again.tuning)])) == 2


def test_wide_lines_go_in_smaller_chunks() -> None:
    wide = METHOD["backmask, prm"]
    last = len(wide.recipes[0].ladder) - 1
    assert chunk_size(wide.line(0, last, OWN)) == 4 and chunk_size(PLAIN.line(0, 0, OWN)) == CHUNK


def test_what_was_chosen_is_written_down_and_stays(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    methods = [PLAIN, METHOD["best_of_n, prm"]]
    choices = tune(study, [method.label for method in methods])
    save(study, choices)
    assert saved(study, methods) == choices
    assert saved(study, [VOTE]) == {}
    other = TaskStudy("sums", OWN, RunFolder(tmp_path), PROBLEMS[:3], ASKED)
    with pytest.raises(RunError, match="tuned in another way"):
        saved(other, methods)
    data = json.loads((tmp_path / "chosen.json").read_text())
    data["methods"]["plain"]["chosen"][0]["settings"]["steps"] = 7
    (tmp_path / "chosen.json").write_text(json.dumps(data))
    with pytest.raises(RunError, match="tuned in another way"):
        saved(study, methods)


def test_the_best_methods_are_no_baselines_and_ask_no_exact_checker(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    labels = ["plain", "vote", "best_of_n, prm", "vanilla_prm, exact", "remedi", "wino"]
    choices = tune(study, labels, lambda chunk, p: "remedi" not in chunk.label or p.number == 1)
    methods = [METHOD[label] for label in labels]
    best = best_methods([choices], methods, 1)
    assert best == ["wino"]
    mains = [m.label for m in methods if is_main(m, best)]
    assert mains == ["plain", "vote", "best_of_n, prm", "wino"]


def test_points_are_compared_with_the_baselines_on_the_same_problems(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    labels = ["plain", "vote", "best_of_n, prm", "best_of_n, exact"]

    def judge(chunk: Chunk, problem: Problem) -> bool:
        return chunk.line.scorer == "prm" or (chunk.line.scorer == "checker" and problem.number > 5)

    choices = tune(study, labels, judge)
    counts = {(label, f): 6 if f == 2 and "exact" not in label else 3 for label in labels for f in FACTORS}
    work = [(c, ASKED[: counts[label, f]]) for label, ch in choices.items() for f, c in ch.chosen.items()]
    decoded(study, study.missing(work), judge)
    points = {(p.method.label, p.factor): p for p in points_of(study, choices, counts)}
    prm = points["best_of_n, prm", 2.0]
    assert prm.summary.correct == prm.summary.graded == 6 and prm.times == (2.0, 2.0, 2.0)
    assert prm.against["plain"].rows == 3 and prm.against["vote"].rows == 6  # what both answered
    assert prm.against["plain"].second == "plain at 1"  # all that it can spend
    exact = points["best_of_n, exact", 2.0]
    assert set(exact.against) == {"plain", "vote"} and exact.against["vote"].only_first == 2
    result = TaskResult("sums", list(points.values()), choices, len(TUNING))
    text = as_markdown(result)
    assert "plain does not reach, and has no point at: 2 (nearest 1.00)" in text and "saturated" in text
    assert "| best_of_n, prm | 2 | 64.0 | 2.00 (2.00 – 2.00) | 6 | 100.0% |" in text
    data = as_data(result)
    assert data["not reached"]["plain"] == {"2": 1.0, "4": 1.0, "8": 1.0}
    assert len(data["points"]) == len(points) == 3 + 3 * 6
    for name in ("sums", "more"):  # studied one after the other
        (tmp_path / "all" / name).mkdir(parents=True)
        said = write_report(tmp_path / "all", [(tmp_path / "all" / name, replace(result, name=name))])
        assert f"### {name}\n" in said
    assert "### sums\n" in said and "more: reward model" in (tmp_path / "all" / "scaling.svg").read_text()
    assert [task["task"] for task in json.loads((tmp_path / "all" / "summary.json").read_text())] == [
        "more",
        "sums",
    ]
    surely = dict.fromkeys(AGAINST, replace(prm.against["plain"], gap=0.2, low=0.01))
    barely = surely | {"vote": replace(prm.against["plain"], gap=0.2, low=0.0)}
    assert replace(prm, against=surely).beats_all and not replace(prm, against=barely).beats_all
    assert not replace(prm, against={"plain": surely["plain"]}).beats_all and not prm.beats_all
