r"""Labels an answer's parts as right or wrong for a process reward model, without the right answer.

A part is right (1) when every step that ends in it is right, and the unfinished step at its end can still
become a right one. The former is the score that samplers.checker gives the part when it is the newest. The
latter is needed because parts may end anywhere in a line (a sampler's blocks do, and a reward model sees
parts without the line break at their end): so `12 + 9 = 3` or `\boxed{-` can be told to be wrong early.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from samplers.checker import Checker
from samplers.scoring import Draft, Question
from tasks import TASKS, linear
from tasks.arithmetic import parse
from tasks.step_check import check_steps
from tasks.sudoku_grids import can_be_completed

_FACT = re.compile(r"((?:[^:=]{1,60}: )?(-?\d{1,9}) ([-+*/]) (-?\d{1,9}) =) ?(-?\d{0,9})")
_SCALED = re.compile(r"((-?\d{0,3})[a-z] =) ?(-?\d{0,9})")
_BOX = re.compile(r"(.*\\boxed\{)([^{}]*)", re.DOTALL)


def part_labels(task: str, fields: Mapping[str, str], parts: Sequence[str], ended: bool = True) -> list[int]:
    """1 or 0 for each part, judged with the parts before it and none behind.

    parts: texts, none empty; ended: whether nothing follows the last one. ValueError when the problem
    itself cannot be read.
    """
    question = Question("", task, tuple(sorted(fields.items())))
    checker = Checker([question], lambda ids: "")
    labels, text = [], ""
    for number, part in enumerate(parts, 1):
        text += part
        draft = Draft(question, tuple(parts[:number]), ended and number == len(parts))
        right = checker.judge([draft])[0][-1] == 1
        labels.append(int(right and can_still_hold(task, fields, text)))
    return labels


def can_still_hold(task: str, fields: Mapping[str, str], text: str) -> bool:
    """Whether the unfinished line or box at the end of `text` can become a right step; True where that
    cannot be told. A line is judged once it has its `=`, a box once it has its brace."""
    start = text.rfind("\n") + 1
    line, checker = text[start:], TASKS[task]
    box = _BOX.fullmatch(line)
    if box is not None:
        if task == "countdown":  # any expression that hits the target may stand there
            return True
        if task == "sudoku":
            return can_be_completed("".join(box[2].split()), fields["puzzle"])
        return any(answer.startswith(box[2].lstrip()) for answer in _answers(task, fields, text[:start]))
    end = line if task == "sudoku" and "\\" not in line else _completion(task, fields, line)
    if end is None or not end.strip():
        return True
    return check_steps(checker, fields, f"{text[:start]}{end}\n")[-1].right


def _completion(task: str, fields: Mapping[str, str], line: str) -> str | None:
    """The only true equation that the line can become; the line itself where there is none, and None where
    it is not the beginning of an equation."""
    if (fact := _FACT.fullmatch(line)) is not None:
        return _completed(line, fact[1], fact[5], _result(int(fact[2]), fact[3], int(fact[4])))
    if task == "linear" and (scaled := _SCALED.fullmatch(line)) is not None:
        factor = {"": 1, "-": -1}.get(scaled[2])
        value = linear.solve(fields["equation"]) * (int(scaled[2]) if factor is None else factor)
        return _completed(line, scaled[1], scaled[3], value)
    return None


def _result(left: int, op: str, right: int) -> Fraction | None:
    if op == "/":
        return Fraction(left, right) if right else None
    return Fraction({"+": left + right, "-": left - right, "*": left * right}[op])


def _completed(line: str, head: str, written: str, value: Fraction | None) -> str:
    whole = value is not None and value.denominator == 1
    return f"{head} {value}" if whole and str(value).startswith(written) else line


def _answers(task: str, fields: Mapping[str, str], before: str) -> list[str]:
    """The right contents of the box, in the form that worked answers have."""
    if task == "linear":
        return [str(linear.solve(fields["equation"]))]
    if task == "expression":
        return [str(parse(fields["expression"]).value)]
    true = [step for step in check_steps(TASKS[task], fields, before) if step.right]
    return [before[true[-1].start : true[-1].stop].rsplit("= ", 1)[-1].strip()] if true else []
