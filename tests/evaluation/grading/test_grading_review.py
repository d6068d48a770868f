r"""What a review found: parts of a statement taken for the answer, denied answers, slow patterns."""

from __future__ import annotations

import time

import pytest

from evaluation.grading.extraction import extract, gold_answer
from evaluation.grading.grades import Grader
from tests.evaluation.grading.labelled import check

TOUCHED = [
    r"\boxed{5}M", r"$- \boxed{5}$", r"\frac{1}{2}\boxed{5}", r"\boxed{5}; or 6",
    r"\boxed{5} thousand", r"\boxed{5} million dollars", r"\boxed{5}\text{ thousand}", r"\boxed{5} dozen",
    r"-\boxed{5}", r"2\boxed{5}", r"\boxed{5}^2", r"\boxed{5}\sqrt{2}", r"\frac{\boxed{5}}{6}",
    r"\boxed{5}$ minus 2", r"It's \boxed{5} or 6", r"\boxed{5} and 6", r"$-\boxed{5}$", r"$x = -\boxed{5}$",
    r"$\boxed{5}$ hundred", r"$\boxed{5} \cdot 3$", r"$3 \cdot \boxed{5}$", r"$\frac{1}{\boxed{5}}$",
    r"\boxed{5}/6", r"\boxed{5} + 2", r"$\boxed{5}\times 10^3$", r"\sqrt{\boxed{5}}", r"\boxed{5} or six",
    r"6 or \boxed{5}", r"minus \boxed{5}", r"twice \boxed{5}", r"\boxed{5} sixths",
    r"$7 - \boxed{5}$", r"$2^{\boxed{5}}$", r"\boxed{5}x", r"\boxed{5} times 3", r"\boxed{5}\pi",
    r"negative \boxed{5}",
    r"The answer is \boxed{5} lakh.", r"\boxed{5} squared", r"<answer>5</answer> thousand",
    r"-<answer>5</answer>",
    r"<answer>5</answer> or <answer>6</answer>", r"<answer>6</answer> or <answer>5</answer>",
    r"\boxed{5}\cdot2",
    r"half of \boxed{5}", r"\boxed{5} to 6", r"$(\boxed{5}, 6)$",
]  # fmt: skip
UNTOUCHED = [
    r"\boxed{5} km", r"\boxed{5} apples.", r"\boxed{5} and that is it", r"so x = \boxed{5}",
    r"$2+3=\boxed{5}$",
    r"- \boxed{5}", r"1. \boxed{5}", r"Answer - \boxed{5}", r"$\boxed{5}$.", r"**\boxed{5}**",
    r"\[\boxed{5}\]",
    r"\boxed{5}!", r"$\boxed{5}$ \text{ cm}", r"the answer is \boxed{5} dollars and I am done",
    r"$x = \boxed{5}$, as wanted.", r"<answer>5</answer>", r"Step 3: \boxed{5}",
    r"It is not 6 but \boxed{5}",
    r"There are \boxed{5} ways - a nice result.", r"\boxed{5}. Note that 6 is too large.",
    r"<answer>6</answer> No wait. Then <answer>5</answer>", r"$\text{Answer: }\boxed{5}$",
    r"$x\approx\boxed{5}$",
    r"We get $10 / 2 = \boxed{5}$ and 5 is prime.", r"$3 \cdot 4 - 7 = \boxed{5}$ meters",
    r"It's \boxed{5} (or so I think)",
]  # fmt: skip


@pytest.mark.parametrize("response", TOUCHED)
def test_r1_what_touches_a_box_belongs_to_it(grader: Grader, response: str) -> None:
    check(grader, [(response, "5", False)])


def test_r1_other_words_beside_a_box_do_not_change_it(grader: Grader) -> None:
    check(grader, [(response, "5", True) for response in UNTOUCHED])


def test_r1_what_touches_a_box_is_read_with_it(grader: Grader) -> None:
    check(grader, [
        (r"\boxed{5} thousand", "5000", True), (r"-\boxed{5}", "-5", True), (r"2\boxed{5}", "10", True),
        (r"\boxed{5}^2", "25", True), (r"$\frac{\boxed{5}}{6}$", "5/6", True), (r"\boxed{50}\%",
        "50", True),
        (r"\boxed{A} or B", "A", False), (r"\boxed{3} or \boxed{5}", "3, 5", True), (r"\boxed{C}",
        "C", True),
    ])  # fmt: skip


