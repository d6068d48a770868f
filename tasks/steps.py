"""How one step of a worked answer is written: `7 - 3 = 4`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """A line `left op right = result` of integers, true or not."""

    left: int
    op: str
    right: int
    result: int

    @property
    def question(self) -> str:
        """The line up to its result: `7 - 3 = `."""
        return f"{self.left} {self.op} {self.right} = "

    @property
    def true(self) -> bool:
        """Whether the result is right."""
        if self.op == "/":
            return self.right != 0 and self.result * self.right == self.left
        whole = {"+": self.left + self.right, "-": self.left - self.right, "*": self.left * self.right}
        return whole[self.op] == self.result


def plain(left: int, op: str, right: int) -> tuple[int, str, int]:
    """The same value as people write it: `-3 + 7` and `7 + -3` become `7 - 3`, `7 - -3` becomes `7 + 3`.

    So every sum and difference of an equation's answer is one of p + q, p - q and -p - q with p and
    q >= 0: three forms to learn instead of eight. Products and quotients stay as they are.
    Answers to expressions are not rewritten: their steps must keep the expression's own operators.
    """
    if op in "+-":
        if right < 0:
            op, right = "-" if op == "+" else "+", -right
        if op == "+" and left < 0:
            left, op, right = right, "-", -left
    return left, op, right


def step(left: int, op: str, right: int, result: int) -> str:
    """One line of an answer, operands in plain form."""
    left, op, right = plain(left, op, right)
    return f"{left} {op} {right} = {result}"
