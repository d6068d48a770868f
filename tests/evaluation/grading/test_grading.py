"""Grading against human labels, published golds, our own pairs, and hostile texts."""

from __future__ import annotations

import csv
import json
import random
import re
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evaluation.grading.grades import MOST_QUESTIONS, Coverage, Grade, Grader, coverage, grade_file
from evaluation.grading.math_pool import Verdict
from evaluation.runs.bundled_scores import default_data

TABLE = Path(__file__).with_name("grading_pairs.jsonl")
PAIRS = [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]
SENTENCES = [
    ("(5,6)", "The point is (5, 6).", True), ("6", "The point is (5, 6).", False),
    ("3", r"The length is 2\sqrt{3}.", False), ("3", r"The length is $2\sqrt{3}$.", False),
    (r"2\sqrt{3}", r"The length is $2\sqrt{3}$.", True), ("10", "so we get 2^{10}.", False),
    ("18", "She makes $18 per day.", True), ("6", "The answer is 5, not 6.", False),
    ("5", "The answer is 5, not 6.", True), ("5", "The answer is not 5.", False),
    ("3", "The answer is 3/4", False),
    ("4", r"so $\frac{3}{4}$ remains", False), ("7", r"The final answer is: $\boxed{7}$", True),
    ("8", r"\boxed{7} and 8", False), ("7", "**Final Answer:** 7", True),
    ("5", "The probability is 0.5.", False), ("0", "", False),
    ("1000", "1,000 dollars in total", True), (r"\text{(C)}", r"The correct answer is \textbf{(C)}", True),
    ("2+2=4\n#### 4", "So it is 4.", True), (r"that is \boxed{\frac12}", "0.5", True),
]  # fmt: skip
HOSTILE = [
    "9^{9^{9^9}}", "10**10**10", "9**9**9**9", "100000000!", "(10^{9})!", "2^{10^{10}}", "(((9!)!)!)!",
    r"\binom{10^9}{5\cdot 10^8}", r"\lfloor 10^{10^{10}} \rfloor", "e^{e^{e^{e^{e^{e}}}}}", "(1+x)^{1000000}",
    "__import__('os').system('touch pwned')", r"\boxed{__import__('os').system('touch pwned')}",
    "eval('1+1')",
    "{" * 100_000, r"\boxed{" * 40_000, r"\boxed{" * 20_000 + "7" + "}" * 20_000, "(" * 5_000 + ")" * 5_000,
    r"\frac{" * 3_000 + "1" + "}{2}" * 3_000, r"\sqrt{" * 200 + "2" + "}" * 200, "1" * 1_000_000,
    "a" * 1_000_000, "x" * 199, "1+" * 99 + "1", r"\sin" * 100 + "x",
    "x^{" * 100 + "2" + "}" * 100, "1," * 50_000, "(1," * 1_000,
    "1,111" * 20_000, "$" * 100_000, r"\[" * 50_000, "\x007", "\ud800", "\\boxed{\udfff}", "1e999",
    "1e99999999",
    "0^{-1}", r"\log 0", r"\sqrt[0]{2}",
    "=" * 5_000, "x=1=2" * 500, r"\pm" * 500, "and " * 20_000,
    r"\infty^{\infty}",
    "\\" * 100_000, "٣", r"\begin{pmatrix}" + "1&" * 500 + r"1\end{pmatrix}",
    "\u2028" * 1_000, " " * 1_000_000,
]  # fmt: skip
LIMIT, MEMORY = 2.0, 512


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(seconds=20) as grader:
        yield grader


@pytest.fixture(scope="module")
def data() -> Path:
    folder = default_data()
    if folder is None:
        pytest.skip("set LLADA_VIZ_DATA to the data folder to run this test")
    return folder


