"""Answers as people and models write them: the labelled cases, and each kind of fault with variants.

A row is (response, gold answer, what a careful person says). Each kind stands in both directions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.grading.grades import Grade, Grader

CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("grading_cases.jsonl").read_text(encoding="utf-8").splitlines()
]
Row = tuple[str, str, bool]


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=1, seconds=30) as grader:
        yield grader


def check(grader: Grader, rows: list[Row]) -> None:
    """Every row as a careful person grades it; the message shows what was read."""
    grades = grader.grade_many((response, gold) for response, gold, _ in rows)
    differ = [(row, grade) for row, grade in zip(rows, grades, strict=True) if grade.correct is not row[2]]
    assert not differ


def both(right: list[tuple[str, str]], wrong: list[tuple[str, str]]) -> list[Row]:
    return [(*row, True) for row in right] + [(*row, False) for row in wrong]


def frames(answer: str) -> list[str]:
    """An answer in a box, after `####`, after "the answer is", and in a sentence."""
    return [
        rf"Hence \boxed{{{answer}}}.",
        f"so\n#### {answer}",
        f"The answer is {answer}.",
        f"So it is {answer}.",
    ]


def test_labelled_cases(grader: Grader) -> None:
    """No false "correct"; at least 95 % of what can be said is graded as labelled."""
    grades = grader.grade_many((case["response"], case["answer"]) for case in CASES)
    rows: list[tuple[dict[str, str | bool | None], Grade]] = list(zip(CASES, grades, strict=True))
    assert len(rows) == 192
    assert not [(case, grade) for case, grade in rows if grade.correct and case["want"] is not True]
    labelled = [(case, grade) for case, grade in rows if case["want"] is not None]
    assert sum(grade.correct is case["want"] for case, grade in labelled) >= 0.95 * len(labelled)


def test_f1_two_prices_are_no_formula(grader: Grader) -> None:
    check(
        grader,
        both(
            [
                ("She earns $10 per hour, so in eight hours she earns $80.", "80"),
                ("Tickets cost $12 each, so 3 tickets cost $36.", "36"),
                ("He pays $5.50 for lunch and $7 for dinner, so $12.50 in total.", "12.5"),
                ("From $20 he spends $8 and keeps $12.", "12"),
                ("$5 and $6 make $11", "11"),
                ("**$10** each, **$30** in total.", "30"),
                ("The answer is $5 + $7 = $12.", "12"),
                ("The length is $2\\sqrt{3}$.", "2\\sqrt{3}"),
            ],
            [
                ("She earns $10 per hour, so in eight hours she earns $80.", "10"),
                ("He pays $5 for lunch and $7 for dinner, so $12 in total.", "7"),
                ("She had $5 and $6.", "6"),
                ("The length is $2\\sqrt{3}$.", "3"),
            ],
        ),
    )


def test_f2_the_answer_is_what_the_sentence_comes_to(grader: Grader) -> None:
    check(
        grader,
        both(
            [
                ("So the answer is 5 + 7 = 12 apples.", "12"),
                ("The answer is 3 * 4 = 12.", "12"),
                ("The answer is the sum of 5 and 7, which is 12.", "12"),
                ("The answer is that she has 12 apples.", "12"),
                ("the answer is 12 apples + 3 oranges = 15 fruits", "15"),
                ("Answer: 12 (because 5 + 7 = 12)", "12"),
                ("The answer is 40% of 30 = 12", "12"),
                ("The answer is 5 plus 7, or 12.", "12"),
            ],
            [
                ("So the answer is 5 + 7 = 12 apples.", "5"),
                ("The answer is 3 * 4 = 12.", "3"),
                ("The answer is the sum of 5 and 7, which is 12.", "7"),
                ("The answer is 40% of 30 = 12", "40"),
                ("the answer is 7 more than 5.", "7"),
                ("the answer is 7 more than 5.", "5"),
            ],
        ),
    )


@pytest.mark.parametrize(
    "five", ["−5", "–5", "‑5", "- 5", "－5", "﹣5", "− 5", "minus 5", "negative five", "-5"]
)
def test_f3_a_sign_is_kept(grader: Grader, five: str) -> None:
    texts = [
        *frames(five),
        f"The answer is {five} degrees Celsius.",
        f"The temperature fell to {five} degrees.",
    ]
    check(grader, both([(text, "-5") for text in texts], [(text, "5") for text in texts]))


def test_f3_a_sign_in_words(grader: Grader) -> None:
    below = "It is 5 degrees below zero."
    check(grader, both([(below, "-5")], [(below, "5"), ("The change is −12 points.", "12")]))


@pytest.mark.parametrize(
    ("formula", "part"),
    [
        (r"2\sqrt{3}", "2"),
        (r"3\pi", "3"),
        ("4x", "4"),
        ("2^{10}", "2"),
        ("2√3", "2"),
        ("7/8", "7"),
        (r"\frac{7}{8}", "7"),
        ("3+4i", "3"),
        ("12x^2", "12"),
        (r"6\times 10^4", "6"),
        ("2*pi", "2"),
        ("3(x+1)", "3"),
    ],
)
def test_f4_a_formula_is_read_whole(grader: Grader, formula: str, part: str) -> None:
    texts = [*frames(formula), f"The answer is {formula} inches.", f"The answer is ${formula}$ inches."]
    check(grader, both([(text, formula) for text in texts], [(text, part) for text in texts]))


@pytest.mark.parametrize(
    ("mixed", "value", "parts"),
    [
        ("5 1/2", "5.5", ("5", "1/2", "2")),
        ("2 3/4", "2.75", ("2", "3/4", "4")),
        ("1½", "1.5", ("1", "1/2")),
        ("three and a half", "3.5", ("3", "1/2")),
        ("10 2/3", "32/3", ("10", "2/3")),
        ("two and three quarters", "2.75", ("2", "3/4")),
        ("2 and 1/2", "2.5", ("2", "1/2")),
    ],
)
def test_f5_mixed_numbers(grader: Grader, mixed: str, value: str, parts: tuple[str, ...]) -> None:
    texts = [f"The answer is {mixed} cups.", f"She needs {mixed} cups.", f"Answer: {mixed} cups"]
    check(grader, both([(text, value) for text in texts], [(text, part) for text in texts for part in parts]))


@pytest.mark.parametrize(
    ("response", "gold", "parts"),
    [
        ("The answers are 9 and 10.", "10, 9", ("9", "10")),
        ("The answer is 3 or -3.", r"\pm 3", ("3", "-3")),
        ("The solutions are x = 2 and x = 5.", "2,5", ("2", "5")),
        ("The primes are 2, 3, 5 and 7.", "2,3,5,7", ("2", "7")),
        (r"The solutions are $\boxed{3}$ and $\boxed{7}$.", "3,7", ("3", "7")),
        (r"\boxed{2}, \boxed{4}", "2,4", ("2", "4")),
        ("\\boxed{x=3}\n\\boxed{x=4}", "3,4", ("3", "4")),
        ("The answer is either 3 or 4.", "3,4", ("3", "4")),
        ("So x = 5, y = 6.", "x=5, y=6", ("5", "6")),
    ],
)
def test_f6_several_answers_are_several(
    grader: Grader, response: str, gold: str, parts: tuple[str, ...]
) -> None:
    check(grader, both([(response, gold)], [(response, part) for part in parts]))


def test_f6_two_counts_are_not_one(grader: Grader) -> None:
    check(
        grader,
        both(
            [("The answer is 3/4 or 0.75.", "0.75")],
            [
                ("So there are 3 apples and 4 oranges.", "4"),
                ("The answer is 4 boys and 5 girls.", "5"),
                ("The answer is 4 boys and 5 girls.", "4"),
            ],
        ),
    )


def test_f7_spaced_operators(grader: Grader) -> None:
    right = [
        ("The result is 5 - 8.", "-3"),
        ("The result is 3 + 4", "7"),
        ("It is 2 * 6.", "12"),
        ("We get 2 × 3.", "6"),
        ("The value is 9 / 2.", "4.5"),
        ("The value is 10 − 4.", "6"),
        ("The answer is x - 3", "x-3"),
    ]
    wrong = [
        ("The result is 5 - 8.", "8"),
        ("The result is 3 + 4", "4"),
        ("It is 2 * 6.", "6"),
        ("We get 2 × 3.", "3"),
        ("The value is 9 / 2.", "2"),
        ("The value is 10 − 4.", "-4"),
        ("The answer is x - 3", "3"),
        ("That is 3 / 4 of a pizza.", "4"),
    ]
    check(grader, both(right, wrong))


@pytest.mark.parametrize(
    "response",
    [
        "#### Final Answer\n\n12",
        "#### Answer\n12",
        "### Final Answer\n\n12",
        "#### **Final Answer**\n\n**12**",
        "#### Solution\n5+7=12\n\n#### Final Answer\nThe answer is 12.",
        "#### Step 1\n5+7=12\n#### Step 2\nThe total is 12.",
        "#### 1. Add\n5+7\n#### 2. Result\nSo we get 12.",
        "#### The answer is 12",
        "####12",
        "#### $12",
        "#### 12 apples",
        "####\n12",
        "#### Answer: 12",
        "5+7=12\n\n#### Conclusion\n\nShe has 12 apples.",
        "**Answer:**\n\n12",
    ],
)
def test_f8_a_heading_is_no_mark(grader: Grader, response: str) -> None:
    check(grader, both([(response, "12")], [(response, other) for other in ("1", "2", "5", "7")]))


@pytest.mark.parametrize(
    "response",
    [
        r"The answer is \boxed{12}. I wrote it with \boxed as you asked.",
        "Put it in \\boxed. The answer is 12.",
        r"As asked, I use \boxed{} for it. The answer is \boxed{12}.",
        r"We use \boxed{...}: \boxed{12}",
        r"\boxed 12",
        "I will put it in `\\boxed{}`.\nSo the answer is 12.",
    ],
)
def test_f9_boxed_as_a_word(grader: Grader, response: str) -> None:
    check(grader, both([(response, "12")], [(response, "1"), (response, "a")]))


@pytest.mark.parametrize(
    ("opened", "closed"),
    [
        ("<think>", "</think>"),
        ("<thinking>", "</thinking>"),
        ("<reasoning>", "</reasoning>"),
        ("[THINK]", "[/THINK]"),
        ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ],
)
def test_f10_thoughts_are_no_answer(grader: Grader, opened: str, closed: str) -> None:
    response = rf"{opened}maybe \boxed{{3}}{closed}The answer is 4."
    check(
        grader,
        both(
            [
                (response, "4"),
                (rf"maybe \boxed{{3}}{closed}\boxed{{4}}", "4"),
                (rf"\boxed{{4}}{opened}or \boxed{{5}}", "4"),
            ],
            [
                (response, "3"),
                (rf"{opened}I get \boxed{{3}} so far, let me", "3"),
                (f"{opened}#### 3", "3"),
                (f"{opened}so the answer is 3. {closed}", "3"),
                (rf"\boxed{{4}}{opened}or \boxed{{5}}", "5"),
            ],
        ),
    )


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
