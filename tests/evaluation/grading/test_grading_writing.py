"""How an answer is written: units, Unicode, spaces (F16 to F18), choices and labels; laws of grading."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.grading.grades import Grader
from tests.evaluation.grading.labelled import both, check, frames


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("5 lb", "5 pounds", True),
        ("60 mph", "60 miles per hour", True),
        ("60 kph", "60 km/h", True),
        ("5 m", "5 meters", True),
        ("25 cm^2", "25 square centimeters", True),
        ("25 sq cm", "25 cm^2", True),
        ("3 hrs", "3 hours", True),
        ("9.8 m/s^2", "9.8 meters per second squared", True),
        ("5 L", "5 liters", True),
        ("5 km", "5000 m", True),
        (r"20^\circ C", "20", True),
        ("20°F", "20", True),
        ("50 cents", r"\$0.50", True),
        ("1 ft", "12 inches", True),
        ("12''", "12 inches", True),
        ("2 hours and 30 minutes", "2.5 hours", True),
        ("5 feet 3 inches", "63 inches", True),
        ("20°F", r"20^\circ C", False),
        ("60 km/h", "60 miles per hour", False),
        ("5 kg", "5 pounds", False),
        ("25 cm^3", "25 cm^2", False),
        ("25 cm^2", "25 cm", False),
        ("5 km", "5 m", False),
        ("50 cents", r"\$50", False),
        ("2 hours and 30 minutes", "30 minutes", False),
        ("5 feet 3 inches", "5 feet", False),
    ],
)
def test_f16_units_in_other_words(grader: Grader, one: str, other: str, same: bool) -> None:
    check(
        grader,
        [
            (rf"\boxed{{{one}}}", other, same),
            (rf"\boxed{{{other}}}", one, same),
            (f"The answer is {one}.", other, same),
        ],
    )


@pytest.mark.parametrize(
    ("written", "gold", "same"),
    [
        ("2√3", r"2\sqrt{3}", True),
        ("10⁻³", "0.001", True),
        ("５", "5", True),
        ("x²+1", "x^2+1", True),
        ("∛8", "2", True),
        ("5½", "5.5", True),
        ("¾", "3/4", True),
        ("¹⁄₂", "1/2", True),
        ("（１，２）", "(1,2)", True),
        ("5\u200b", "5", True),
        ("\ufeff5", "5", True),
        ("x⁻¹", r"\frac{1}{x}", True),
        ("1\u202f000", "1000", True),
        ("50％", r"50\%", True),
        ("10³", "103", False),
        ("5½", "51/2", False),
        ("½", "12", False),
        ("2√3", "3", False),
        ("5²", "52", False),
    ],
)
def test_f17_unicode(grader: Grader, written: str, gold: str, same: bool) -> None:
    check(grader, [(rf"\boxed{{{written}}}", gold, same), (f"The answer is {written}.", gold, same)])


def test_f17_sentences_of_other_scripts(grader: Grader) -> None:
    check(
        grader,
        both(
            [
                ("答案是：42。", "42"),
                ("所以答案是：42个苹果。", "42"),
                ("因此，答案为 42。", "42"),
                ("答えは42です。", "42"),
                ("Ответ: 42", "42"),
                ("答案是A。", "A"),
                ("La respuesta es 42.", "42"),
                ("答案是5万。", "50000"),
            ],
            [("答案是5万。", "5"), ("答案是：−5。", "5"), ("答案是3/4。", "4")],
        ),
    )


@pytest.mark.parametrize("space", [" ", "\\ ", "\\,", "~", "\u202f", "\u00a0", "\u2009"])
def test_f18_a_space_between_thousands(grader: Grader, space: str) -> None:
    number = f"10{space}000"
    check(
        grader,
        both(
            [(rf"\boxed{{{number}}}", "10000")],
            [(rf"\boxed{{{number}}}", "10"), (rf"\boxed{{{number}}}", "0")],
        ),
    )
    if "\\" not in space and space != "~":
        check(
            grader,
            both(
                [(f"It is {number} km.", "10000")],
                [(f"It is {number} km.", "0"), (f"It is {number} km.", "10")],
            ),
        )


def test_choices_with_their_text(grader: Grader) -> None:
    check(
        grader,
        both(
            [
                (r"\boxed{\text{(B)}\ 12}", "B"),
                ("Answer: B. 12 apples", "B"),
                ("The answer is B) 12", "B"),
                (r"\boxed{B}", "(B) 12"),
                ("The correct answer is option B.", "B"),
                ("Option C is correct.", "C"),
                (r"\boxed{c}", "C"),
            ],
            [
                (r"\boxed{(C) 5}", "B"),
                (r"\boxed{C}", "(B) 12"),
                ("Answer: B", "A"),
                (r"\boxed{(C) 5}", "(B) 5"),
            ],
        ),
    )


def test_labels_matrices_sets_and_repeating_decimals(grader: Grader) -> None:
    rows = both(
        [
            ("AB = 12", "12"),
            (r"\angle ABC = 30^\circ", "30"),
            ("P(A) = 1/3", "1/3"),
            (r"\text{Area} = 12", "12"),
            ("12 = x", "12"),
            (r"\left(\begin{array}{cc}1&2\\3&4\end{array}\right)", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"),
            (r"\{x \mid x > 2\}", r"(2,\infty)"),
            ("]2, 5]", "(2,5]"),
            (r"0.1666\ldots", "1/6"),
            (r"0.\dot{3}", "1/3"),
            ("C(6,2)", "15"),
            (r"2\pi \approx 6.28", r"2\pi"),
            (r"\textcolor{blue}{x+1}", "x+1"),
            ("|x| < 2", "(-2,2)"),
            (r"\sqrt{4/n}", r"\frac{2}{\sqrt{n}}"),
            (r"\frac{x^2}{2} + c", r"\frac{x^2}{2} + C"),
            ("f(x)=x^2", "y=x^2"),
            ("4:6", "2:3"),
            ("2:3", "2/3"),
        ],
        [
            ("2x = 10", "10"),
            ("x^2 = 9", "9"),
            ("n(n+1) = 6", "6"),
            ("]2, 5[", "[2,5]"),
            (r"\sin x", r"\sin x + C"),
            ("3:2", "2:3"),
            (r"\sqrt{x^2}", "x"),
            ("AB = 12", "1"),
            ("12:30", "2/5"),
        ],
    )
    check(grader, [(rf"\boxed{{{response}}}", gold, want) for response, gold, want in rows])


def test_what_comes_after_the_answer(grader: Grader) -> None:
    """Run-on text, a new turn, and what was taken back."""
    check(
        grader,
        both(
            [
                ("The answer is 12.\n\nQ: What is 5+6?\nA: The answer is 11.", "12"),
                ("#### 12\n\nQuestion: next\n#### 13", "12"),
                (r"\boxed{12}<|eot_id|>\boxed{13}", "12"),
                ("The answer is 5. No, it is 6.", "6"),
                ("The answer is not 5 but 6.", "6"),
                ("\\boxed{5}\nWait, that is incorrect. The answer is 6.", "6"),
                ("Some say 7, but that is wrong. The answer is 6.", "6"),
                ("Question: What is 5 + 7?\nAnswer: 12", "12"),
            ],
            [
                ("The answer is 12.\n\nQ: What is 5+6?\nA: The answer is 11.", "11"),
                ("The answer is 5. No, it is 6.", "5"),
                ("The answer is 6, not 5.", "5"),
                ("The answer is 6 rather than 5.", "5"),
                ("The answer can't be 5.", "5"),
                ("\\boxed{5}\nWait, that is incorrect. The answer is 6.", "5"),
            ],
        ),
    )


@pytest.mark.parametrize(
    "response",
    [
        "The answer is between 5 and 8.",
        "The answer is from 5 to 8.",
        "The answer is at least 5.",
        "It is 5 or more.",
        r"\boxed{\ge 5}",
        "The answer is 5 ± 2.",
        "The answer is 5 PM.",
        "The train leaves at 5:15.",
        "The answer is July 5.",
        "The answer is the 5th.",
        "The answer is 5 less than x.",
        "The answer is 5 times x.",
        "The answer is 5 if x > 0 and 6 otherwise.",
        "The answer is 5 mod 7.",
        "The answer is 5 remainder 2.",
        "The answer is the square root of 5.",
        r"\boxed{\$5M}",
        "5'3\"",
        "The answer is 5 to 8.",
        "5 of the 8 are red.",
        r"\boxed{5 \pm 2}",
    ],
)
def test_a_part_of_what_was_said_is_not_the_answer(grader: Grader, response: str) -> None:
    check(grader, [(response, "5", False), (response, "8", False)])


numbers = st.one_of(st.integers(-999, 9_999).map(str), st.fractions(0, 50, max_denominator=9).map(str))
formulas = st.sampled_from(
    [
        r"\frac{3}{7}",
        r"2\sqrt{5}",
        "x^2+1",
        "(3,4)",
        r"\{1,2\}",
        "1,2",
        "[0,2)",
        r"3\pi",
        "x=4",
        "2:3",
        "10:30",
    ]
)


@settings(max_examples=80, deadline=None)
@given(st.one_of(numbers, formulas))
def test_what_is_boxed_is_itself(answer: str) -> None:
    with Grader(workers=1) as grader:
        for response in (rf"\boxed{{{answer}}}", f"work\n#### {answer}", f"The answer is {answer}."):
            assert grader.grade(response, answer).correct, response


@settings(max_examples=80, deadline=None)
@given(
    st.integers(2, 999),
    st.sampled_from(
        [
            "thousandths",
            "eighths",
            "million",
            "dozen",
            "percent of 7",
            "squared",
            "out of 7",
            "and a half",
            "to 7",
            "or 7",
            "hundredths",
            "x",
            "cubed",
            "halves",
            "below zero",
        ]
    ),
)
def test_a_word_of_scale_never_makes_a_number_right(number: int, word: str) -> None:
    with Grader(workers=1) as grader:
        for response in frames(f"{number} {word}"):
            assert not grader.grade(response, str(number)).correct, response


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 999),
    st.sampled_from(["cm", "apples", "dollars", "miles per hour", "square feet", "hours", "months"]),
)
def test_a_unit_may_be_left_out_and_changes_no_number(number: int, unit: str) -> None:
    with Grader(workers=1) as grader:
        for response in frames(f"{number} {unit}"):
            assert grader.grade(response, str(number)).correct, response
            assert not grader.grade(response, str(number + 1)).correct, response
