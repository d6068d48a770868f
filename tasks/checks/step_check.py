r"""Checks a worked answer step by step against the problem alone, without the right answer.

A step is a finished line, or a closed \boxed{...}. Every arithmetic line must be true and must use
numbers that the problem or earlier lines gave. Expressions are reduced operation by operation, so a
right sum at the wrong place is wrong; an equation's line must keep its solution; a sudoku row must
keep clues and rules; a line of a countdown must leave a way to the target. Of word problems three things are
checked: that the arithmetic is right, that its numbers were given, and that the final answer is the last
line's result. Whether an operation was the right one to choose cannot be told from the problem's text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from tasks import linear
from tasks.arithmetic import Node, tree
from tasks.core import Task, extract_boxed, read_number
from tasks.countdown_solver import reachable
from tasks.steps import Fact, plain
from tasks.sudoku_grids import keeps_rules, layout_of

_FACT = re.compile(r"(?:[^:=]{1,60}: )?(-?\d{1,9}) ([-+*/]) (-?\d{1,9}) = (-?\d{1,9})")
_SCALED = re.compile(r"(-?\d{0,3})([a-z]) = (-?\d{1,9})")
_BOX = re.compile(r"\\boxed\s*\{")
NUMBER_WORDS = {
    "half": 2, "halves": 2, "twice": 2, "double": 2, "doubled": 2, "doubles": 2, "pair": 2, "pairs": 2,
    "third": 3, "triple": 3, "tripled": 3, "triples": 3, "thrice": 3, "quarter": 4, "dozen": 12, "week": 7,
    "weeks": 7, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
"""Words of a problem's text that give a number."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of an answer: text[start:stop], and whether it is right."""

    start: int
    stop: int
    right: bool


Judge = Callable[[str], bool]
"""A line, or the contents of the box -> whether it is right; it remembers the lines before."""


def check_steps(task: Task, fields: Mapping[str, str], text: str) -> list[Step]:
    """The steps of `text` in order. ValueError when the problem itself cannot be read."""
    line_holds, box_holds = _JUDGES[task.name](task, fields)
    steps, at = [], 0
    box = _BOX.search(text)
    body = text if box is None else text[: box.start()]
    for line in body.splitlines(keepends=True):
        stop = at + len(line)
        if line.endswith("\n") and line.strip():
            steps.append(Step(at, stop, line_holds(line.strip())))
        at = stop
    if box is not None:
        answer = extract_boxed(text)
        if answer is not None:
            stop = text.find("}", box.end()) + 1
            steps.append(Step(box.start(), stop, box_holds(answer)))
    return steps


def _fact(line: str) -> Fact | None:
    match = _FACT.fullmatch(line)
    return None if match is None else Fact(int(match[1]), match[2], int(match[3]), int(match[4]))


def _of_expression(task: Task, fields: Mapping[str, str]) -> tuple[Judge, Judge]:
    root: list[Node] = [tree(fields["expression"])]

    def line_holds(line: str) -> bool:
        fact = _fact(line)
        if fact is None or not fact.true:
            return False
        reduced, done = _reduce(root[0], fact)
        root[0] = reduced
        return done

    return line_holds, lambda answer: task.check(fields, f"\\boxed{{{answer}}}").correct


def _reduce(node: Node, fact: Fact) -> tuple[Node, bool]:
    """The tree with the first operation, from the left, that the fact computes replaced by its result, and
    whether there is one."""
    if isinstance(node, int):
        return node, False
    op, left, right = node
    if isinstance(left, int) and isinstance(right, int):
        written = (fact.left, fact.op, fact.right)
        if written in ((left, op, right), plain(left, op, right)):
            return fact.result, True
        return node, False
    left, done = _reduce(left, fact)
    if not done:
        right, done = _reduce(right, fact)
    return (op, left, right), done


def _of_linear(task: Task, fields: Mapping[str, str]) -> tuple[Judge, Judge]:
    a, b, c = linear.coefficients(fields["equation"])
    solution = linear.solve(fields["equation"])

    def line_holds(line: str) -> bool:
        scaled = _SCALED.fullmatch(line)
        if scaled is not None:
            sign = {"": 1, "-": -1}.get(scaled[1])
            factor = int(scaled[1]) if sign is None else sign
            return factor != 0 and Fraction(int(scaled[3]), factor) == solution
        fact = _fact(line)
        if fact is None or not fact.true:
            return False
        if fact.op == "/":
            return Fraction(fact.result) == solution and abs(fact.right) == abs(a)
        return abs(fact.result) == abs(a * solution) and {abs(fact.left), abs(fact.right)} == {abs(b), abs(c)}

    return line_holds, lambda answer: task.check(fields, f"\\boxed{{{answer}}}").correct


def _of_word(task: Task, fields: Mapping[str, str]) -> tuple[Judge, Judge]:
    text = fields["problem"].lower()
    allowed_numbers = {int(n) for n in re.findall(r"\d{1,9}", text)}
    allowed_numbers |= {NUMBER_WORDS[w] for w in re.findall(r"[a-z]+", text) if w in NUMBER_WORDS}
    last: list[int] = []

    def line_holds(line: str) -> bool:
        fact = _fact(line)
        if fact is None or not fact.true or not {fact.left, fact.right} <= allowed_numbers:
            return False
        allowed_numbers.add(fact.result)
        last.append(fact.result)
        return True

    def box_holds(answer: str) -> bool:
        number = read_number(answer)
        return bool(last) and number is not None and Fraction(number) == last[-1]

    return line_holds, box_holds


def _of_countdown(task: Task, fields: Mapping[str, str]) -> tuple[Judge, Judge]:
    pool = Counter(int(n) for n in re.findall(r"\d{1,9}", fields["numbers"]))
    target = int(fields["target"])

    def line_holds(line: str) -> bool:
        fact = _fact(line)
        if fact is None or not fact.true:
            return False
        used = Counter((fact.left, fact.right))
        if not used <= pool:
            return False
        pool.subtract(used)
        pool[fact.result] += 1
        return reachable(list(pool.elements()), target)

    return line_holds, lambda answer: task.check(fields, f"\\boxed{{{answer}}}").correct


def _of_sudoku(task: Task, fields: Mapping[str, str]) -> tuple[Judge, Judge]:
    puzzle, rows = fields["puzzle"], list[str]()
    size = layout_of(puzzle).size

    def line_holds(line: str) -> bool:
        rows.append(line)
        return len(rows) <= size and keeps_rules("".join(rows), puzzle)

    return line_holds, lambda answer: task.check(fields, f"\\boxed{{{answer}}}").correct


_JUDGES: dict[str, Callable[[Task, Mapping[str, str]], tuple[Judge, Judge]]] = {
    "expression": _of_expression, "linear": _of_linear, "word": _of_word, "countdown": _of_countdown,
    "sudoku": _of_sudoku,
}  # fmt: skip
