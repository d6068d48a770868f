"""What a study is said to cost."""

from __future__ import annotations

from evaluation.scaling.choice import MAIN_FACTORS
from evaluation.scaling.estimate import Cost, Sizes, Speed, costs
from evaluation.scaling.methods import chosen_methods
from evaluation.scaling.recipes import REWARD

SPEED = Speed(nfe=10, plain=0.01, judged=0.02)


def main_points(sizes: Sizes) -> Cost:
    """Of one task, with all methods that a reward model may score."""
    phases = {cost.phase: cost for cost in costs(chosen_methods([], [REWARD]), [SPEED], sizes)}
    return phases["main points"]


def test_each_of_the_best_methods_costs_as_much_as_best_of_n() -> None:
    none, one, two = (main_points(Sizes(1000, 200, 32, best)) for best in (0, 1, 2))
    more = (1000 - 200) * SPEED.nfe * sum(MAIN_FACTORS)
    assert one.nfe - none.nfe == two.nfe - one.nfe == more
    assert one.seconds - none.seconds == more * SPEED.judged
    assert two.nfe == main_points(Sizes(1000, 200, 32)).nfe


def test_no_more_problems_no_cost() -> None:
    assert main_points(Sizes(200, 200, 32)).nfe == main_points(Sizes(100, 200, 32)).nfe == 0
