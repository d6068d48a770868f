"""What an answer says: words of number, percent, lists, digits (F11 to F15) with variants, both ways."""

from __future__ import annotations

import pytest

from evaluation.grading.grades import Grader
from tests.evaluation.grading.labelled import both, check, frames


@pytest.mark.parametrize(
    ("words", "part", "value"),
    [
        ("5 thousandths", "5", "0.005"),
        ("5 eighths", "5", "5/8"),
        ("2 tripled", "2", "6"),
        ("3 sixteenths", "3", "3/16"),
        ("4 millionths", "4", "4/1000000"),
        ("5 halves", "5", "2.5"),
        ("6 squared", "6", "36"),
        ("5 dozen", "5", "60"),
        ("3 million", "3", "3000000"),
        ("5 ten-thousandths", "5", "0.0005"),
        ("3 twenty-fifths", "3", "3/25"),
        ("3 lakh", "3", "300000"),
        ("3 out of 8", "3", "3/8"),
        ("3 out of 8", "8", "3/8"),
        ("two thirds", "2", "2/3"),
        ("5 hundred thousand", "5", "500000"),
        ("half of 10", "10", "5"),
        ("twice 5", "5", "10"),
    ],
)
def test_f11_words_that_change_a_number(grader: Grader, words: str, part: str, value: str) -> None:
    check(grader, both([(text, value) for text in frames(words)], [(text, part) for text in frames(words)]))


def test_f11_things_that_only_look_like_fractions(grader: Grader) -> None:
    things = [("5 months", "5"), ("3 paths", "3"), ("7 deaths", "7"), ("4 children", "4"), ("5 squares", "5")]
    check(grader, both(things, [("5 zillionths", "5"), ("The answer is 5 thousandths of an inch.", "5")]))


def test_f12_percent_is_no_other_unit(grader: Grader) -> None:
    right = [
        ("50%", r"50\%"),
        ("50%", "50"),
        ("50%", "0.5"),
        ("50", r"50\%"),
        ("50 per cent", "50%"),
        ("200%", "2"),
    ]
    wrong = [
        ("50%", r"\$50"),
        ("90%", r"90^\circ"),
        ("50%", r"50 \text{ cm}"),
        ("20%", "20 dollars"),
        ("1%", "1"),
        ("50 percent", "50 apples"),
        (r"\$50", r"50\%"),
        (r"30^\circ", r"30\%"),
        ("0.5%", "0.5"),
    ]
    boxed = (
        [(rf"\boxed{{{answer}}}", gold) for answer, gold in right],
        [(rf"\boxed{{{a}}}", gold) for a, gold in wrong],
    )
    check(grader, both(*boxed))


@pytest.mark.parametrize(
    "gold",
    [
        '["$5$"]',
        "['5']",
        "[5]",
        '["\\\\boxed{5}"]',
        '"5"',
        "array(['5'], dtype=object)",
        "('5',)",
        '[["5"]]',
        '["The answer is 5."]',
    ],
)
def test_f13_a_gold_that_is_a_list_of_one(grader: Grader, gold: str) -> None:
    check(grader, both([(r"\boxed{5}", gold)], [(r"\boxed{6}", gold), (r"\boxed{5, 6}", gold)]))


@pytest.mark.parametrize("gold", ['["2", "3"]', "['2', '3']", '["$2$, $3$"]', "['2' '3']", '["3", "2"]'])
def test_f13_a_gold_that_is_a_list_of_several(grader: Grader, gold: str) -> None:
    check(
        grader,
        both(
            [(r"\boxed{2, 3}", gold), ("The answers are 3 and 2.", gold)],
            [(r"\boxed{2}", gold), (r"\boxed{23}", gold), (r"\boxed{2, 4}", gold)],
        ),
    )


def test_f13_lists_keep_their_latex_and_intervals_stay(grader: Grader) -> None:
    half = r"\boxed{\frac{1}{2}}"
    check(
        grader,
        both(
            [
                (half, r'["\\frac{1}{2}"]'),
                (half, r'["\frac{1}{2}"]'),
                (r"\boxed{(1,2)}", '["(1,2)"]'),
                (r"\boxed{[1,3]}", "[1,3]"),
                (r"\boxed{1,2,3}", "[1, 2, 3]"),
            ],
            [(r"\boxed{(2,1)}", '["(1,2)"]'), (r"\boxed{(1,3)}", "[1,3]"), (r"\boxed{2}", "[1, 2, 3]")],
        ),
    )
    for gold in ("[]", '{"value": "5"}', "[5, 6]"):
        assert grader.grade(r"\boxed{5, 6}", gold).correct is None, gold


def test_f14_three_digit_numbers_stay_a_list(grader: Grader) -> None:
    rows = both(
        [
            ("121, 242, 363, 484", "121,242,363,484"),
            ("121,242,363,484", "121, 242, 363, 484"),
            ("484, 363, 242, 121", "121,242,363,484"),
            ("100, 200, 300", "100,200,300"),
            ("1,234,567", "1234567"),
            ("1234567", "1,234,567"),
            ("123456", "123,456"),
            ("230,400", "230400"),
        ],
        [
            ("121, 242, 363", "121,242,363,484"),
            ("484", "121,242,363,484"),
            ("121,242,363,484", "121"),
            ("101", "101,202"),
        ],
    )
    check(grader, [(rf"\boxed{{{response}}}", gold, want) for response, gold, want in rows])
    assert grader.grade(r"\boxed{121242363484}", "121,242,363,484").correct is None


def test_f15_leading_zeros(grader: Grader) -> None:
    right = [
        ("004", "4"),
        ("4", "004"),
        ("007", "7"),
        ("010", "10"),
        ("-04", "-4"),
        ("00", "0"),
        ("05.5", "5.5"),
    ]
    wrong = [("010", "1"), ("040", "4"), ("(1,000)", "(1,0)")]
    check(
        grader,
        both(
            [(text, gold) for answer, gold in right for text in frames(answer)],
            [(text, gold) for answer, gold in wrong for text in frames(answer)],
        ),
    )
