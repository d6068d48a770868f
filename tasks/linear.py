"""Linear equations a x + b = c with an integer solution."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from tasks.core import (
    SPLITS,
    TRAIN,
    Problem,
    Verdict,
    between,
    draw_for,
    field_of,
    judge_number,
    plain_symbols,
    require,
)
from tasks.linear_phrasing import in_words, phrase_symbols, terms
from tasks.steps import step

LONGEST_EQUATION = 80
_TERM = re.compile(r"([+-]*)(?:([0-9]{1,6})\*?([a-zA-Z])|([a-zA-Z])|([0-9]{1,6}))")


@dataclass(frozen=True)
class LinearSettings:
    """Ranges: 1 <= |a| <= a_max, |b| <= b_max and x in x_min..x_max."""

    a_max: int = 9
    b_max: int = 20
    x_min: int = -9
    x_max: int = 20

    def __post_init__(self) -> None:
        """Refuse empty ranges."""
        require(self.a_max >= 1, "a_max", self.a_max, "1 or more")
        require(self.b_max >= 0, "b_max", self.b_max, "0 or more")
        require(self.x_min <= self.x_max, "x_max", self.x_max, f"x_min ({self.x_min}) or more")


def solution_text(a: int, b: int, c: int, letter: str) -> str:
    """The worked solution: move b across, then divide by a.

    The form is what a small model learns best (measured, docs/log.md). The sum has a line to itself:
    written as `2x = 7 - 3 = 4` it was often answered by a multiple of the 2 before it. Two negative
    numbers are added without their signs (for -6x + 12 = -90: `90 + 12 = 102`, then `-6x = -102`),
    because sums such as `-90 - 12` were learned last.
    """
    right = c - b
    x = right // a
    lines = []
    if b:
        both_negative = c < 0 < b
        lines.append(step(-c, "+", b, -right) if both_negative else step(c, "-", b, right))
    if b:
        lines.append(f"{terms(a, letter)} = {right}")
    if a == -1 or (a == 1 and not b):
        lines.append(f"{letter} = {x}")
    elif a != 1:
        lines.append(step(right, "/", a, x))
    return "\n".join(lines) + f"\n\\boxed{{{x}}}"


def _side(text: str) -> tuple[int, int, set[str]]:
    """Coefficient of the unknown, constant and letters of one side; ValueError when unreadable."""
    coefficient, constant, at = 0, 0, 0
    letters: set[str] = set()
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None or (at and not match.group(1)):
            raise ValueError(f"equation: cannot read {text[at : at + 12]!r}")
        signs, factor, letter, bare, number = match.groups()
        sign = -1 if signs.count("-") % 2 else 1
        if number is not None:
            constant += sign * int(number)
        else:
            letters.add(letter or bare)
            coefficient += sign * int(factor or 1)
        at = match.end()
    if not text:
        raise ValueError("equation: one side is empty; allowed: terms on both sides of =")
    return coefficient, constant, letters


def coefficients(equation: str) -> tuple[int, int, int]:
    """(a, b, c) of an equation written as a x + b = c, both sides collected; ValueError otherwise."""
    require(len(equation) <= LONGEST_EQUATION, "equation", equation[:20], "80 characters")
    sides = "".join(plain_symbols(equation).split()).split("=")
    require(len(sides) == 2, "equation", equation, "one = sign")
    (a1, b1, letters1), (a2, b2, letters2) = (_side(side) for side in sides)
    require(len(letters1 | letters2) == 1, "equation", equation, "exactly one unknown")
    require(a1 != a2, "equation", equation, "an equation with exactly one solution")
    if not a1:
        a1, b1, a2, b2 = a2, b2, a1, b1
    return a1 - a2, b1, b2


def solve(equation: str) -> Fraction:
    """The one solution of a written equation; ValueError when there is not exactly one."""
    a, b, c = coefficients(equation)
    return Fraction(c - b, a)


@dataclass(frozen=True)
class LinearTask:
    """Generates and checks linear equations; the right value is computed from the equation."""

    settings: LinearSettings = field(default_factory=LinearSettings)
    name: str = "linear"
    template: str = "What is the value of x if {equation}?"
    splits: tuple[str, ...] = SPLITS

    def generate(self, rng: random.Random, split: str) -> Problem:
        """Draw one problem of the split."""
        (a, b, c, x), key = draw_for(self, split, lambda: self._draw(rng))
        if split == TRAIN:
            letter, equation, prompt = self._phrase(rng, a, b, c)
        else:
            letter, equation = "x", f"{terms(a, 'x', b)} = {c}"
            prompt = self.template.format(equation=equation)
        solution = solution_text(a, b, c, letter)
        return Problem(self.name, {"equation": equation}, prompt, solution, str(x), key)

    def _draw(self, rng: random.Random) -> tuple[tuple[int, int, int, int], str]:
        """a, b, c and x of a x + b = c."""
        s = self.settings
        a = between(rng, 1, s.a_max) * (1 if rng.random() < 0.5 else -1)
        b, x = between(rng, -s.b_max, s.b_max), between(rng, s.x_min, s.x_max)
        c = a * x + b
        return (a, b, c, x), f"{a},{b},{c}"

    def _phrase(self, rng: random.Random, a: int, b: int, c: int) -> tuple[str, str, str]:
        """Letter, equation as written and prompt of a training problem."""
        if rng.random() < 0.15:
            prompt = in_words(rng, a, b, c)
            if prompt:
                return "x", f"{terms(a, 'x', b)} = {c}", prompt
        return phrase_symbols(rng, a, b, c)

    def check(self, problem: Mapping[str, str], response: str, *, answer: str | None = None) -> Verdict:
        """Judge a response by solving the equation; `answer` is not used."""
        truth = solve(field_of(problem, "equation"))
        return judge_number(response, truth, "solves the equation", "does not solve the equation")
