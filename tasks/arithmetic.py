"""A small recursive-descent parser for + - * / ( ) over integers; nothing is ever evaluated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from tasks.core import plain_symbols

LONGEST_EXPRESSION = 400
DEEPEST = 40
_TOKEN = re.compile(r"\s*([0-9]{1,9}(?![0-9])|[-+*/()])")


@dataclass(frozen=True, slots=True)
class Parsed:
    """The exact value of an expression and the integers written in it, in order."""

    value: Fraction
    numbers: tuple[int, ...]


def _tokens(text: str) -> list[str]:
    if len(text) > LONGEST_EXPRESSION:
        raise ValueError(f"expression has {len(text)} characters; at most {LONGEST_EXPRESSION}")
    text = plain_symbols(text).rstrip()
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"unexpected {text[at:at + 12]!r} in the expression")
        found.append(match.group(1))
        at = match.end()
    return found


class _Parser:
    """sum = product (+|- product)*; product = factor (*|/ factor)*; factor = -factor | atom."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0
        self.numbers: list[int] = []

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def sum(self, depth: int) -> Fraction:
        value = self.product(depth)
        while self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            value += sign * self.product(depth)
        return value

    def product(self, depth: int) -> Fraction:
        value = self.factor(depth)
        while self.peek() in ("*", "/"):
            if self.take() == "*":
                value *= self.factor(depth)
                continue
            divisor = self.factor(depth)
            if divisor == 0:
                raise ValueError("the expression divides by zero")
            value /= divisor
        return value

    def factor(self, depth: int) -> Fraction:
        if depth > DEEPEST:
            raise ValueError(f"the expression is nested deeper than {DEEPEST}")
        token = self.take()
        if token == "-":
            return -self.factor(depth + 1)
        if token == "(":
            value = self.sum(depth + 1)
            if self.take() != ")":
                raise ValueError("a parenthesis is not closed")
            return value
        if not token.isdigit():
            raise ValueError(f"expected a number, found {token or 'the end'!r}")
        self.numbers.append(int(token))
        return Fraction(int(token))


def parse(text: str) -> Parsed:
    """Parse an expression of at most 400 characters; ValueError says what is wrong with it."""
    parser = _Parser(_tokens(text))
    value = parser.sum(0)
    if parser.peek():
        raise ValueError(f"unexpected {parser.peek()!r} after the expression")
    return Parsed(value, tuple(parser.numbers))
