"""Which bundled problem a prompt asks: the wordings that prompts are made of, turned into patterns.

With the problem at hand, a task's exact checker can judge the answer.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from tasks import MIDDLE, TASKS, countdown, expression, sudoku
from tasks import linear_phrasing as wording
from tasks.sudoku_grids import LAYOUTS
from tasks.word.stories import words
from tasks.word.templates import NAMES, OBJECTS, TEMPLATES

NUMBER = r"\d{1,9}"
_EQUATION = r"[-+*0-9a-z= ]+"
_FIELDS: dict[str, dict[str, str]] = {
    "linear": {
        "equation": _EQUATION, "e": _EQUATION, "v": "[a-z]", "n": r"-?\d{1,2}|[A-Z][a-z]+",
        "a": f"-?{NUMBER}", "b": NUMBER, "c": f"-?{NUMBER}", "sign": "plus|minus",
        "verb": "add|subtract", "side": "to|from",
    },
    "expression": {"expression": r"[-+*×() \d]+", "e": r"[-+*×() \d]+"},
    # Any name and any object match, also such as the model was not trained on.
    "word": {"a": "[A-Z][a-z]+", "b": "[A-Z][a-z]+", "c": "[A-Z][a-z]+", "o": "[a-z]+"},
    "countdown": {"numbers": rf"{NUMBER}(?:, ?{NUMBER}){{1,2}}", "target": NUMBER},
}  # fmt: skip


def kinds_of(prompt: str) -> list[str]:
    """The bundled tasks that have a wording which matches the prompt."""
    text = " ".join(prompt.split())
    matching = [task for task in TASKS if _pattern(task).fullmatch(text)]
    return matching or (["word"] if is_story(text) else [])


def is_story(text: str) -> bool:
    """Whether a text reads like a composed word problem (tasks.word.composed): a few sentences in its words,
    with numbers, and a question behind them."""
    told, mark, question = text.rpartition(". ")
    asks = mark and text.endswith("?") and question.startswith(("How many", "How much", "What "))
    return bool(asks and re.search(r"\d", told)) and set(re.findall(r"[a-z]+", text.lower())) <= _told_in()


@cache
def _told_in() -> frozenset[str]:
    """The small words, objects and names of composed stories."""
    return words() | set(OBJECTS) | {name.lower() for name in NAMES}


def kind_of(prompts: Sequence[str]) -> str:
    """The bundled task that more than half of the prompts are worded as; "" where there is none."""
    counts = Counter(kind for prompt in prompts for kind in kinds_of(prompt))
    kind, count = counts.most_common(1)[0] if counts else ("", 0)
    return kind if 2 * count > len(prompts) else ""


def level_of(prompts: Sequence[str]) -> str:
    """The level of more than half of the prompts, where wording alone tells it: MIDDLE for 6x6 sudoku. "" for
    all others: how hard an equation is, its numbers tell by degrees."""
    cells = LAYOUTS[6].cells
    problems = [problem_of(prompt) or {"name": "", "problem": {}} for prompt in prompts]
    puzzles = [p["problem"]["puzzle"] for p in problems if p["name"] == "sudoku"]
    return MIDDLE if 2 * sum(len(puzzle) == cells for puzzle in puzzles) > len(prompts) else ""


# For each task: the field of its problem -> the names which that field has in the wordings.
_PROBLEM: dict[str, dict[str, tuple[str, ...]]] = {
    "sudoku": {"puzzle": ("puzzle",)}, "linear": {"equation": ("equation", "e")},
    "expression": {"expression": ("expression", "e")},
    "countdown": {"numbers": ("numbers",), "target": ("target",)},
}  # fmt: skip


def problem_of(prompt: str) -> dict[str, Any] | None:
    """The bundled problem that a prompt asks, in the form of a request's `task`. None where it asks none,
    or tells an equation in words only."""
    text = " ".join(prompt.split())
    if _pattern("word").fullmatch(text) or is_story(text):
        return {"name": "word", "problem": {"problem": text}}
    for task, field_names in _PROBLEM.items():
        for form, patterns in _forms(task):
            match = re.fullmatch(_regex(form, patterns, named=True), text)
            groups = match.groupdict() if match else {}
            fields = {
                f: next((groups[n] for n in names if n in groups), "") for f, names in field_names.items()
            }
            if all(fields.values()):
                return {"name": task, "problem": fields}
    return None


def _forms(task: str) -> list[tuple[str, Mapping[str, str]]]:
    """The wordings of a task in `str.format` form, each with the patterns of its fields."""
    if task == "sudoku":
        return [
            (form, {"puzzle": f"[0-{size}]{{{layout.cells}}}"})
            for size, layout in LAYOUTS.items()
            for form in (*sudoku.phrasings(size), sudoku.template_of(size))
        ]
    return [(form, _FIELDS[task]) for form in _phrasings(task)]


def _phrasings(task: str) -> Iterable[str]:
    if task == "linear":
        return (
            wording.USUAL_FORM,
            *wording.SYMBOLIC,
            *wording.WORDS,
            *wording.WORDS_NO_B,
            *wording.WORDS_ONE,
            TASKS[task].template,
        )
    if task == "expression":
        return (*expression.PHRASINGS, TASKS[task].template)
    if task == "countdown":
        return (*countdown.PHRASINGS, TASKS[task].template)
    return [text for template in TEMPLATES for text in template.texts]


@cache
def _pattern(task: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{_regex(form, patterns)})" for form, patterns in _forms(task)))


def _regex(form: str, fields: Mapping[str, str], named: bool = False) -> str:
    parts: list[str] = []
    used_names: set[str] = set()
    for literal, name, _, _ in string.Formatter().parse(form):
        parts.append(re.escape(literal))
        if name is not None:
            group = f"?P<{name}>" if named and name.isidentifier() and name not in used_names else "?:"
            used_names.add(name)
            parts.append(f"({group}{fields.get(name, NUMBER)})")
    return "".join(parts)
