"""Does a prompt look like what the bundled model was trained on? Wording first, then numbers.

An honest check and a simple one: the trained phrasings as patterns, and the ranges of the
generators. It says nothing about whether the answer will be right.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from tasks import TASKS, CountdownTask, ExpressionTask, LinearTask, WordTask, countdown, expression, sudoku
from tasks import linear_phrasing as wording
from tasks.word_templates import TEMPLATES

KINDS = "4×4 sudoku, linear equations, sums and products, short word problems and countdown"
NUMBER = r"\d{1,9}"
UNKNOWN = (
    f"{{model}} has only learned five kinds of small problems: {KINDS}. "
    "This prompt reads like none of them, so expect nonsense."
)
TOO_LARGE = (
    "{model} has learned this kind of problem with smaller numbers only ({range}), "
    "so the answer will probably be wrong."
)
_EQUATION = r"[-+*0-9a-z= ]+"
_FIELDS: dict[str, dict[str, str]] = {
    "sudoku": {"puzzle": "[0-4]{16}"},
    "linear": {
        "equation": _EQUATION, "e": _EQUATION, "v": "[a-z]", "n": r"-?\d|[A-Z][a-z]+", "a": f"-?{NUMBER}",
        "b": NUMBER, "c": f"-?{NUMBER}", "sign": "plus|minus", "verb": "add|subtract", "side": "to|from",
    },
    "expression": {"expression": r"[-+*×() \d]+", "e": r"[-+*×() \d]+"},
    # Any name and any thing will do: the model was trained on fifty names and thirty-two things.
    "word": {"a": "[A-Z][a-z]+", "b": "[A-Z][a-z]+", "c": "[A-Z][a-z]+", "o": "[a-z]+"},
    "countdown": {"numbers": rf"{NUMBER}(?:, ?{NUMBER}){{2}}", "target": NUMBER},
}  # fmt: skip


def hint(prompt: str, model: str) -> str:
    """A sentence when the prompt lies outside what the model has learned, else ''."""
    text = " ".join(prompt.split())
    kinds = [task for task in TASKS if _pattern(task).fullmatch(text)]
    if not text or any(not _beyond(task, text) for task in kinds):
        return ""
    if kinds:
        return TOO_LARGE.format(model=model, range=_beyond(kinds[0], text))
    return UNKNOWN.format(model=model)


# The field of a task's problem -> the names that phrasings give it.
_PROBLEM = {
    "sudoku": {"puzzle": ("puzzle",)}, "linear": {"equation": ("equation", "e")},
    "expression": {"expression": ("expression", "e")},
    "countdown": {"numbers": ("numbers",), "target": ("target",)},
}  # fmt: skip


def problem_of(prompt: str) -> dict[str, Any] | None:
    """The bundled problem that a prompt asks, as a request's `task`: what the exact checker needs.
    None where it asks none, or words an equation without writing it."""
    text = " ".join(prompt.split())
    if _pattern("word").fullmatch(text):
        return {"name": "word", "problem": {"problem": text}}
    for task, wanted in _PROBLEM.items():
        for form in (*_phrasings(task), TASKS[task].template):
            found = re.fullmatch(_regex(form, _FIELDS[task], named=True), text)
            groups = found.groupdict() if found else {}
            fields = {f: next((groups[n] for n in names if n in groups), "") for f, names in wanted.items()}
            if all(fields.values()):
                return {"name": task, "problem": fields}
    return None


def _phrasings(task: str) -> Iterable[str]:
    if task == "sudoku":
        return sudoku.PHRASINGS
    if task == "linear":
        return (wording.ASKED, *wording.SYMBOLIC, *wording.WORDS, *wording.WORDS_NO_B, *wording.WORDS_ONE)
    if task == "expression":
        return expression.PHRASINGS
    if task == "countdown":
        return countdown.PHRASINGS
    return [text for template in TEMPLATES for text in template.texts]


@cache
def _pattern(task: str) -> re.Pattern[str]:
    forms = list(_phrasings(task)) + ([TASKS[task].template] if task != "word" else [])
    return re.compile("|".join(f"(?:{_regex(form, _FIELDS[task])})" for form in forms))


def _regex(form: str, fields: dict[str, str], named: bool = False) -> str:
    parts: list[str] = []
    seen: set[str] = set()
    for literal, name, _, _ in string.Formatter().parse(form):
        parts.append(re.escape(literal))
        if name is not None:
            group = f"?P<{name}>" if named and name.isidentifier() and name not in seen else "?:"
            seen.add(name)
            parts.append(f"({group}{fields.get(name, NUMBER)})")
    return "".join(parts)


def _beyond(task: str, text: str) -> str:
    """The trained range when the numbers of a prompt leave it, else ''."""
    allowed, inside = _RANGES.get(task, (lambda: "", lambda _: True))
    return "" if inside(text) else allowed()


def _numbers(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", text)]


def _linear_inside(text: str) -> bool:
    s = LinearTask().settings
    most = s.a_max * max(abs(s.x_min), abs(s.x_max)) + s.b_max
    factors = [int(n) for n in re.findall(r"(\d+) ?\*? ?[a-z]\b", text)]
    return max(_numbers(text), default=0) <= most and max(factors, default=0) <= s.a_max


def _linear_range() -> str:
    s = LinearTask().settings
    return f"factors up to {s.a_max}, addends up to {s.b_max}"


_RANGES: dict[str, tuple[Callable[[], str], Callable[[str], bool]]] = {
    "linear": (_linear_range, _linear_inside),
    "expression": (
        lambda: f"2 to 4 operands up to {ExpressionTask().settings.high}",
        lambda text: 2 <= len(_numbers(text)) <= 4
        and max(_numbers(text)) <= ExpressionTask().settings.high,
    ),
    "word": (
        lambda: f"values up to {WordTask().settings.highest}",
        lambda text: max(_numbers(text), default=0) <= WordTask().settings.highest,
    ),
    "countdown": (
        lambda: f"up to {CountdownTask().settings.highest}",
        lambda text: max(_numbers(text)) <= CountdownTask().settings.highest,
    ),
}
