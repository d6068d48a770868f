"""Write the trees of `evaluation.grading.expression` as LaTeX that math-verify can read in one way only."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from evaluation.grading.expression import Node

_WRITTEN = {
    "minus": "-{0}", "add": "{0}+{1}", "subtract": "{0}-{1}", "times": r"{0}\cdot {1}",
    "over": r"\frac{{{0}}}{{{1}}}",
    "power": "{0}^{{{1}}}", "root": r"\sqrt[{1}]{{{0}}}", "factorial": "{0}!", "abs": "|{0}|",
    "floor": r"\lfloor {0} \rfloor", "ceil": r"\lceil {0} \rceil", "choose": r"\binom{{{0}}}{{{1}}}",
}  # fmt: skip
_BINDS = {
    "add": 1, "subtract": 1, "minus": 1, "times": 2, "over": 3, "power": 3, "function": 3, "factorial": 3,
    "i": 3,
}  # fmt: skip
"""How tightly an operation binds, from 1; 4: it never needs brackets."""
_NEEDS = {
    "minus": (2,), "add": (1, 2), "subtract": (1, 2), "times": (2, 3), "power": (4, 0), "factorial": (4,),
}  # fmt: skip
"""How tightly each part must bind to need no brackets; 0 where the operation has brackets of its own."""


def to_latex(node: Node, names: Mapping[str, str]) -> str:
    """The tree as LaTeX with all brackets it needs, and no others (they cost math-verify seconds)."""
    if node.op == "number":
        top, bottom = node.value.numerator, node.value.denominator
        return str(top) if bottom == 1 else rf"\frac{{{top}}}{{{bottom}}}"
    if node.op == "symbol":
        return names[node.name]
    if node.op in ("pi", "e", "i"):
        return {"pi": r"\pi", "e": "e", "i": "I"}[node.op]
    if node.op == "root" and node.parts[1] == Node("number", value=Fraction(2)):
        return rf"\sqrt{{{to_latex(node.parts[0], names)}}}"
    needs = _NEEDS.get(node.op, (0, 0))
    parts = [
        latex if _binds(part) >= need else f"({latex})"
        for part, need in zip(node.parts, needs, strict=False)
        for latex in (to_latex(part, names),)
    ]
    if node.op == "function":
        base = f"_{{{parts[1]}}}" if len(parts) == 2 else ""
        return rf"\{node.name}{base}({parts[0]})"
    return _WRITTEN[node.op].format(*parts)


def _binds(node: Node) -> int:
    fraction = node.op == "number" and node.value.denominator != 1
    return 3 if fraction else _BINDS.get(node.op, 4)
