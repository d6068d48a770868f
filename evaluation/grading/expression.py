"""Read an answer's LaTeX into a small tree, with a grammar that refuses ambiguous texts.

math-verify's parser reads `3(4)` as 7, `52_8` as 52 and `X` as `x`. So answers are read here, and
`expression_latex` writes them out with every product and bracket in place before math-verify sees them.
Pure and bounded: MOST_LETTERS letters, MOST_TOKENS signs, MOST_DEPTH brackets or functions deep.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

MOST_LETTERS, MOST_TOKENS, MOST_DEPTH = 1_000, 200, 30
FUNCTIONS = frozenset("sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln log exp".split())
INVERSES = {"sin": "arcsin", "cos": "arccos", "tan": "arctan"}
GREEK = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho "
    "sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega ell".split()
)
PAIRS = {"(": ")", "{": "}", "|": "|", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}
CALLED = "fgFG"
"""Letters that before a bracket are more likely functions than factors: refused there."""
_TOKEN = re.compile(
    r"\d*\.\d*\\overline\{\d+\}|\\[A-Za-z]+|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3}(?!\d))?"
    r"|[A-Za-z]|[-+*/^_!|(){}\[\]]|\s+",
    re.ASCII,
)


class Unreadable(ValueError):
    """The text is no expression of this grammar, or an ambiguous one."""


@dataclass(frozen=True)
class Node:
    """op: number, symbol, pi, e, i, or an operation on `parts`; name: of a symbol or function."""

    op: str
    parts: tuple[Node, ...] = ()
    value: Fraction = Fraction(0)
    name: str = ""


def parse(text: str) -> Node:
    """The tree of an expression in canonical LaTeX (`answer_text.canonical`); Unreadable otherwise."""
    if len(text) > MOST_LETTERS:
        raise Unreadable(f"{len(text)} letters; allowed: {MOST_LETTERS}")
    tokens, end = [], 0
    for match in _TOKEN.finditer(text):
        if match.start() != end:
            break
        tokens.append(match.group())
        end = match.end()
    if end != len(text):
        raise Unreadable(f"{text[end]!r} belongs to no expression")
    parser = _Parser([token for token in tokens if not token.isspace()])
    if len(parser.tokens) > MOST_TOKENS:
        raise Unreadable(f"{len(parser.tokens)} numbers, letters and signs; allowed: {MOST_TOKENS}")
    node = parser.sum()
    if parser.next:
        raise Unreadable(f"{parser.next!r} is out of place")
    return node


class _Parser:
    """Recursive descent; `next` is the token to come, "" at the end."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at, self.depth = tokens, 0, 0

    @property
    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.next
        if not token or (expected and token != expected):
            raise Unreadable(f"{token or 'the end'!r} where {expected or 'a value'!r} is wanted")
        self.at += 1
        return token

    def sum(self) -> Node:
        """Terms, added and subtracted."""
        self.deeper()
        total = self.signed(self.product)
        while self.next in ("+", "-"):
            op = "add" if self.take() == "+" else "subtract"
            total = Node(op, (total, self.product()))
        self.depth -= 1
        return total

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise Unreadable(f"brackets over {MOST_DEPTH} deep")

    def signed(self, then: Callable[[], Node]) -> Node:
        """What `then` reads, behind one sign at most."""
        sign = self.take() if self.next in ("+", "-") else "+"
        node = then()
        return Node("minus", (node,)) if sign == "-" else node

    def product(self) -> Node:
        """Factors side by side, or with a sign between; nothing may stand beside a slash's divisor."""
        total = self.factor()
        if total.op == "number" and self.next == r"\frac":
            total = self.mixed(total, self.factor())
        elif total.op == "number" and self.next.isdigit():
            top, _, bottom = self.factor(), self.take("/"), self.factor()
            total = self.mixed(total, Node("over", (top, bottom)))
            if total.op != "add" or self.next not in ("", "+", "-"):
                raise Unreadable("a number beside a number is ambiguous")
        return self.beside(total)

    def beside(self, total: Node) -> Node:
        slashed = False
        while self.next:
            if self.next in (r"\cdot", "*"):
                self.take()
                total, slashed = Node("times", (total, self.signed(self.factor))), False
            elif self.next == "/":
                self.take()
                if slashed:
                    raise Unreadable("a / b / c is ambiguous")
                total, slashed = Node("over", (total, self.signed(self.factor))), True
            elif self.starts_factor():
                if slashed:
                    raise Unreadable("a / b c is ambiguous")
                total = Node("times", (total, self.factor()))
            else:
                break
        return total

    def starts_factor(self) -> bool:
        """Whether the next token may be multiplied with no sign; a number may not (x2, 3 4)."""
        token = self.next
        return (
            token in ("(", "{")
            or token[0].isalpha()
            or (token[0] == "\\" and token not in (r"\cdot", r"\rfloor", r"\rceil"))
        )

    def mixed(self, whole: Node, part: Node) -> Node:
        """2\\frac{1}{2} is 5/2; 2\\frac{x}{3} a product; 2\\frac{5}{4} ambiguous."""
        top, bottom = part.parts if part.op == "over" else (part, part)
        if part.op != "over" or top.op != "number" or bottom.op != "number":
            return Node("times", (whole, part))
        if whole.value.denominator != 1 or not 0 < top.value < bottom.value:
            raise Unreadable("a number beside a fraction is ambiguous")
        return Node("add", (whole, part))

    def factor(self) -> Node:
        """An atom, its factorial, its power."""
        base = self.atom()
        if self.next == "!":
            self.take()
            base = Node("factorial", (base,))
        if self.next == "^":
            self.take()
            self.take("{")
            base = Node("power", (base, self.sum()))
            self.take("}")
        if self.next in ("^", "!", "_"):
            raise Unreadable(f"{self.next!r} twice is ambiguous")
        return base

    def atom(self) -> Node:
        """A number, a symbol, a constant, a bracket, or a function of something."""
        token = self.take()
        if token[0].isdigit() or token[0] == ".":
            if re.match(r"0\d\d", token):  # (1,000) may be a thousand in brackets, or a pair
                raise Unreadable(f"{token!r} is no number of its own")
            return Node("number", value=_number(token))
        if token in PAIRS:
            inside = self.sum()
            self.take(PAIRS[token])
            op = {"|": "abs", r"\lfloor": "floor", r"\lceil": "ceil"}.get(token)
            return Node(op, (inside,)) if op else inside
        if token in (r"\frac", r"\binom"):
            return Node("over" if token == r"\frac" else "choose", (self.group(), self.group()))
        if token == r"\sqrt":
            return self.root()
        name = token.removeprefix("\\")
        if token[0] == "\\" and name in FUNCTIONS:
            return self.function(name)
        if token == r"\pi" or (token in ("e", "i") and self.next != "_"):
            return Node(name)
        if not (token.isalpha() or name in GREEK):
            raise Unreadable(f"{token!r} is no value")
        return self.symbol(token)

    def symbol(self, name: str) -> Node:
        if self.next == "_":
            self.take()
            self.take("{")
            index = ""
            while self.next and self.next != "}":
                index += self.take()
            self.take("}")
            if not index.isalnum():
                raise Unreadable(f"index {index!r}; allowed: letters and digits")
            name = f"{name}_{index}"
        if self.next == "(" and name[0] in CALLED:
            raise Unreadable(f"{name}(…) may be a function")
        return Node("symbol", name=name)

    def group(self) -> Node:
        self.take("{")
        inside = self.sum()
        self.take("}")
        return inside

    def root(self) -> Node:
        degree = Node("number", value=Fraction(2))
        if self.next == "[":
            self.take()
            degree = self.sum()
            self.take("]")
        return Node("root", (self.group(), degree))

    def function(self, name: str) -> Node:
        """sin^{2} x, log_{2} 8, cos(x), sin 2x: brackets, or what stands beside it up to a sign."""
        self.deeper()
        base = power = None
        if self.next == "_" and name == "log":
            self.take()
            base = self.group()
        if self.next == "^":
            self.take()
            power = self.group()
        if power is not None and power.op == "minus":
            if power.parts[0].value != 1 or name not in INVERSES:
                raise Unreadable(f"{name} to a negative power is ambiguous")
            name, power = INVERSES[name], None
        node = Node("function", self.arguments(base), name=name)
        self.depth -= 1
        return node if power is None else Node("power", (node, power))

    def arguments(self, base: Node | None) -> tuple[Node, ...]:
        if self.next == "(":
            inside = self.atom()
            if self.next in ("^", "!"):
                raise Unreadable("a power behind a function's brackets is ambiguous")
        else:
            inside = self.factor()
            while self.starts_factor_inside():
                inside = Node("times", (inside, self.factor()))
            if self.next in ("/", "("):
                raise Unreadable("where the function's argument ends is ambiguous")
        return (inside,) if base is None else (inside, base)

    def starts_factor_inside(self) -> bool:
        """sin 2x cos x is (sin 2x)(cos x)."""
        token = self.next
        return bool(token) and token != "(" and self.starts_factor() and token[1:] not in FUNCTIONS


def _number(token: str) -> Fraction:
    """A decimal, or one that repeats: 0.1\\overline{6} is 1/6."""
    start, _, again = token.partition(r"\overline{")
    value = Fraction("0" + start.rstrip(".") if start != "." else "0")
    if not again:
        return value
    digits, places = again.rstrip("}"), len(start.partition(".")[2])
    return value + Fraction(int(digits), (10 ** len(digits) - 1) * 10**places)


def symbols(node: Node) -> set[str]:
    """Names of the variables."""
    names = {node.name} if node.op == "symbol" else set()
    return names.union(*(symbols(part) for part in node.parts))
