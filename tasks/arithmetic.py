"""A small recursive-descent parser for + - * / ( ) over integers; nothing is ever evaluated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from tasks.core import plain_symbols

LONGEST_EXPRESSION = 400
"""Characters of an expression, at most."""
DEEPEST = 40
"""Parentheses and signs inside each other, at most."""
_TOKEN = re.compile(r"\s*([0-9]{1,9}(?![0-9])|[-+*/()])")


Node = int | tuple[str, "Node", "Node"]
"""A number, or an operator with what stands left and right of it."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The exact value of an expression and the integers written in it, in order."""

    value: Fraction
    numbers: tuple[int, ...]


def _tokens(text: str) -> list[str]:
    if len(text) > LONGEST_EXPRESSION:
        raise ValueError(f"expression has {len(text)} characters; at most {LONGEST_EXPRESSION}")
    text = plain_symbols(text).rstrip()
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"unexpected {text[at : at + 12]!r} in the expression")
        tokens.append(match.group(1))
        at = match.end()
    return tokens


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

    def sum(self, depth: int) -> Node:
        node = self.product(depth)
        while self.peek() in ("+", "-"):
            node = (self.take(), node, self.product(depth))
        return node

    def product(self, depth: int) -> Node:
        node = self.factor(depth)
        while self.peek() in ("*", "/"):
            node = (self.take(), node, self.factor(depth))
        return node

    def factor(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise ValueError(f"the expression is nested deeper than {DEEPEST}")
        token = self.take()
        if token == "-":
            return ("-", 0, self.factor(depth + 1))
        if token == "(":
            node = self.sum(depth + 1)
            if self.take() != ")":
                raise ValueError("a parenthesis is not closed")
            return node
        if not token.isdigit():
            raise ValueError(f"expected a number, found {token or 'the end'!r}")
        self.numbers.append(int(token))
        return int(token)


def value_of(node: Node) -> Fraction:
    """The exact value of an expression's tree; ValueError when it divides by zero."""
    if isinstance(node, int):
        return Fraction(node)
    op, left, right = node[0], value_of(node[1]), value_of(node[2])
    if op == "/" and right == 0:
        raise ValueError("the expression divides by zero")
    return (
        left + right
        if op == "+"
        else left - right
        if op == "-"
        else (left * right if op == "*" else left / right)
    )


def _read(text: str) -> tuple[Node, tuple[int, ...]]:
    parser = _Parser(_tokens(text))
    node = parser.sum(0)
    if parser.peek():
        raise ValueError(f"unexpected {parser.peek()!r} after the expression")
    return node, tuple(parser.numbers)


def tree(text: str) -> Node:
    """The tree of an expression of at most 400 characters; ValueError says what is wrong with it."""
    return _read(text)[0]


def parse(text: str) -> Parsed:
    """Value and numbers of an expression of at most 400 characters; ValueError says what is wrong."""
    node, numbers = _read(text)
    return Parsed(value_of(node), numbers)
