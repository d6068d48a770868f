"""The labelled cases, and where an answer stands: each kind of fault (F1 to F10) with variants, both ways."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.grading.grades import Grade, Grader
from tests.evaluation.grading.labelled import both, check, frames

CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("grading_cases.jsonl").read_text(encoding="utf-8").splitlines()
]


def test_labelled_cases(grader: Grader) -> None:
    """No false "correct"; at least 95% of what can be said is graded as labelled."""
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