DENIED = [
    "5 is the wrong answer.", "It's hard to believe the answer is 5.", "No way the answer is 5.",
    "The answer is 5. No, 6.", "The answer is 5? Not quite, 6.", "It's not the case that the answer is 5.",
    "Who says the answer is 5?", "Wrong answer: 5", r"\boxed{5} is a wrong answer.",
    r"The answer is not \boxed{5}", r"I can't say \boxed{5}", r"\boxed{5} is wrong.", r"\boxed{5}? No.",
    r"It is not \boxed{5} but 6", r"I doubt it is \boxed{5}", r"Some say \boxed{5}.",
    r"\boxed{5} isn't right",
    r"$\boxed{5}$ is not the answer", r"It's never \boxed{5}.", r"Not \boxed{5}.",
    "The wrong answer is 5.", "An incorrect answer is 5.", "The answer is 6. A common wrong answer is 5.",
    "The correct answer is 6, and the wrong answer is 5.", "My first answer was 5. Now I get 6.",
    "A tempting answer is 5.", "My initial guess: the answer is 5. But no.",
    "I don't think the answer is 5.", "I doubt the answer is 5.", "It is impossible that the answer is 5",
    "Nobody thinks the answer is 5.", "Is the answer 5?",
    "The answer is 6. Some people say the answer is 5.",
    "The answer is 6. You may think the answer is 5, but that is wrong.", "The answer is 5? No, 6.",
    "I do not believe that the answer is 5.", "No one would say the answer is 5.", "Could the answer be 5?",
    "It's false that the answer is 5.", "The answer is 5? Wrong.", "If the answer is 5",
    "I thought the answer was 5.",
    "It cannot be that the answer is 5.", "The answer can't be 5.", "The answer is 5, which is wrong.",
    "It is unlikely that the answer is 5.", "I'm not sure the answer is 5.", "Many students think it is 5.",
    "The answer couldn't be 5.", "5 is not the answer.", "5 is incorrect.", "The answer is neither 5 nor 6",
]  # fmt: skip


@pytest.mark.parametrize("response", DENIED)
def test_r2_to_r5_a_denied_answer_is_none(grader: Grader, response: str) -> None:
    check(grader, [(response, "5", False)])


def test_r2_to_r5_what_is_stated_instead_is_found(grader: Grader) -> None:
    six = [
        r"It is not \boxed{5} but 6", r"The answer is \boxed{6}, not \boxed{5}",
        r"It is not \boxed{5}, but \boxed{6}",
        "The answer is 6. A common wrong answer is 5.",
        "The correct answer is 6, and the wrong answer is 5.",
        "My first answer was 5. Now I get 6.", "The answer is 6. Some people say the answer is 5.",
        "The answer is 5? No, 6.", "The answer is 6. You may think the answer is 5, but that is wrong.",
        "There is no doubt that the answer is 6.", "It's not hard to see that the answer is 6.",
        "5 is wrong, so the answer is 6.", "Is it 5? No. The answer is 6.", "The answer is 6, not 5.",
        "I don't think the answer is 5. It is 6.", "If x is 3 then the answer is 6.",
        "I think the answer is 6.",
        "Is 4 prime? No. So we get 6.", "Will has 6 apples.", "I say the answer is 6.",
        "The first number is 6.", "That is why the answer is 6.", "You get 6.",
        
        "It can't be 5, so it's 6.",
    ]  # fmt: skip
    check(grader, [(text, "6", True) for text in six] + [(r"The answer is not \boxed{A}.", "A", False)])


CHANGED = [
    "anything but 5", "unlikely to be 5", "no longer 5", "hardly 5", "neither 5 nor 6",
    "any number except 5",
    "all reals except 5", "everything except 5", "excluding 5", "At minimum 5", "all but 5", "other than 5",
    "the square of 5", "the cube of 5", "the reciprocal of 5", "the opposite of 5", "the inverse of 5",
    "the negation of 5", "thrice 5", "quadruple 5", "twice as much as 5", "log of 5", "the sine of 5",
    "a fifth of 5",
    "a tenth of 5", "two thirds of 5", "three quarters of 5", "5 grand", "5 googol", "5 basis points",
    "5 per mille",
    "5 per thousand", "5 ppm", "5 in binary", "5 in hexadecimal", "5 in base two", "5 out of a hundred",
    "5 bps",
    "5 per 1000", "5 or higher", "in excess of 5", "every integer but 5",
    "as many as 5", "upwards of 5", "beyond 5", "half as much as 5", "the logarithm of 5", "one sixth of 5",
    "the factorial of 5", "the double of 5", "the square root of 5", "5 myriad", "5 parts per million",
]  # fmt: skip


@pytest.mark.parametrize("words", CHANGED)
def test_r6_to_r8_words_that_change_a_number(grader: Grader, words: str) -> None:
    rows = [f"The answer is {words}.", f"So it is {words}.", f"#### {words}", rf"\boxed{{\text{{{words}}}}}"]
    check(grader, [(text, "5", False) for text in rows])


