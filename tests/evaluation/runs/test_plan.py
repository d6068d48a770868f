"""Plans: lines from flags and files, worked examples, seeds, requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.runs.plan import Line, Plan, lines_of, read_lines
from evaluation.sets.problem_sets import Problem, ProblemSet
from evaluation.sets.worked import first_rows
from samplers.settings import SettingError

SET = ProblemSet("set", tuple(Problem(n, f"q{n} {{question}}", f"a{n}") for n in (1, 2, 3)))
SMALL = {"gen_length": 8, "block_length": 8, "steps": 8}


def test_settings_go_to_the_samplers_that_have_them() -> None:
    lines = lines_of(
        ["llada", "threshold"], ["gen_length=16", "threshold=0.8", "threshold.steps=2", "remasking=random"],
        {"gen_length": 64, "block_length": 8, "steps": 4, "unknown": 1}, "",
    )  # fmt: skip
    assert lines[0] == Line(
        "llada",
        "low_confidence",
        {"gen_length": 16, "block_length": 8, "steps": 4, "confidence": "random"},
    )
    assert lines[1].settings["threshold"] == 0.8 and lines[1].settings["steps"] == 2


def test_a_setting_that_no_sampler_has_is_refused() -> None:
    with pytest.raises(SettingError, match="set = 'luck=1' is not valid"):
        lines_of(["threshold"], ["luck=1"], {}, "")
    with pytest.raises(SettingError, match="set = 'threshold'"):
        lines_of(["threshold"], ["threshold"], {}, "")
    with pytest.raises(SettingError, match="steps = 7"):
        lines_of(["threshold"], ["gen_length=16", "block_length=8", "steps=7"], {}, "")


def test_only_samplers_that_need_a_scorer_get_one() -> None:
    plain, scored = lines_of(["threshold", "best_of_n"], [], {}, "checker")
    assert (plain.scorer, scored.scorer) == ("", "checker")


def test_worked_examples_are_left_out_of_the_questions() -> None:
    rest, shots = first_rows(SET, 1)
    plan = Plan(rest, (Line("a", "threshold", SMALL),), "Q: {question}", shots, seed=10)
    assert [m["content"] for m in plan.messages(rest.problems[0])] == [
        "Q: q1 {question}", "a1", "Q: q2 {question}",
    ]  # fmt: skip
    assert plan.request(plan.lines[0], rest.problems[0])["seed"] == 12
    with pytest.raises(ValueError, match="shots = 3"):
        first_rows(SET, 3)


def test_bad_plans_are_refused() -> None:
    line = Line("a", "threshold", SMALL)
    with pytest.raises(ValueError, match="template"):
        Plan(SET, (line,), "no mark")
    with pytest.raises(ValueError, match="each name once"):
        Plan(SET, (line, line))
    with pytest.raises(ValueError, match="the exact checker knows the bundled tasks only"):
        Plan(SET, (Line("b", "best_of_n", SMALL, "checker"),))
    with pytest.raises(ValueError, match="no reward model was given"):
        Plan(SET, (Line("b", "best_of_n", SMALL, "prm"),))
    with pytest.raises(ValueError, match="no head was given"):
        Plan(SET, (Line("b", "remedi", {**SMALL, "policy": "ups"}),))
    with pytest.raises(ValueError, match="seed = 9223372036854775807"):
        Plan(SET, (line,), seed=2**63 - 1)


def test_lines_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "lines.json"
    path.write_text('[{"label": "x", "sampler": "threshold", "settings": {"threshold": 0.5}}]')
    assert read_lines(path) == (Line("x", "threshold", {"threshold": 0.5}),)
    for bad in ("{", "[1]", '[{"label": "x"}]'):
        path.write_text(bad)
        with pytest.raises(ValueError, match="lines = lines.json"):
            read_lines(path)
