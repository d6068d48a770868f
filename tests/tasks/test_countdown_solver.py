"""One solution of a countdown problem: right, in one order, found whenever there is one."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import pytest

from tasks import TASKS, CountdownSettings, CountdownTask, generate
from tasks.arithmetic import parse
from tasks.checks.step_check import check_steps
from tasks.countdown_solver import reachable, solve


@pytest.mark.parametrize(
    ("numbers", "target", "text", "expression"),
    [
        ((12, 30), 42, "30 + 12 = 42", "30 + 12"),
        ((3, 12), 4, "12 / 3 = 4", "12 / 3"),
        ((5, 9, 4), 10, "9 + 5 = 14\n14 - 4 = 10", "9 + 5 - 4"),
        ((30, 100, 93), 23, "93 + 30 = 123\n123 - 100 = 23", "93 + 30 - 100"),
        ((2, 3, 20), 14, "3 * 2 = 6\n20 - 6 = 14", "20 - 3 * 2"),
        ((7, 3, 5), 50, "7 + 3 = 10\n10 * 5 = 50", "(7 + 3) * 5"),
        ((2, 96, 6), 8, "6 * 2 = 12\n96 / 12 = 8", "96 / (6 * 2)"),
        ((6, 12, 16), 8, "16 * 6 = 96\n96 / 12 = 8", "16 * 6 / 12"),
    ],
)
def test_the_solution_is_the_first_of_the_order(
    numbers: tuple[int, ...], target: int, text: str, expression: str
) -> None:
    for shuffled in itertools.permutations(numbers):
        solution = solve(shuffled, target)
        assert solution is not None and (solution.text, solution.expression) == (text, expression)


def _values(numbers: tuple[int, ...]) -> set[Fraction]:
    """Every positive whole value of three numbers whose steps are positive and whole too."""

    def joined(a: Fraction, b: Fraction) -> set[Fraction]:
        values = {a + b, a - b, b - a, a * b} | ({a / b} if b else set()) | ({b / a} if a else set())
        return {value for value in values if value > 0 and value.denominator == 1}

    of_three: set[Fraction] = set()
    for a, b, c in itertools.permutations(map(Fraction, numbers)):
        for value in joined(a, b):
            of_three |= joined(value, c)
    return of_three


def test_whatever_can_be_made_is_made() -> None:
    rng = random.Random(0)
    for _ in range(60):
        numbers = tuple(rng.randint(1, 30) for _ in range(3))
        reachable = _values(numbers)
        for target in range(1, 101):
            solution = solve(numbers, target)
            assert (solution is not None) == (target in reachable), (numbers, target)
            if solution:
                read = parse(solution.expression)
                assert read.value == target and sorted(read.numbers) == sorted(numbers)
                assert all(step.true and step.result > 0 for step in solution.steps)


def test_other_counts_of_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="allowed: two or three"):
        solve((1, 2, 3, 4), 10)
    assert solve((1, 1), 7) is None


def test_the_share_of_two_numbers() -> None:
    rng = random.Random(0)
    counts = [
        CountdownTask(CountdownSettings(two=0.3)).generate(rng, "train").key.count(",") for _ in range(400)
    ]
    assert 80 < counts.count(1) < 160
    assert {
        CountdownTask(CountdownSettings(two=1.0)).generate(rng, "heldout").key.count(",") for _ in range(50)
    } == {1}
    with pytest.raises(ValueError, match=r"two is 1.5; allowed: 0..1"):
        CountdownSettings(two=1.5)


@pytest.mark.parametrize("numbers, target, wanted", [
    ((7,), 7, True), ((7,), 8, False), ((3, 5), 15, True), ((3, 5), 2, True), ((3, 5), 7, False),
    ((3, 5, 7), 15, True), ((2, 3, 4), 100, False), ((1, 3, 4, 6), 24, True),  # 6 / (1 - 3 / 4)
])  # fmt: skip
def test_whether_a_target_is_in_reach(numbers: tuple[int, ...], target: int, wanted: bool) -> None:
    assert reachable(numbers, target) is wanted


def test_every_worked_step_leaves_a_way() -> None:
    for problem in generate("countdown", "train", 200, 3):
        numbers = [int(n) for n in problem.fields["numbers"].split(",")]
        assert reachable(numbers, int(problem.fields["target"]))
        assert all(s.right for s in check_steps(TASKS["countdown"], problem.fields, problem.solution))
