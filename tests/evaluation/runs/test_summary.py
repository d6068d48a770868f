"""Summaries and comparisons against what can be counted by hand; sentences people understand."""

from __future__ import annotations

from typing import Any

import pytest

from evaluation.runs.summary import Comparison, by_line, compare, p_text, summarise
from evaluation.statistics import holm


def row(line: str, number: int, correct: bool | None, **more: Any) -> dict[str, Any]:
    return {
        "line": line, "row": number, "correct": correct, "extracted": "1", "nfe": 10, "scorer_calls": 2,
        "seconds": 0.5, "tokens": 32, **more,
    }  # fmt: skip


def marks(line: str, text: str) -> list[dict[str, Any]]:
    return [row(line, n, {"1": True, "0": False, "?": None}[c]) for n, c in enumerate(text, 1)]


def test_a_line_by_hand() -> None:
    rows = [*marks("a", "110?"), {"line": "a", "row": 5, "correct": None, "error": "too long"}]
    rows[2] |= {"extracted": None, "by_hand": True}
    s = summarise("a", rows)
    assert (s.rows, s.correct, s.graded, s.ungraded, s.failed, s.by_hand) == (5, 2, 3, 1, 1, 1)
    assert s.accuracy == pytest.approx(2 / 3) and s.answered == 0.75
    assert (s.nfe, s.scorer_calls, s.seconds, s.speed) == (10, 2, 0.5, 64)
    empty = summarise("a", [])
    assert empty.accuracy is None and empty.interval == (0.0, 1.0)


def test_pairs_use_rows_that_both_have_graded() -> None:
    found = by_line([*marks("a", "1111100?"), *marks("b", "100000")], ["a", "b"])
    (c,) = compare(found)
    assert (c.rows, c.only_first, c.only_second) == (6, 4, 0)
    assert c.gap == pytest.approx(4 / 6) and c.p == 0.125 and c.low <= c.gap <= c.high
    assert c.points == f"+66.7 points (95%: +{100 * c.low:.1f} to +{100 * c.high:.1f})"
    assert c.words == f"a solves 4 more of 6 than b, {c.points}; that could be chance: p = .12."


def test_words_for_every_outcome() -> None:
    def words(a: str, b: str) -> str:
        return compare(by_line([*marks("a", a), *marks("b", b)], ["a", "b"]))[0].words

    assert words("", "1") == "a and b have no graded row in common yet."
    assert words("10", "10") == "a and b agree on every one of 2 rows."
    assert words("1", "1") == "a and b agree on the one row."
    assert words("10", "01") == (
        "a and b solve as many of 2, not always the same ones: 0.0 points (95%: −100.0 to +100.0)."
    )
    clear = words("0" * 20, "1" * 20)
    gap = "+100.0 points (95%: +100.0 to +100.0)"
    assert clear == f"b solves 20 more of 20 than a, {gap}; that is hardly chance: p < .001."


def test_m42_a_corrected_p_says_so_beside_the_one_alone() -> None:
    """The interval is of one comparison: the p of several may say something else."""
    rows = [*marks("a", "11111100"), *marks("b", "00000000"), *marks("c", "00000001")]
    words = [c.words for c in compare(by_line(rows, ["a", "b", "c"]))]
    assert "that could be chance: p = .094 after Holm for 3 comparisons; alone it would be .031." in words[0]
    assert words[0].startswith("a solves 6 more of 8 than b")


def test_the_interval_is_that_of_the_better_less_the_worse() -> None:
    c = Comparison("a", "b", 500, 3, 11, -0.016, -0.022, 0.0004, 0.057, 0.057)
    assert c.points == "+1.6 points (95%: 0.0 to +2.2)"
    assert c.words.startswith("b solves 8 more of 500 than a, +1.6 points (95%: 0.0 to +2.2); that could be")


def test_holm_against_the_published_steps() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([]) == []


def test_p_values_as_people_write_them() -> None:
    assert [p_text(p) for p in (0.0001, 0.031, 0.12, 1.0)] == ["< .001", "= .031", "= .12", "= 1"]


def test_several_pairs_are_corrected() -> None:
    found = by_line([*marks("a", "1" * 8), *marks("b", "0" * 8), *marks("c", "0" * 8)], ["a", "b", "c"])
    first = compare(found)[0]
    assert first.adjusted == pytest.approx(3 * first.p)
