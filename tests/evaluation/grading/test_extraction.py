"""Where the answer stands."""

from __future__ import annotations

import time

import pytest

from evaluation.grading.extraction import extract, gold_answer

FOUND = [
    # the last box, by brace matching
    (r"first \boxed{1}, then \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
    (r"\boxed{\{1, \sqrt{2}\}}", r"\{1, \sqrt{2}\}"),
    (r"\boxed{\left\{ x \right.} and no more", r"\left\{ x \right."),
    (r"\boxed{x = \boxed{5}}", "5"),
    (r"\fbox{7}", "7"),
    (r"\boxed 5", "5"),
    (r"\boxed \frac{1}{2}", r"\frac{1}{2}"),
    (r"\boxed{7} and 8", "7 and 8"),
    (r"\boxed{7} #### 8", "7"),
    (r"so \boxed{5", "5"),
    # GSM8K
    ("2 + 2 = 4\n#### 1,200", "1,200"),
    ("she has 3 left\nA: 90,000", "90,000"),
    ("she has 3 left\nA: 90,000\n\n", "90,000"),
    ("A: 3\nbut then 4 more", "4"),
    # said
    ("The answer is 5, not 6.", "5"),
    ("The answer is 5. No, the answer is 6.", "6"),
    ("The answer is 0.5.", "0.5"),
    ("The answer is 3/4", "3/4"),
    (r"The answer is $\frac{3}{4}$ because of this", r"\frac{3}{4}"),
    ("The answer is even.", "even"),
    ("**Final answer:** 7", "7"),
    ("The answer to the question is 18 eggs.", "18 eggs"),
    ("The answer is (C).", "(C)"),
    # nothing but an answer
    (r"\left( 3, \frac{\pi}{2} \right)", r"\left( 3, \frac{\pi}{2} \right)"),
    ("Evelyn", "Evelyn"),
    ("18 duck eggs", "18 duck eggs"),
    ("3 million", "3 million"),
    ("x = 5 or x = 6", "x = 5 or x = 6"),
    # the last formula or number, with what it is written together with
    ("The point is (5, 6).", "(5, 6)"),
    (r"The length is 2\sqrt{3}.", r"2\sqrt{3}"),
    (r"The length is $2\sqrt{3}$.", r"2\sqrt{3}"),
    ("so we get 2^{10}.", "2^{10}"),
    ("6 more make $<<48-32=16>>16", "16"),
    ("She makes $18 per day, every day of it.", "$18"),
    ("it is -3 degrees cold outside", "-3 degrees"),
    ("so it was 1,234,567 in all of them", "1,234,567"),
    ("about 3 million people live there", "3 million"),
    ("$a=b$ and then there were 12 of them", "12"),
]  # fmt: skip


@pytest.mark.parametrize(("response", "answer"), FOUND)
def test_answer_is_found(response: str, answer: str) -> None:
    assert extract(response) == answer


@pytest.mark.parametrize("response", [
    "", "  \n", "I do not know what to say.", r"\boxed{}", "####", "The answer is not 5.",
])  # fmt: skip
def test_no_answer(response: str) -> None:
    assert extract(response) is None


@pytest.mark.parametrize(("gold", "answer"), [
    (r"we see $\boxed{\frac12}$ here", r"\frac12"), ("2+2=4\n#### 4", "4"), ("2+2=4\nA: 4", "4"),
    (r"\text{Evelyn}", r"\text{Evelyn}"), (" x = 5 ", "x = 5"), ("the answer is 5", "5"),
    ("Some steps.\nThe answer is: 42", "42"), ("So he has 40 + 2 = 42 apples.", "42"),
    ("(x, y) is even", "(x, y) is even"),
])  # fmt: skip
def test_gold_answer(gold: str, answer: str) -> None:
    """Little is guessed in a gold text: without a mark it is the whole, or what its one sentence says."""
    assert gold_answer(gold) == answer


@pytest.mark.parametrize("piece", [
    r"\boxed{", r"\boxed{5}", "{", "}", "\\", "$", "$5", r"\[", r"\(", "1,", ",111", "1,111", "answer is ",
    "A: ", "#### ", "\n", " ", "9", "-", "(", "\x00", "\ud800",
])  # fmt: skip
def test_a_megabyte_of_anything_is_read_in_time(piece: str) -> None:
    began = time.process_time()
    extract(piece * (1_000_000 // len(piece)))
    assert time.process_time() - began < 5
