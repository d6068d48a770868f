"""Which bundled problem a prompt asks: the trained phrasings as patterns, read backwards.

Whoever knows the problem has the exact checker for its answer; see tasks.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from tasks import TASKS, countdown, expression, sudoku
from tasks import linear_phrasing as wording
from tasks.word_templates import TEMPLATES

NUMBER = r"\d{1,9}"
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


def kinds_of(prompt: str) -> list[str]:
    """The bundled tasks whose wording the prompt has."""
    text = " ".join(prompt.split())
    return [task for task in TASKS if _pattern(task).fullmatch(text)]


def kind_of(prompts: Sequence[str]) -> str:
    """The bundled task whose wording more than half of the prompts have; "" where there is none."""
    counts = Counter(kind for prompt in prompts for kind in kinds_of(prompt))
    kind, count = counts.most_common(1)[0] if counts else ("", 0)
    return kind if 2 * count > len(prompts) else ""


# The field of a task's problem -> the names that phrasings give it.
_PROBLEM: dict[str, dict[str, tuple[str, ...]]] = {
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
