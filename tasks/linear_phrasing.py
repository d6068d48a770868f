"""How linear equations are worded in training: letters, spellings and phrasings."""

from __future__ import annotations

import random

from tasks.core import below

OTHER_LETTERS = "yntabkmpwz"
"""Names of the unknown, apart from x."""
USUAL_FORM = "What is the value of {v} if {e}?"
SYMBOLIC = (
    "Solve {e} for {v}.",
    "Find {v}: {e}",
    "{e}, {v} = ?",
    "Solve for {v}: {e}",
    "If {e}, what is {v}?",
    "Find the value of {v} when {e}.",
)
WORDS = (
    "{n} times a number {sign} {b} is {c}. What is the number?",
    "If you multiply a number by {a} and {verb} {b} you get {c}. What is the number?",
    "I think of a number, multiply it by {a} and {verb} {b}. The result is {c}. What is my number?",
)
WORDS_NO_B = (
    "{n} times a number is {c}. What is the number?",
    "If you multiply a number by {a} you get {c}. What is the number?",
)
WORDS_ONE = (
    "A number {sign} {b} is {c}. What is the number?",
    "If you {verb} {b} {side} a number you get {c}. What is the number?",
)
COUNTS = ("", "", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


def terms(a: int, letter: str, b: int = 0) -> str:
    """The canonical spelling of a x + b: `2x + 3`, `-x - 4`, `x`."""
    head = letter if a == 1 else f"-{letter}" if a == -1 else f"{a}{letter}"
    return head if not b else f"{head} + {b}" if b > 0 else f"{head} - {-b}"


def spell(rng: random.Random, a: int, b: int, c: int, letter: str) -> str:
    """One of the less usual spellings; the canonical one where a spelling does not apply."""
    plain, head = terms(a, letter, b), terms(a, letter)
    kind = below(rng, 6)
    if kind == 0 and abs(a) > 1:
        plain = plain.replace(letter, f"*{letter}")
    elif kind == 1 and b:
        plain = f"{b} + {head}" if a > 0 else f"{b} - {head[1:]}"
    elif kind == 2:
        return f"{c} = {plain}"
    elif kind == 3 and b < 0:
        plain = f"{head} + {b}"
    elif kind == 4:
        return f"{plain} = {c}".replace(" ", "")
    elif kind == 5 and abs(a) > 1:
        plain = plain.replace(letter, f" {letter}")
    return f"{plain} = {c}"


def phrase_symbols(rng: random.Random, a: int, b: int, c: int) -> tuple[str, str, str]:
    """Letter, equation as written and prompt of a problem stated with symbols."""
    letter = "x"
    if rng.random() >= 0.75:
        letter = OTHER_LETTERS[below(rng, len(OTHER_LETTERS))]
    if rng.random() < 0.1:
        equation = spell(rng, a, b, c, letter)
    else:
        equation = f"{terms(a, letter, b)} = {c}"
    # Of all problems 60 % have the template's wording, 25 % another one, and 15 % are in words
    # (linear.LinearTask draws those), so 60 of the 85 % that come here have the template's.
    form = USUAL_FORM if rng.random() < 60 / 85 else SYMBOLIC[below(rng, len(SYMBOLIC))]
    return letter, equation, form.format(v=letter, e=equation)


def in_words(rng: random.Random, a: int, b: int, c: int) -> str:
    """A problem without an equation; '' where it would read oddly (a = -1, or a = 1 with b = 0)."""
    if a == -1 or (a == 1 and not b):
        return ""
    forms = WORDS_ONE if a == 1 else WORDS if b else WORDS_NO_B
    number_as_word = 1 < a < len(COUNTS) and rng.random() < 0.6
    return forms[below(rng, len(forms))].format(
        n=COUNTS[a] if number_as_word else a,
        a=a,
        b=abs(b),
        c=c,
        sign="plus" if b > 0 else "minus",
        verb="add" if b > 0 else "subtract",
        side="to" if b > 0 else "from",
    )
