"""Integer expressions with + - * and parentheses."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.arithmetic import parse
from tasks.core import (
    SPLITS,
    TRAIN,
    Problem,
    Verdict,
    below,
    between,
    draw_for,
    field_of,
    judge_number,
    require,
)

TEMPLATE_SHARE = 0.7
"""Share of the training prompts in the task's own wording; the others take one of PHRASINGS."""
PHRASINGS = (
    "Calculate {e}.",
    "Evaluate: {e}",
    "Work out {e}.",
    "{e} = ?",
    "Compute {e}",
    "What does {e} equal?",
)
_SUM, _PRODUCT, _LEAF = 1, 2, 3
_Node = tuple[int, str, int]
"""A part of an expression: its value, its text, and how tightly its last operator binds (_SUM, _PRODUCT;
_LEAF for a number)."""


@dataclass(frozen=True)
class ExpressionSettings:
    """Operands lie in low..high, and every value on the way in -limit..limit. `two` and `three` are the
    shares of expressions with so many operands (the rest have four), `parenthesised` that of those with
    parentheses, `times` that of * among the operators."""

    low: int = 1
    high: int = 20
    limit: int = 200
    two: float = 0.2
    three: float = 0.4
    parenthesised: float = 0.4
    times: float = 0.3

    def __post_init__(self) -> None:
        """Refuse empty ranges and shares that are no probabilities."""
        require(self.low >= 1, "low", self.low, "1 or more")
        require(self.high >= self.low, "high", self.high, f"low ({self.low}) or more")
        require(self.limit >= 2 * self.high, "limit", self.limit, "twice high or more")
        for name in ("two", "three", "parenthesised", "times"):
            value = getattr(self, name)
            require(0 <= value <= 1, name, value, "0..1")
        require(self.times < 1, "times", self.times, "less than 1")
        require(self.two + self.three <= 1, "three", self.three, "at most 1 - two")


def _operator(rng: random.Random, times: float) -> str:
    u = rng.random()
    return "*" if u < times else "+" if u < (1 + times) / 2 else "-"


def _combine(op: str, left: _Node, right: _Node, steps: list[str]) -> _Node:
    """Join two parts by an operator, with the parentheses that are needed, and append the step."""
    a, a_text, a_binds = left
    b, b_text, b_binds = right
    value = a * b if op == "*" else a + b if op == "+" else a - b
    binds = _PRODUCT if op == "*" else _SUM
    if a_binds < binds:
        a_text = f"({a_text})"
    if b_binds <= binds:
        b_text = f"({b_text})"
    steps.append(f"{a} {op} {b} = {value}")
    return value, f"{a_text} {op} {b_text}", binds


def _tree(rng: random.Random, n: int, s: ExpressionSettings, steps: list[str]) -> _Node | None:
    """A random tree of n operands; None as soon as a value leaves the range."""
    if n == 1:
        value = between(rng, s.low, s.high)
        return value, str(value), _LEAF
    op = _operator(rng, s.times)
    cut = between(rng, 1, n - 1)
    left = _tree(rng, cut, s, steps)
    right = _tree(rng, n - cut, s, steps) if left else None
    if left is None or right is None:
        return None
    node = _combine(op, left, right, steps)
    return node if abs(node[0]) <= s.limit else None


def _flat(rng: random.Random, n: int, s: ExpressionSettings, steps: list[str]) -> _Node | None:
    """n operands without parentheses, products before sums and both from left to right."""
    total: _Node | None = None
    pending, left = "", n
    while left:
        value = between(rng, s.low, s.high)
        term: _Node = (value, str(value), _LEAF)
        left -= 1
        op = _operator(rng, s.times)
        while left and op == "*":
            value = between(rng, s.low, s.high)
            term = _combine("*", term, (value, str(value), _LEAF), steps)
            left -= 1
            if term[0] > s.limit:
                return None
            op = _operator(rng, s.times)
        total = _combine(pending, total, term, steps) if total else term
        if abs(total[0]) > s.limit:
            return None
        pending = op
    return total


def draw(rng: random.Random, s: ExpressionSettings) -> tuple[tuple[int, list[str]], str]:
    """Value and steps of a random expression, and its text, which is the problem's key."""
    u = rng.random()
    n = 2 if u < s.two else 3 if u < s.two + s.three else 4
    nested = n > 2 and rng.random() < s.parenthesised
    while True:
        steps: list[str] = []
        node = _tree(rng, n, s, steps) if nested else _flat(rng, n, s, steps)
        if node and (not nested or "(" in node[1]):
            return (node[0], steps), node[1]


def _spell(rng: random.Random, text: str) -> str:
    """One of the spellings of a training expression: × for one in five, spaces left out for 8 %."""
    if rng.random() < 0.2:
        text = text.replace("*", "\u00d7")
    return text.replace(" ", "") if rng.random() < 0.08 else text


@dataclass(frozen=True)
class ExpressionTask:
    """Generates and checks integer expressions; the right value is computed by tasks.arithmetic."""

    settings: ExpressionSettings = field(default_factory=ExpressionSettings)
    name: str = "expression"
    template: str = "What is {expression}?"
    splits: tuple[str, ...] = SPLITS

    def generate(self, rng: random.Random, split: str) -> Problem:
        """Draw one problem of the split."""
        (value, steps), key = draw_for(self, split, lambda: draw(rng, self.settings))
        text = _spell(rng, key) if split == TRAIN else key
        if split == TRAIN and rng.random() >= TEMPLATE_SHARE:
            prompt = PHRASINGS[below(rng, len(PHRASINGS))].format(e=text)
        else:
            prompt = self.template.format(expression=text)
        solution = "\n".join(steps) + f"\n\\boxed{{{value}}}"
        return Problem(self.name, {"expression": text}, prompt, solution, str(value), key)

    def check(self, problem: Mapping[str, str], response: str, *, answer: str | None = None) -> Verdict:
        """Judge a response by computing the expression; `answer` is not used."""
        truth = parse(field_of(problem, "expression")).value
        is_it, is_not = "is the value of the expression", "is not the value of the expression"
        return judge_number(response, truth, is_it, is_not)