def judged(grader: Grader, rows: list[tuple[str, str, bool]]) -> list[tuple[str, str, bool, Grade]]:
    """(gold, response, expected, grade) of (gold, response, expected)."""
    grades = grader.grade_many((response, gold) for gold, response, _ in rows)
    return [(*row, grade) for row, grade in zip(rows, grades, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["{}", r"Hence it is $\boxed{{{}}}$.", "so\n#### {}"])
def test_pairs_of_our_own(grader: Grader, form: str) -> None:
    """No false "correct"; the only misses are those the table names."""
    assert len(PAIRS) >= 200
    found = judged(grader, [(r["answer"], form.format(r["response"]), r["expected"]) for r in PAIRS])
    assert not [row for row in found if row[3].correct and not row[2]]
    missed = [row for row, pair in zip(found, PAIRS, strict=True)
              if row[2] and not row[3].correct and not pair["note"].startswith("known miss")]  # fmt: skip
    assert not missed


@pytest.mark.slow
def test_sentences(grader: Grader) -> None:
    assert not [row for row in judged(grader, SENTENCES) if bool(row[3].correct) is not row[2]]


@pytest.mark.slow
def test_agrees_with_human_labels(grader: Grader, data: Path) -> None:
    lines = (data / "gsm8k" / "model_solutions_graded.jsonl").read_text().splitlines()
    rows: list[tuple[str, str, bool]] = []
    for line in lines:
        problem: dict[str, Any] = json.loads(line)
        solved = [v for v in problem.values() if isinstance(v, dict)]
        rows += [(problem["ground_truth"], v["solution"], v["is_correct"]) for v in solved]
    assert len(rows) == 1_600
    agreed = sum(grade.correct is label for _, _, label, grade in judged(grader, rows))
    assert agreed / len(rows) >= 0.995


@pytest.fixture(scope="module")
def joined(data: Path) -> list[tuple[str, str]]:
    """(solution, bare answer) of the problems that stand in both MATH files."""
    with (data / "math500" / "math_test_data.csv").open(newline="") as rows:
        bare = {row["question"].strip(): row["answer"] for row in csv.DictReader(rows)}
    lines = (data / "math500" / "test.jsonl").read_text().splitlines()
    solutions = [json.loads(line) for line in lines]
    pairs = [(s["solution"], bare[s["problem"].strip()]) for s in solutions if s["problem"].strip() in bare]
    assert len(pairs) == 250
    return pairs


@pytest.mark.slow
def test_solutions_match_their_own_answers(grader: Grader, joined: list[tuple[str, str]]) -> None:
    assert sum(bool(grade.correct) for grade in grader.grade_many(joined)) >= 0.99 * len(joined)


@pytest.mark.slow
def test_shuffled_answers_match_only_where_equal(grader: Grader, joined: list[tuple[str, str]]) -> None:
    golds = [gold for _, gold in joined]
    other = random.Random(5).sample(golds, len(golds))
    grades = grader.grade_many(zip(other, golds, strict=True))
    for gold, answer, grade in zip(golds, other, grades, strict=True):
        # Spaces say nothing, and a degree sign may be left out.
        equal = len({re.sub(r"\s|\^\\circ", "", text) for text in (gold, answer)}) == 1
        assert bool(grade.correct) is equal, (gold, answer, grade)


@pytest.mark.slow
def test_hostile_texts_end_in_time_and_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As response and as gold; none is graded 5, the pool recovers, the parent stays small."""
    monkeypatch.chdir(tmp_path)
    with Grader(workers=1, seconds=LIMIT, memory_mb=MEMORY) as grader:
        assert grader.grade(r"\sqrt{8}", r"2\sqrt{2}").correct
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for text in HOSTILE:
            for response, gold in ((text, "5"), ("5", text)):
                began = time.monotonic()
                grade = grader.grade(response, gold)
                # The limit, and the start of the worker that replaces one killed before.
                assert time.monotonic() - began < LIMIT + 30, (response[:40], gold[:40])
                assert not grade.correct, (response[:40], gold[:40], grade.reason)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024
        assert grader.grade(r"\sqrt{8}", r"2\sqrt{2}").correct
        assert grader.grade("9^{9^{9^9}}", "5") == Grade(
            None, "9^{9^{9^9}}", f"could not grade: time limit of {LIMIT:g} s"
        )
    assert not list(tmp_path.iterdir())


def test_many_expressions_are_not_compared_for_ever() -> None:
    asked: list[str] = []
    roots = [rf"\sqrt{{{k}}}" for k in range(2, 60) if k**0.5 % 1][:40]
    with Grader(workers=1) as grader:
        grader._ask = lambda op, gold, answer: asked.append(op) or Verdict(True)  # type: ignore
        gold, found = (r"\{" + ",".join(one + root for root in roots) + r"\}" for one in ("", "1"))
        grade = grader.grade(rf"\boxed{{{found}}}", gold)
    assert grade.correct is None and f"more than {MOST_QUESTIONS}" in grade.reason
    assert len(asked) == MOST_QUESTIONS


def test_outcomes_and_coverage() -> None:
    with Grader(workers=1) as grader:
        grades = grader.grade_many([("5", "5"), ("6", "5"), ("I do not know.", "5"), ("5", r"\overline{AB}")])
        assert grader.grade_many([]) == []
    assert [grade.correct for grade in grades] == [True, False, False, None]
    assert grades[2] == Grade(False, None, "no answer")
    assert grades[3].reason.startswith("could not grade: the gold answer cannot be read")
    assert coverage(grades) == Coverage(total=4, correct=1, wrong=2, not_graded=1, answered=3)
    assert "75.0%" in str(coverage(grades)) and "none" in str(coverage([]))


def test_file(tmp_path: Path) -> None:
    rows = [{"response": r"\boxed{5}", "answer": 5.0}, {"response": "a\u2028b 6", "answer": "5"},
            {"response": "", "answer": ["$5$"]}]  # fmt: skip
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    found = grade_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert found == Coverage(3, 1, 2, 0, 2)
    out = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert out[0] == {"correct": True, "extracted": "5", "reason": "compared as numbers"}
    assert [row["correct"] for row in out] == [True, False, False]


@pytest.mark.parametrize(("line", "said"), [
    ("{", "line 2 of in.jsonl is not JSON"), ("[1]", "response = None"),
    ('{"response": "5"}', "answer = None"),
    ('{"response": ["5"], "answer": "5"}', "response = ..5"),
    ('{"response": "5", "answer": null}', "answer = None"),
])  # fmt: skip
def test_a_bad_line_is_named_and_nothing_written(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "in.jsonl").write_text('{"response": "5", "answer": "5"}\n' + line)
    with pytest.raises(ValueError, match=re.escape(said).replace(r"\.\.", "..")):
        grade_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
