"""Packed facts: rows of lines such as `58 - 12 = 46`, of which only the results are masked.

Arithmetic is what a small model learns slowest, and only few cells of a worked answer are arithmetic. In a
row of facts most are. The facts are written exactly as the lines of worked answers, so that what is
learned from them helps there too.
"""

from __future__ import annotations

import random

from tasks.steps import Fact, plain


def _operand(rng: random.Random, scales: tuple[int, ...], negative: float) -> int:
    scale = rng.choice(scales)
    value = rng.randint(0, scale)
    return -value if rng.random() < negative else value


EVEN = (0.32, 0.36, 0.22, 0.10)
SCALES = (20, 60, 200)


def draw_fact(
    rng: random.Random,
    kinds: tuple[float, ...] = EVEN,
    negative: float = 0.2,
    right_scales: tuple[int, ...] = SCALES,
    limit: int = 200,
) -> Fact:
    """One fact, every value within ±limit. `kinds`: shares of sums, differences, products and
    quotients; `negative`: share of negative operands of sums and differences; `right_scales`: the
    right operand of those is uniform up to one of these, drawn first. Half of them are in plain form (see
    tasks.steps.plain), as in answers to equations, half as drawn, as in answers to expressions."""
    kind = rng.choices("+-*/", kinds)[0]
    while True:
        if kind in "+-":
            left, right = _operand(rng, SCALES, negative), _operand(rng, right_scales, negative)
            result = left + right if kind == "+" else left - right
            written = plain(left, kind, right) if rng.random() < 0.5 else (left, kind, right)
            fact = Fact(*written, result)
        elif kind == "*":
            left, right = rng.randint(0, 20), rng.randint(0, 20)
            if rng.random() < 0.15:
                left = rng.randint(0, limit)
                right = rng.randint(0, limit // max(left, 1))
            left = -left if rng.random() < 0.12 else left
            right = -right if rng.random() < 0.06 else right
            fact = Fact(left, "*", right, left * right)
        else:
            right, quotient = rng.randint(1, 10), rng.randint(0, 25)
            right = -right if rng.random() < 0.3 else right
            quotient = -quotient if rng.random() < 0.3 else quotient
            fact = Fact(right * quotient, "/", right, quotient)
        if abs(fact.result) <= limit and abs(fact.left) <= limit:
            return fact