def test_r6_to_r8_in_sentences(grader: Grader) -> None:
    wrong = ["The answer exceeds 5", "He doubled 5.", "The answer is larger than 5", "He squared 5."]
    check(grader, [(text, "5", False) for text in wrong])
    check(grader, [
        ("The answer is the absolute value of -5", "-5", False), ("5 grand", "5000", True),
        ("The answer is 15 in binary", "15", False), ("The answer is 15 in hexadecimal.", "15", False),
        ("The answer is $18 per day.", "18", True), ("The answer is the square of 5.", "25", True),
        ("The answer is two thirds of 6.", "4", True), ("It is a fifth of 5.", "1", True),
        ("The answer is the cube of 2.", "8", True), ("He doubled 5.", "10", True), ("It is 18 per cent.",
        "18%", True),
        ("The answer is 5 in total.", "5", True), ("The answer is 0.5 in decimal form.", "0.5", True),
    ])  # fmt: skip


@pytest.mark.parametrize(
    "tag", ["<think type='x'>", "&lt;think&gt;", '<thinking mode="long" id=3>', "<think >"]
)
def test_r10_thoughts_with_attributes_or_escaped(grader: Grader, tag: str) -> None:
    end = (
        tag.split()[0].rstrip(">").replace("think", "/think").removesuffix("&gt;")
        if "&" in tag
        else "</think>"
    )
    closing = end + "&gt;" if "&" in tag and not end.endswith("&gt;") else end
    check(grader, [
        (tag + r"\boxed{5}", "5", False),
        (tag + r"\boxed{5}" + closing + r"\boxed{6}", "6", True),
    ])  # fmt: skip


def test_r11_answer_tags_in_one_sentence_are_several(grader: Grader) -> None:
    text = "<answer>5</answer> or <answer>6</answer>"
    check(
        grader,
        [(text, "6", False), (text, "5, 6", True), ("<answer>5</answer>. So <answer>6</answer>", "6", True)],
    )
    assert extract("not <answer>5</answer>") is None


@pytest.mark.parametrize(
    "text",
    [
        "²" * 100_000,
        "x 10" + "⁰" * 100_000,
        "²/₂" * 30_000,
        ("1 because " * 20_001)[:200_000] + " x=,",
        r"\boxed{5}/" * 20_000,
        "<answer>5</answer> or " * 9_000,
        r"not \boxed{5} " * 15_000,
        "I doubt the answer is 5 " * 8_000,
    ],
    ids=["superscripts", "power", "fractions", "reasons", "boxes", "tags", "denied boxes", "denied answers"],
)
def test_r12_r14_long_texts_end_soon(text: str) -> None:
    """Linear in the length; superscripts and reasons took seconds to minutes."""
    began = time.process_time()
    extract(text)
    gold_answer(text)
    assert time.process_time() - began < 3


def test_r14_reasons_are_left_out() -> None:
    assert extract("He has 5 left after 3 days") == "5"
    assert extract("It is 5 because 3 is odd, so 7") == "7"


def test_r9_decimals_in_words(grader: Grader) -> None:
    check(
        grader,
        [
            ("one point two million", "1200000", True), ("one point two million", "2000000", False),
            ("The answer is three point five.", "3.5", True), ("It is three point one four.", "3.14", True),
            ("The answer is zero point two five.", "0.25", True), ("twenty-five point five", "25.5", True),
            ("zero point two five", "5", False), ("three point five", "5", False),
        ],
    )  # fmt: skip


def test_r23_verdicts_and_choices(grader: Grader) -> None:
    check(
        grader,
        [
            ("Yes, it is.", "Yes", True), ("Yes, because 5 is prime.", "Yes", True), ("No, it isn't.",
            "No", True),
            ("Answer: No, since 6 is even", "No", True), ("The answer is yes, it is.", "Yes", True),
            ("The statement is true.", "True", True), ("It's false", "False", True), ("C is correct",
            "C", True),
            ("C is the answer", "C", True), ("No, it isn't.", "Yes", False), ("It's not true",
            "True", False),
            ("C is incorrect", "C", False), ("C is not the answer", "C", False), ("No, it is 6.",
            "6", True),
            ("The statement is true.", "False", False), ("Yes, because 5 is prime.", "5", False),
        ],
    )  # fmt: skip


def test_r24_percent_and_thousands(grader: Grader) -> None:
    check(
        grader,
        [
            ("fifty percent", "50%", True), ("twenty five percent", "25%", True), ("1.2k", "1200", True),
            ("The answer is 1.5k.", "1500", True), ("1.2k", "1.2", False), ("fifty percent", "25%", False),
            (r"\boxed{5}:\boxed{6}", "5:6", True), (r"\boxed{5}:\boxed{6}", "5", False),
        ],
    )  # fmt: skip


def test_r25_numbers_that_only_explain(grader: Grader) -> None:
    eleven = [
        "Tom has 11 fruits: 5 apples and 6 pears.", "She has 11 apples, 9 fewer than Tom.",
        "The answer is 11 (5 + 6).", "It will take 11 days to finish 5 jobs.", "He earns $11 every 5 days.",
    ]  # fmt: skip
    check(grader, [(text, "11", True) for text in eleven] + [(text, "5", False) for text in eleven])
    check(
        grader,
        [("He adds 5 to 6 to get 11.", "11", True), ("She has 9 fewer than Tom, 11 in all.", "11", True)],
    )
