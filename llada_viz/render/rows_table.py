"""The table of an evaluation, row by sampler, as HTML: what each wrote, with ✓ or ✗ before it. Everything
that came from elsewhere is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from evaluation.grading.extraction import gold_answer
from evaluation.runs.report import Report, verdict
from evaluation.sets.problem_sets import Problem

MARKS = {
    "right": ("✓", "right"),
    "wrong": ("✗", "wrong"),
    "open": ("?", "not graded"),
    "failed": ("!", "failed"),
}
SHORT, SHORT_ANSWER = 70, 28  # characters; what is longer is folded
KEY = "".join(f"<span class='is-{kind}'>{sign} {word}</span>" for kind, (sign, word) in MARKS.items())
Cell = tuple[str, str, int]
"""(job, label of a line, number of a row): the answer that was chosen."""


def rows_table(report: Report, problems: Sequence[Problem], chosen: Cell | None = None) -> str:
    """The rows of `problems`. Each answer is a button with data-row, the row's number, and data-line, the
    place of its sampler among the labels."""
    if not problems:
        return "<p class='lz-about'>No such row.</p>"
    heads = ("row", "question", "answer", *report.labels)
    head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in heads)
    body = "".join(_row(report, problem, chosen) for problem in problems)
    return (
        "<div class='lz-rows' tabindex='0' role='region' aria-label='Rows by sampler'><table>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        f"<p class='lz-about lz-key'>{KEY}</p>"
    )


def _row(report: Report, problem: Problem, chosen: Cell | None) -> str:
    answers = "".join(
        f"<td>{_answer(report, label, place, problem.number, chosen)}</td>"
        for place, label in enumerate(report.labels)
    )
    gold = folded(gold_answer(problem.answer), SHORT_ANSWER)
    return (
        f"<tr><th scope='row'>{problem.number}</th>"
        f"<td class='question'>{folded(problem.question, SHORT)}</td><td>{gold}</td>{answers}</tr>"
    )


def _answer(report: Report, label: str, place: int, number: int, chosen: Cell | None) -> str:
    row: Any = report.rows[label].get(number)
    kind = verdict(row)
    if not kind:
        return "<span class='lz-about'>…</span>"
    sign, word = MARKS[kind]
    text = _short(str(row.get("extracted") or row.get("error") or "no answer"), SHORT_ANSWER)
    hand = " <i>by hand</i>" if row.get("by_hand") else ""
    pressed = "true" if chosen is not None and chosen[1:] == (label, number) else "false"
    name = escape(f"Row {number}, {label}: {word}, {text}")
    return (
        f"<button type='button' class='is-{kind}' data-row='{number}' data-line='{place}' "
        f"aria-pressed='{pressed}' aria-label='{name}'><b>{sign}</b> {escape(text)}{hand}</button>"
    )


def folded(text: str, most: int) -> str:
    """A text; a long one folded, to be opened where it stands."""
    if len(" ".join(text.split())) <= most:
        return escape(text)
    return f"<details><summary>{escape(_short(text, most))}</summary>{escape(text)}</details>"


def _short(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
