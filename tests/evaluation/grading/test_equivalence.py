"""Reading and comparing answers, without math-verify: what must not be asked is not."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.grading.answer_forms import read_form
from evaluation.grading.answer_text import canonical
from evaluation.grading.equivalence import equivalent
from evaluation.grading.expression import (
    MOST_DEPTH,
    MOST_LETTERS,
    MOST_TOKENS,
    Node,
    Unreadable,
    parse,
    symbols,
)
from evaluation.grading.expression_latex import to_latex
from evaluation.grading.expression_values import approximate, differ, exact
from evaluation.grading.math_pool import Verdict
from evaluation.grading.math_worker import Judge


@pytest.mark.parametrize(("written", "alike"), [
    (r"\dfrac12", r"\frac{1}{2}"), (r"\frac 34", r"\frac{3}{4}"), (r"11,\! 111,\! 111,\! 100", "11111111100"),
    ("1,000", "1000"), ("(1,000)", "(1,000)"), ("1, 234", "1,234"), (r"58\,500", "58500"), (r"3\,4", "3 4"),
    (r"\left( 3, \frac{\pi}{2} \right)", r"(3,\frac{\pi}{2})"), ("x^10", "x^{10}"), ("2**3", "2^{3}"),
    (r"90^\circ", r"90\text{degrees}"), ("x²", "x^{2}"), ("½", r"\frac{1}{2}"), (r"\(5\)", "5"), ("$5$", "5"),
    (r"15\mbox{ cm}^2", r"15\text{cm}^{2}"), ("**7**.", "7"), (r"\sqrt2", r"\sqrt{2}"),
    ("sqrt(20)", r"\sqrt{20}"),
])  # fmt: skip
def test_canonical(written: str, alike: str) -> None:
    assert canonical(written) == alike


@pytest.mark.parametrize(("latex", "value"), [
    (r"3(4)", 12), ("2^{3^{2}}", 512), ("-3^{2}", -9), (r"1\frac{4}{5}", Fraction(9, 5)),
    ("1 4/5", Fraction(9, 5)),
    (r"\sqrt{9}", 3), (r"\sqrt[3]{-8}", -2), ("5!", 120), (r"6.72\cdot 10^{-5}", Fraction(672, 10**7)),
    (r"0.1\overline{6}", Fraction(1, 6)), ("1.5e-3", Fraction(3, 2000)), (r"\binom{6}{3}", 20),
    (r"\sqrt{2}", None), ("9^{9^{9}}", None), ("x", None),
])  # fmt: skip
def test_exact(latex: str, value: Fraction | None) -> None:
    assert exact(parse(latex)) == value


@pytest.mark.parametrize("latex", [
    "", "3 4", "x2", "52_{8}", "5!!", "1/2x", "a/bc", "a/b/c", "f(x)", r"2\frac{5}{4}", "2^{3}^{2}", "000",
    "1e9999",
    r"\sin(x)^{2}", r"\tan^{-2}x", "(1,2)", "{1", "1}", "x=1", "__import__(os)", "٣", "5\x00", "\ud800",
    "(" * (MOST_DEPTH + 1) + "1" + ")" * (MOST_DEPTH + 1), "x" * (MOST_TOKENS + 1), "1" * (MOST_LETTERS + 1),
    r"\sin" * (MOST_DEPTH + 1) + "x",
])  # fmt: skip
def test_what_is_ambiguous_or_no_expression_is_refused(latex: str) -> None:
    with pytest.raises(Unreadable):
        parse(latex)


def refuse(op: str, gold: str, answer: str) -> Verdict:
    raise AssertionError(f"{gold} and {answer} need no math-verify")


@pytest.mark.parametrize(("gold", "answer", "same"), [
    ("18", "18.0", True), ("0.333", r"\frac13", False), (r"\sqrt{2}", "1.41421356", False),
    ("(1,2]", "[1,2]", False),
    ("2k", "2n", False), ("50\\%", "0.5", True), ("50", "50\\%", True), ("0.5", "0.5\\%", False),
    ("5 cm", "5", True),
    ("5 cm", "5 mm", False), ("x=5", "5", True), ("x=5", "y=5", False), ("1,-2", "-2,1", True),
    ("(1,2)", "(2,1)", False),
    (r"\text{even}", "Even", True), ("B", r"\text{(B)}", True), ("52_8", "52", False),
    ("x>2", r"(2,\infty)", True),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{bmatrix}1.0\\2\end{bmatrix}", True), ("1", "1/0", False),
])  # fmt: skip
def test_settled_without_math_verify(gold: str, answer: str, same: bool) -> None:
    assert equivalent(read_form(gold), read_form(answer), refuse).equal is same


def test_what_is_open_stays_open() -> None:
    """One item that could not be compared leaves a list open, unless another item settles it."""

    def unsure(op: str, gold: str, answer: str) -> Verdict:
        return Verdict(None, "time limit")

    gold, other = read_form(r"(\sqrt{8},1)"), read_form(r"(2\sqrt{2},1)")
    assert equivalent(gold, other, unsure) == Verdict(None, "time limit")
    assert equivalent(read_form(r"(\sqrt{8},1)"), read_form(r"(2\sqrt{2},2)"), unsure).equal is False
    assert equivalent(read_form(r"\overline{AB}"), read_form("5"), refuse).equal is None
    assert equivalent(read_form("5"), read_form(r"\overline{AB}"), refuse).equal is False


def test_only_math_verify_makes_expressions_equal() -> None:
    asked: list[tuple[str, str, str]] = []

    def note(op: str, gold: str, answer: str) -> Verdict:
        asked.append((op, gold, answer))
        return Verdict(True)

    assert equivalent(read_form("X(a+b)"), read_form("Xa+Xb"), note).equal
    assert asked == [("equal", r"x_{0}\cdot (x_{1}+x_{2})", r"x_{0}\cdot x_{1}+x_{0}\cdot x_{2}")]
    assert equivalent(read_form("x+y=1"), read_form("2x=2-2y"), note).equal and asked[1][0] == "proportional"


@cache
def judge() -> Judge:
    """math-verify, loaded once for all examples."""
    return Judge()


numbers = st.builds(lambda n: Node("number", value=Fraction(n)), st.integers(0, 20))
letters = st.sampled_from(
    [Node("symbol", name="x"), Node("symbol", name="Y"), Node("pi"), Node("i"), Node("e")]
)


def grown(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    two = st.tuples(children, children)
    one = st.tuples(children)
    squared = children.map(lambda base: Node("power", (base, Node("number", value=Fraction(2)))))
    called = st.builds(lambda n, p: Node("function", p, name=n), st.sampled_from(["sin", "cos", "exp"]), one)
    plain = [st.builds(Node, st.just(op), two) for op in ("add", "subtract", "times", "over")]
    return st.one_of(*plain, st.builds(Node, st.just("minus"), one), squared, called)


trees = st.recursive(numbers | letters, grown, max_leaves=8)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(trees)
def test_math_verify_reads_what_was_written(tree: Node) -> None:
    """Every tree, written as LaTeX and read by math-verify, has the value it had."""
    names = {name: f"x_{{{k}}}" for k, name in enumerate(sorted(symbols(tree)))}
    point = {name: 0.61 + 0.37 * k for k, name in enumerate(names)}
    expected = approximate(tree, point)
    if expected is None or expected[1] > 1e6:
        return
    found = judge().parse_latex(to_latex(tree, names))
    values = {f"x_{k}": value for k, value in enumerate(point.values())}
    value = complex(found.subs({symbol: values[str(symbol)] for symbol in found.free_symbols}).evalf())
    assert abs(value - expected[0]) <= 1e-6 * max(1.0, expected[1])


@given(trees, trees)
@settings(deadline=None)
def test_an_expression_never_differs_from_itself(first: Node, second: Node) -> None:
    assert not differ(first, first)
    assert not differ(Node("add", (first, second)), Node("add", (second, first)))
