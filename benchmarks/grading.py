"""Grading speed: 10,000 short answers, and how many of them go to math-verify.

`python -m benchmarks.grading [--n 10000] [--workers 2] [--seed 0] [--json]`. Answers like those of
MATH and GSM8K: two in three are right, half of those written in another way than the gold answer.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter

from evaluation.grading.grades import Grader

FAMILIES = (  # share in percent, gold, the same in another way, something else
    (55, "{a}", "{a}.0", "{b}"),
    (10, r"\frac{{{a}}}{{{b}}}", "{a}/{b}", r"\frac{{{b}}}{{{a}}}"),
    (8, "{a}.{b}", "{a}.{b}0", "{b}.{a}"),
    (6, "({a},{b})", r"\left( {a}, {b} \right)", "({b},{a})"),
    (4, "{a},-{b}", "-{b}, {a}", "{a},{b}"),
    (4, r"{a}^\circ", r"{a} \text{{ degrees}}", r"{b}^\circ"),
    (4, r"{a}\sqrt{{{p}}}", r"\sqrt{{{q}}}", r"{b}\sqrt{{{p}}}"),
    (3, r"\frac{{{a}\pi}}{{{p}}}", r"\frac{{{a}}}{{{p}}}\pi", r"\frac{{{b}\pi}}{{{p}}}"),
    (3, "{a}x+{b}", "{b}+{a}x", "{b}x+{a}"),
    (2, "({p},{b}]", r"{p}<x\le {b}", "[{p},{b}]"),
    (1, r"\text{{Evelyn}}", "evelyn", "Briana"),
)


def answers(n: int, seed: int) -> list[tuple[str, str, bool]]:
    """(response, gold answer, whether it is right)."""
    rng = random.Random(seed)
    rows = []
    for _ in range(n):
        _, gold, same, other = rng.choices(FAMILIES, [family[0] for family in FAMILIES])[0]
        a, b = rng.sample(range(2, 60), 2)
        p = rng.choice((2, 3, 5, 7))
        values = {"a": a, "b": b + 60, "p": p, "q": a * a * p}
        kind = rng.randrange(3)
        text = (gold, same, other)[kind].format(**values)
        rows.append((rf"Therefore the answer is $\boxed{{{text}}}$.", gold.format(**values), kind < 2))
    return rows


def main() -> int:
    """Grade them all and print the time; 1 when a grade is not what it must be."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--n", type=int, default=10_000)
    options.add_argument("--workers", type=int)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--json", action="store_true")
    args = options.parse_args()
    rows = answers(args.n, args.seed)
    began = time.perf_counter()
    with Grader(args.workers) as grader:
        grades = grader.grade_many((response, gold) for response, gold, _ in rows)
        workers = grader.pool.workers
    seconds = time.perf_counter() - began
    wrong = [(row, grade) for row, grade in zip(rows, grades, strict=True) if grade.correct is not row[2]]
    found = {
        "answers": args.n, "seconds": round(seconds, 2), "workers": workers, "unexpected": len(wrong),
        "settled by": dict(Counter(grade.reason for grade in grades).most_common()),
    }  # fmt: skip
    print(json.dumps(found) if args.json else "\n".join(f"{name}: {value}" for name, value in found.items()))
    for row, grade in wrong[:5]:
        print(row, grade, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
