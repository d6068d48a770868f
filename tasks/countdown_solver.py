"""One solution of a countdown problem, the same for all that have several.

A problem of three numbers mostly has several: `9 + 5 - 4`, `9 - 4 + 5`, `5 - (4 - 9)`. A model that is
shown now one, now another can only learn to be unsure, so worked answers always show the first of a fixed
order: sums before products, what is added before what is taken away, the larger number first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations

from tasks.steps import Fact

_SIGNS = {2: ((1, 1), (1, -1)), 3: ((1, 1, 1), (1, 1, -1), (1, -1, 1), (-1, 1, 1), (1, -1, -1))}
"""The signs of two and of three numbers, the largest first. Of all others the sum is negative, or is that of
one of these for other numbers."""


@dataclass(frozen=True, slots=True)
class Solution:
    """An expression and its steps; every value on the way is positive, every quotient exact."""

    steps: tuple[Fact, ...]
    expression: str

    @property
    def text(self) -> str:
        """The steps, one a line."""
        return "\n".join(f"{step.question}{step.result}" for step in self.steps)


def solve(numbers: Sequence[int], target: int) -> Solution | None:
    """The first solution of two or three numbers; None where there is none whose values are all positive
    whole numbers. ValueError: another count of numbers."""
    if len(numbers) not in _SIGNS:
        raise ValueError(f"numbers is {list(numbers)!r}; allowed: two or three")
    descending = sorted(numbers, reverse=True)
    candidates = _of_two(*descending) if len(descending) == 2 else _of_three(*descending)
    return next((found for found in candidates if found.steps[-1].result == target), None)


def _apply(left: int, op: str, right: int) -> Fact | None:
    """The step, or None where its result is no positive whole number."""
    if op == "/":
        return Fact(left, op, right, left // right) if left % right == 0 else None
    result = left + right if op == "+" else left - right if op == "-" else left * right
    return Fact(left, op, right, result) if result > 0 else None


def _sums(numbers: Sequence[int]) -> Iterator[Solution]:
    """Sums and differences, from the largest number that is added."""
    for signs in _SIGNS[len(numbers)]:
        added = [n for n, sign in zip(numbers, signs, strict=True) if sign > 0]
        taken = [n for n, sign in zip(numbers, signs, strict=True) if sign < 0]
        total, expression, steps = added[0], str(added[0]), []
        for op, number in [("+", n) for n in added[1:]] + [("-", n) for n in taken]:
            step = _apply(total, op, number)
            if step is None:
                break
            steps.append(step)
            total, expression = step.result, f"{expression} {op} {number}"
        else:
            yield Solution(tuple(steps), expression)


def _of_two(a: int, b: int) -> Iterator[Solution]:
    yield from _sums((a, b))
    for op in "*/":
        if step := _apply(a, op, b):
            yield Solution((step,), f"{a} {op} {b}")


def _of_three(a: int, b: int, c: int) -> Iterator[Solution]:
    yield from _sums((a, b, c))
    # Two quotients are never needed: a / (b / c) is a * c / b, and (a / b) / c is a / (b * c).
    pairs = ((a, b, c), (a, c, b), (b, c, a))
    for first_ops, second_ops in (("*", "+-"), ("/", "+-"), ("+-", "*/"), ("*", "*/")):
        for left, right, third in pairs:
            for op in first_ops:
                if first := _apply(left, op, right):
                    yield from _completed(first, second_ops, third)


def _completed(first: Fact, second_ops: str, third: int) -> Iterator[Solution]:
    """The first step joined with the third number in every way."""
    value, inner = first.result, f"{first.left} {first.op} {first.right}"
    if second_ops == "*/" and first.op in "+-":
        inner = f"({inner})"
    for op in second_ops:
        if second := _apply(value, op, third):
            yield Solution((first, second), f"{inner} {op} {third}")
        if op in "-/" and (second := _apply(third, op, value)):
            wrapped = f"({inner})" if op == "/" and first.op == "*" else inner
            yield Solution((first, second), f"{third} {op} {wrapped}")


def reachable(numbers: Sequence[int | Fraction], target: int) -> bool:
    """Whether the target can be made of the numbers, each used once, with + - * / and any values on the
    way."""
    return _reachable(tuple(sorted(map(Fraction, numbers))), Fraction(target))


@lru_cache(1 << 16)
def _reachable(numbers: tuple[Fraction, ...], target: Fraction) -> bool:
    if len(numbers) == 1:
        return numbers[0] == target
    for i, j in combinations(range(len(numbers)), 2):
        a, b = numbers[i], numbers[j]
        rest = [n for k, n in enumerate(numbers) if k not in (i, j)]
        results = {a + b, a - b, b - a, a * b} | {x / y for x, y in ((a, b), (b, a)) if y}
        if any(_reachable(tuple(sorted((*rest, result))), target) for result in results):
            return True
    return False
