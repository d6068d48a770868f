"""The value of an expression: exact where it is rational, in floating point where it is not.

`exact` settles most answers without symbolic mathematics; `differ` finds most wrong ones. Neither
ever builds a number of more than MOST_BITS bits.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from fractions import Fraction
from itertools import product

from evaluation.grading.expression import Node, symbols

MOST_BITS = 4_096
TOLERANCE = 1e-9
"""Two values differ when their gap is above this share of the largest number met on the way."""
_STARTS = (0.7310585, 1.6180339, -0.5772156)


def exact(node: Node) -> Fraction | None:
    """The rational number an expression is, None where it is none, or too large to write out.

    Raises ZeroDivisionError where it divides by zero.
    """
    if node.op == "number":
        return node.value if _bits(node.value) <= MOST_BITS else None
    parts = [exact(part) for part in node.parts]
    values = [part for part in parts if part is not None]
    if node.op not in _EXACT or len(values) != len(parts):
        return None
    value = _EXACT[node.op](*values)
    return value if value is not None and _bits(value) <= MOST_BITS else None


def _bits(value: Fraction) -> int:
    return value.numerator.bit_length() + value.denominator.bit_length()


def _power(base: Fraction, exponent: Fraction) -> Fraction | None:
    if exponent.denominator != 1 or _bits(base) * abs(exponent) > MOST_BITS:
        return None
    if base == 0 and exponent == 0:
        return None
    return Fraction(base**exponent.numerator)


def _root(inside: Fraction, degree: Fraction) -> Fraction | None:
    """The real root where it is rational; of a negative number for odd degrees."""
    if degree.denominator != 1 or not 2 <= degree <= 9 or (inside < 0 and degree % 2 == 0):
        return None
    n, sign = int(degree), -1 if inside < 0 else 1
    value = sign * Fraction(_whole_root(abs(inside.numerator), n), _whole_root(inside.denominator, n))
    return value if value**n == inside else None


def _whole_root(number: int, degree: int) -> int:
    """The largest whole number whose power does not exceed `number`, by Newton's method."""
    guess = 1 << (number.bit_length() // degree + 1)
    while True:
        better = ((degree - 1) * guess + number // guess ** (degree - 1)) // degree
        if better >= guess:
            return guess
        guess = better


def _factorial(n: Fraction) -> Fraction | None:
    return Fraction(math.factorial(int(n))) if n.denominator == 1 and 0 <= n <= 100 else None


def _choose(n: Fraction, k: Fraction) -> Fraction | None:
    whole = n.denominator == k.denominator == 1 and 0 <= k <= n <= 1_000
    return Fraction(math.comb(int(n), int(k))) if whole else None


_EXACT: dict[str, Callable[..., Fraction | None]] = {
    "minus": lambda a: -a,
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "times": lambda a, b: a * b,
    "over": lambda a, b: a / b,
    "abs": abs,
    "floor": lambda a: Fraction(math.floor(a)),
    "ceil": lambda a: Fraction(math.ceil(a)),
    "power": _power,
    "root": _root,
    "factorial": _factorial,
    "choose": _choose,
}


def differ(first: Node, second: Node) -> bool:
    """Whether two expressions certainly differ: at some point their values are clearly apart.

    False says nothing: they may be equal, or cannot be evaluated in floating point.
    """
    names = sorted(symbols(first) | symbols(second))
    for start in _STARTS if names else _STARTS[:1]:
        point = {name: start * (1 + k * 0.37) for k, name in enumerate(names)}
        a, b = approximate(first, point), approximate(second, point)
        if a and b and abs(a[0] - b[0]) > TOLERANCE * max(a[1], b[1]):
            return True
    return False


def only_positive(first: Node, second: Node) -> bool:
    """Whether both are real nowhere but where all their variables are positive, as far as floats show."""
    names = sorted(symbols(first) | symbols(second))
    if not 1 <= len(names) <= 3:
        return False
    for signs in product((1, -1), repeat=len(names)):
        point = {
            name: sign * _STARTS[0] * (1 + k * 0.37)
            for k, (name, sign) in enumerate(zip(names, signs, strict=True))
        }
        real = [approximate(node, point) is not None for node in (first, second)]
        if real != [all(sign > 0 for sign in signs)] * 2:
            return False
    return True


def unlike(first: Node, second: Node) -> bool:
    """Whether two expressions certainly have no constant ratio."""
    names = sorted(symbols(first) | symbols(second))
    ratios = []
    for start in _STARTS:
        point = {name: start * (1 + k * 0.37) for k, name in enumerate(names)}
        a, b = approximate(first, point), approximate(second, point)
        if a and b and abs(a[0]) > 1e-3 * a[1] and abs(b[0]) > 1e-3 * b[1]:
            ratios.append(a[0] / b[0])
    return any(abs(ratio - ratios[0]) > TOLERANCE * 1e4 * abs(ratios[0]) for ratio in ratios[1:])


def approximate(node: Node, point: dict[str, float]) -> tuple[complex, float] | None:
    """(value, largest magnitude met on the way), None where floating point does not serve.

    None also where a real function leaves the reals by a branch (roots and logarithms of negative
    numbers): what it means there is a matter of convention.
    """
    try:
        sizes: list[float] = [0.0]
        value = _walk(node, point, sizes)
    except (ArithmeticError, ValueError):
        return None
    return (value, max(sizes)) if cmath.isfinite(value) and math.isfinite(max(sizes)) else None


def _walk(node: Node, point: dict[str, float], sizes: list[float]) -> complex:
    if node.op == "number":
        value: complex = float(node.value)
    elif node.op == "symbol":
        value = point[node.name]
    elif node.op in ("pi", "e", "i"):
        value = {"pi": math.pi, "e": math.e, "i": 1j}[node.op]
    else:
        parts = [_walk(part, point, sizes) for part in node.parts]
        function = _FUNCTIONS[node.name] if node.op == "function" else _ABOUT[node.op]
        value = function(*parts)
    sizes.append(abs(value))
    return value


def _real(value: complex) -> float:
    if isinstance(value, complex):
        if value.imag:
            raise ValueError("not real")
        return value.real
    return value


def _about_over(top: complex, bottom: complex) -> complex:
    """A quotient; ValueError for a divisor near 0: as a float sin(pi) is not quite 0."""
    if abs(bottom) < 1e-12:
        raise ValueError("a division by next to nothing")
    return top / bottom


def _about_power(base: complex, exponent: complex) -> complex:
    if abs(base) < 1e-12 or (abs(exponent) > 64 and abs(base) > 1):
        raise ValueError("a power that floats do not hold well")
    if exponent == round(exponent.real):
        return complex(base) ** int(exponent.real)
    if isinstance(base, complex) or base < 0:
        raise ValueError("a branch")
    return math.pow(_real(base), _real(exponent))


def _about_root(inside: complex, degree: complex) -> complex:
    if isinstance(inside, complex) and inside.imag or inside.real < 0:
        raise ValueError("a branch")
    return math.pow(inside.real, 1 / _real(degree))


def _logarithm(x: complex, base: complex = 10.0) -> complex:
    return math.log(_real(x)) / math.log(_real(base))


def _steps(round_to: Callable[[float], int]) -> Callable[[complex], complex]:
    def step(x: complex) -> complex:
        if abs(_real(x) - round(_real(x))) < 1e-6:
            raise ValueError("on the edge of a step")
        return float(round_to(_real(x)))

    return step


def _about_factorial(n: complex) -> complex:
    return math.gamma(_real(n) + 1)


_ABOUT: dict[str, Callable[..., complex]] = {
    "minus": lambda a: -a,
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "times": lambda a, b: a * b,
    "over": _about_over,
    "abs": lambda a: float(abs(a)),
    "floor": _steps(math.floor),
    "ceil": _steps(math.ceil),
    "power": _about_power,
    "root": _about_root,
    "factorial": _about_factorial,
    "choose": lambda n, k: _about_factorial(n) / _about_factorial(k) / _about_factorial(n - k),
}
_FUNCTIONS: dict[str, Callable[..., complex]] = {
    **{name: getattr(cmath, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp")},
    "cot": lambda x: 1 / cmath.tan(x),
    "sec": lambda x: 1 / cmath.cos(x),
    "csc": lambda x: 1 / cmath.sin(x),
    "arcsin": lambda x: math.asin(_real(x)),
    "arccos": lambda x: math.acos(_real(x)),
    "arctan": lambda x: math.atan(_real(x)),
    "ln": lambda x: math.log(_real(x)),
    "log": _logarithm,
}
