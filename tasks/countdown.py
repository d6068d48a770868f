"""Countdown: make a target from two or three numbers, each used exactly once, with + - * /."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import add, floordiv, mul, sub

from tasks.arithmetic import parse
from tasks.core import (
    SPLITS,
    TRAIN,
    Problem,
    Verdict,
    below,
    between,
    boxed_answer,
    draw_for,
    field_of,
    require,
)
from tasks.countdown_solver import solve
from tasks.exclude import countdown_key

PLAIN_SHARE = 0.7
"""Share of the training prompts in the task's own wording; the others take one of PHRASINGS."""
PHRASINGS = (
    "Make {target} from {numbers}, using each number once.",
    "Countdown: {numbers} -> {target}",
    "Combine {numbers} with + - * / to get {target}.",
    "Reach {target} with the numbers {numbers}.",
)
_RESULT = re.compile(r"=\s*(-?[0-9]{1,9})\s*$")
_NUMBERS = re.compile(r"\s*[0-9]{1,6}(\s*,\s*[0-9]{1,6}){1,5}\s*")


@dataclass(frozen=True)
class CountdownSettings:
    """Numbers and targets lie in 1..highest; `factor_max` bounds what is multiplied or divided by.

    `times` and `divide` are the shares of * and / among the drawn operators, `two` is that of problems with
    two numbers.
    """

    highest: int = 100
    factor_max: int = 12
    times: float = 0.15
    divide: float = 0.12
    two: float = 0.0

    def __post_init__(self) -> None:
        """Refuse ranges that leave nothing to draw."""
        require(self.highest >= 4, "highest", self.highest, "4 or more")
        require(
            2 <= self.factor_max <= self.highest // 2,
            "factor_max",
            self.factor_max,
            f"2..{self.highest // 2} (half of highest)",
        )
        for name in ("times", "divide"):
            value = getattr(self, name)
            require(0 <= value < 0.5, name, value, "0 up to, not with, 0.5")
        require(0 <= self.two <= 1, "two", self.two, "0..1")


def _operator(rng: random.Random, s: CountdownSettings) -> str:
    u = rng.random()
    if u < s.times:
        return "*"
    if u < s.times + s.divide:
        return "/"
    return "+" if rng.random() < 0.5 else "-"


def _first(rng: random.Random, s: CountdownSettings) -> tuple[int, str, int]:
    """Two numbers, the larger first, and the operator between them; a quotient is exact."""
    op = _operator(rng, s)
    if op in "*/":
        b = between(rng, 2, s.factor_max)
        q = between(rng, 2, s.highest // b)
        if op == "/":
            return q * b, op, b
        return max(q, b), op, min(q, b)
    a, b = between(rng, 1, s.highest), between(rng, 1, s.highest)
    return max(a, b), op, min(a, b)


def _second(rng: random.Random, s: CountdownSettings, v: int) -> tuple[str, int, bool] | None:
    """Operator, third number and whether that stands left of v, the value so far; None where the drawn
    operator cannot continue from v."""
    op = _operator(rng, s)
    if op == "*":
        if v > s.highest // 2:
            return None
        return op, between(rng, 2, min(s.factor_max, s.highest // v)), False
    if op == "/":
        c = between(rng, 2, s.factor_max)
        if v % c == 0:
            return op, c, False
        c = between(rng, 1, s.highest)
        return (op, c, True) if v > 1 and c % v == 0 else None
    c = between(rng, 1, s.highest)
    return op, c, op == "-" and c > v


_VALUES: dict[str, Callable[[int, int], int]] = {
    "+": add,
    "-": sub,
    "*": mul,
    "/": floordiv,
}


def draw(rng: random.Random, s: CountdownSettings) -> tuple[tuple[list[int], int], str]:
    """A random solvable problem as (numbers, target), and its key."""
    pair = s.two > 0 and rng.random() < s.two
    while True:
        a, op, b = _first(rng, s)
        value, numbers = _VALUES[op](a, b), [a, b]
        if not pair:
            second = _second(rng, s, value) if value > 0 else None
            if second is None:
                continue
            op, c, swapped = second
            x, y = (c, value) if swapped else (value, c)
            value, numbers = _VALUES[op](x, y), [a, b, c]
        if 1 <= value <= s.highest:
            return (numbers, value), countdown_key(numbers, value)


@dataclass(frozen=True)
class CountdownTask:
    """Generates and checks countdown: any expression is right that uses each number once and makes the
    target."""

    settings: CountdownSettings = field(default_factory=CountdownSettings)
    name: str = "countdown"
    template: str = "Use the numbers {numbers} to make {target}."
    splits: tuple[str, ...] = SPLITS

    def generate(self, rng: random.Random, split: str) -> Problem:
        """Draw one problem of the split."""
        (numbers, target), key = draw_for(self, split, lambda: draw(rng, self.settings))
        solution = solve(numbers, target)
        assert solution is not None, "what was drawn from a solution has one"
        rng.shuffle(numbers)
        phrasing, comma = self.template, ","
        if split == TRAIN:
            comma = ", " if rng.random() < 0.5 else ","
            if rng.random() >= PLAIN_SHARE:
                phrasing = PHRASINGS[below(rng, len(PHRASINGS))]
        fields = {"numbers": comma.join(map(str, numbers)), "target": str(target)}
        worked = f"{solution.text}\n\\boxed{{{solution.expression}}}"
        return Problem(self.name, fields, phrasing.format(**fields), worked, solution.expression, key)

    def check(self, problem: Mapping[str, str], response: str, *, answer: str | None = None) -> Verdict:
        """Judge a response by its expression, exactly in fractions; `answer` is not used."""
        text, target = field_of(problem, "numbers"), field_of(problem, "target").strip()
        require(_NUMBERS.fullmatch(text) is not None, "numbers", text, "2 to 6 like 30,100,93")
        require(target.isascii() and target.isdigit(), "target", target, "a whole number")
        boxed = boxed_answer(response)
        if isinstance(boxed, Verdict):
            return boxed
        claim = _RESULT.search(boxed)
        if claim and int(claim.group(1)) != int(target):
            return Verdict(False, boxed, f"The answer says it makes {claim.group(1)}.")
        expression = boxed[: claim.start()].strip() if claim else boxed
        try:
            parsed = parse(expression)
        except ValueError as error:
            return Verdict(False, boxed, f"Not a valid expression: {error}.")
        if sorted(parsed.numbers) != sorted(int(n) for n in text.split(",")):
            return Verdict(False, expression, "It does not use each number exactly once.")
        if parsed.value != int(target):
            return Verdict(False, expression, f"It makes {parsed.value}, not {target}.")
        return Verdict(True, expression, "It uses each number once and makes the target.")
