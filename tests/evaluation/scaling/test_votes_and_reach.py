"""Majority votes, and the search for a rung that spends what is wanted."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.scaling.reach import AIM, Found, reached, search
from evaluation.scaling.votes import reading, voted, winner


def test_most_answers_win_and_ties_go_to_the_first_said() -> None:
    assert winner(["3", "4", "4"]) == 1
    assert winner(["3", "4"]) == 0
    assert winner(["4", "3", "3", "4"]) == 0
    assert winner([None, "7", None]) == 1  # no answer has no vote
    assert winner([None, None]) == 0


def test_an_answer_is_what_the_checker_reads() -> None:
    assert reading("x = 5") == reading("+5") == reading("05") == reading("10/2") == "5"
    assert reading("1 2\n3 4") == reading("12 34")
    assert reading("3+4") != reading("4+3") and reading(None) is None
    assert winner(["4", "x = 5", "05"]) == 1


def test_a_vote_costs_what_all_draws_cost() -> None:
    draws = [
        {"line": "a", "row": 1, "extracted": said, "correct": said == "5", "nfe": nfe, "scorer_calls": 2,
         "seconds": 0.5}
        for said, nfe in (("4", 10), ("5", 12), ("5", 8))
    ]  # fmt: skip
    row = voted(draws)
    assert row["correct"] and (row["nfe"], row["scorer_calls"], row["seconds"]) == (30, 6, 1.5)
    failed = {"line": "a", "row": 1, "error": "too long", "correct": None}
    assert voted([failed, draws[0]])["extracted"] == "4"
    assert voted([failed])["error"] == "too long"


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=20), st.floats(0.1, 100))
@settings(max_examples=60, deadline=None)
def test_the_search_ends_at_the_highest_rung_that_can_be_paid(costs: list[float], wanted: float) -> None:
    ladder = sorted(costs)
    measured: dict[int, float] = {}
    while (found := search(len(ladder), measured, wanted)).probe is not None:
        assert found.probe not in measured
        measured[found.probe] = ladder[found.probe]
    assert len(measured) <= math.floor(math.log2(len(ladder))) + 1
    affordable = [rung for rung, nfe in enumerate(ladder) if nfe <= AIM * wanted]
    assert found.use == (max(affordable) if affordable else None)


def test_a_factor_that_no_rung_comes_near_is_not_reached() -> None:
    assert search(3, {1: 20.0, 0: 18.0}, 10.0) == Found()  # the lowest spends too much
    assert search(2, {0: 10.0, 1: 20.0}, 40.0) == Found(use=1)
    assert not reached(20.0, 40.0)  # and the highest too little
    assert reached(30.0, 40.0) and reached(46.0, 40.0) and not reached(46.1, 40.0)
