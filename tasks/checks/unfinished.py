r"""Whether what stands at the end of an unfinished answer can still become a right step.

Parts of an answer end anywhere in a line: a sampler's blocks do. A line of which only `12 + 9 = 3` or
`\boxed{-` is written can be told to be wrong early: no right step begins so. A line is held against every
right step that can follow the steps before it (see tasks.checks.step_check), a box against the right answer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from tasks import TASKS, linear
from tasks.arithmetic import parse
from tasks.checks.step_check import NUMBER_WORDS, check_steps
from tasks.steps import Fact
from tasks.sudoku_grids import can_be_completed

_LABEL = re.compile(r"[^:=]{1,60}: (.*)")
_BEGINS_SUM = re.compile(r"-?\d|-$")
_SCALED = re.compile(r"(-?\d{0,3})([a-z]\b.*)")
_NUMBER = re.compile(r"\d{1,9}")
_BOX = re.compile(r".*\\boxed\s*\{([^{}]*)")


def can_still_hold(task: str, fields: Mapping[str, str], text: str) -> bool:
    """Whether the unfinished line or box at the end of `text` can become a right step; True where nothing is
    unfinished, and where it cannot be told. ValueError when the problem itself cannot be read."""
    start = text.rfind("\n") + 1
    before, line = text[:start], text[start:].lstrip()
    box = _BOX.fullmatch(line)
    if box is not None:
        return _box_can_hold(task, fields, before, box[1])
    if not line or "\\" in line:
        return True
    if task == "sudoku":
        return _right(task, fields, before, line)
    label = _LABEL.fullmatch(line)
    written = line if label is None else label[1]
    if task == "linear" and (scaled := _SCALED.fullmatch(written)) is not None:
        factor = {"": 1, "-": -1}.get(scaled[1])
        value = linear.solve(fields["equation"]) * (int(scaled[1]) if factor is None else factor)
        return f"{scaled[2][0]} = {value}".startswith(scaled[2].rstrip())
    if _BEGINS_SUM.match(written) is None:
        return True
    if task == "linear" and _NUMBER.fullmatch(written.removeprefix("-")):
        return True  # any multiple of the unknown may be written
    return any(_right(task, fields, before, fact) for fact in _facts(task, fields, before, written))


def _right(task: str, fields: Mapping[str, str], before: str, line: str) -> bool:
    """Whether a line behind finished ones is a right step."""
    return check_steps(TASKS[task], fields, f"{before}{line}\n")[-1].right


def _facts(task: str, fields: Mapping[str, str], before: str, written: str) -> Iterator[str]:
    """The true sums that begin with what is written, of numbers that the problem or the lines before gave."""
    numbers = _numbers(task, fields, before)
    for left in numbers:
        if not _agree(f"{left} ", written):
            continue
        for op in "+-*/":
            if not _agree(f"{left} {op} ", written):
                continue
            for right in numbers:
                if (
                    not _agree(f"{left} {op} {right} = ", written)
                    or (result := _result(left, op, right)) is None
                ):
                    continue
                fact = f"{Fact(left, op, right, result).question}{result}"
                if fact.startswith(written) or fact == written.rstrip():
                    yield fact


def _agree(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _result(left: int, op: str, right: int) -> int | None:
    if op == "/":
        return left // right if right and left % right == 0 else None
    return {"+": left + right, "-": left - right, "*": left * right}[op]


def _numbers(task: str, fields: Mapping[str, str], before: str) -> list[int]:
    """The numbers of the problem and of the lines before, and the same with a minus sign."""
    given = " ".join(value for name, value in fields.items() if name != "target")
    found = {int(digits) for digits in _NUMBER.findall(f"{given}\n{before}")}
    if task == "word":
        words = re.findall(r"[a-z]+", given.lower())
        found |= {NUMBER_WORDS[word] for word in words if word in NUMBER_WORDS}
    if task == "linear":  # the multiple of the unknown, which a division may begin with
        _, constant, value = linear.coefficients(fields["equation"])
        found.add(abs(value - constant))
    return sorted(found | {-number for number in found})


def _box_can_hold(task: str, fields: Mapping[str, str], before: str, written: str) -> bool:
    """Whether the right contents of the box begin with what is written in it."""
    if task == "sudoku":
        return can_be_completed("".join(written.split()), fields["puzzle"])
    if task == "countdown":  # any expression of the numbers that hits the target
        numbers = Counter(_NUMBER.findall(fields["numbers"]))
        used = Counter(_NUMBER.findall(written))
        last = re.search(r"\d+$", written)
        if last is None:
            return used <= numbers
        used.subtract([last[0]])
        left = numbers - used
        return +used <= numbers and any(number.startswith(last[0]) for number in left)
    return any(answer.startswith(written.lstrip()) for answer in _answers(task, fields, before))


def _answers(task: str, fields: Mapping[str, str], before: str) -> list[str]:
    """The right contents of the box, in the form that worked answers have."""
    if task == "linear":
        return [str(linear.solve(fields["equation"]))]
    if task == "expression":
        return [str(parse(fields["expression"]).value)]
    true = [step for step in check_steps(TASKS[task], fields, before) if step.right]
    return [before[true[-1].start : true[-1].stop].rsplit("= ", 1)[-1].strip()] if true else []
