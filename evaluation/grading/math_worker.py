"""The child of `evaluation.grading.math_pool`: JSON questions in, verdicts out, inside a memory limit.

Run as a script, by path and isolated (`python -I`), so that it imports nothing of ours: it starts
quickly whatever the parent has loaded. math-verify's own time limits are signals; here they are off,
and the parent kills. An alarm ends a worker whose parent has gone.

A question is {"op": "equal" | "positive" | "proportional", "gold": LaTeX, "answer": LaTeX,
"seconds": float}; a verdict {"verdict": true | false | null, "reason": sentence}.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from typing import Any

PRECISION = 50
"""Digits to which two constants must agree."""


def confine(memory: int) -> None:
    """No more than `memory` bytes of address space, no files written, no core dumps."""
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


class Judge:
    """math-verify, loaded once, reading LaTeX as `evaluation.grading.expression_latex` writes it."""

    def __init__(self) -> None:
        import math_verify
        import sympy
        from math_verify.parser import NormalizationConfig

        self.sympy, self.verifier = sympy, math_verify
        plain = NormalizationConfig(basic_latex=False, boxed="none")
        target = math_verify.LatexExtractionConfig(boxed_match_priority=-1, normalization_config=plain)
        self.targets = [target]
        # The parser builds its tables on first use: done here, outside the time limit of a question.
        self.parse_latex(r"\frac{x_{0}^{2}-1}{2}\cdot \sqrt{3}")

    def parse_latex(self, latex: str) -> Any:
        """The sympy expression; ValueError where math-verify finds none."""
        expressions = self.verifier.parse(
            f"${latex}$",
            self.targets,
            fallback_mode="no_fallback",
            extraction_mode="first_match",
            parsing_timeout=None,
            raise_on_error=True,
        )
        if len(expressions) != 1 or not isinstance(expressions[0], self.sympy.Expr):
            raise ValueError("math-verify reads no expression in it")
        return expressions[0]

    def equal(self, gold: Any, answer: Any) -> bool | None:
        """Whether both are the same; None when neither equality nor a difference can be shown."""
        if self.verifier.verify(
            gold,
            answer,
            float_rounding=PRECISION,
            numeric_precision=PRECISION,
            timeout_seconds=None,
            raise_on_error=True,
        ):
            return True
        return False if self.differs(gold - answer) else None

    def differs(self, gap: Any) -> bool:
        """Whether a gap is a number other than 0 at some point; MemoryError and the like are raised."""
        for start in (2, -3, 7):
            values = {
                symbol: self.sympy.Rational(start * (5 * k + 11), 3 * k + 13)
                for k, symbol in enumerate(sorted(gap.free_symbols, key=str))
            }
            value = gap.subs(values).evalf(PRECISION)
            if value.is_number and value.is_finite and abs(value) > self.sympy.Float(10) ** -(PRECISION - 10):
                return True
        return False

    def positive(self, gold: Any, answer: Any) -> bool | None:
        """Whether both are the same where every variable is positive."""
        names = {symbol: self.sympy.Symbol(f"p{k}", positive=True) for k, symbol in enumerate(
            sorted((gold - answer).free_symbols, key=str))}  # fmt: skip
        gap = self.sympy.simplify((gold - answer).subs(names))
        return True if gap == 0 else False if self.differs(gap) else None

    def proportional(self, gold: Any, answer: Any) -> bool | None:
        """Whether gold = c * answer with a number c > 0."""
        ratio = self.sympy.simplify(gold / answer)
        return bool(ratio.is_number and ratio.is_positive)

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """The verdict on a question; null with a reason where there is none."""
        try:
            gold, answer = (self.parse_latex(question[name]) for name in ("gold", "answer"))
            compare = {"equal": self.equal, "positive": self.positive, "proportional": self.proportional}[
                question["op"]
            ]
            verdict = compare(gold, answer)
            return {"verdict": verdict, "reason": "" if verdict is not None else "equality was not settled"}
        except MemoryError:
            return {"verdict": None, "reason": "memory limit"}
        except (Exception, RecursionError) as error:
            return {"verdict": None, "reason": f"math-verify failed: {type(error).__name__}"}


def main() -> None:
    """Set the limits, load math-verify, report ready, then answer until standard input ends."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    confine(int(sys.argv[1]))
    try:
        judge = Judge()
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=replies)
        return
    print(json.dumps({"ready": True}), file=replies)
    for line in sys.stdin:
        question = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, question["seconds"])
        reply = judge.answer(question)
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(json.dumps(reply), file=replies)


if __name__ == "__main__":
    main()
