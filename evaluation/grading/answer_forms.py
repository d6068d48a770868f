"""The shape of an answer: a value, a text, a tuple or interval, a set, a list, a matrix, a relation.

Reads canonical text (`answer_text.canonical`). What it means is compared in `equivalence`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from evaluation.grading import answer_units
from evaluation.grading.answer_text import ROW, canonical
from evaluation.grading.expression import GREEK, Node, Unreadable, parse

MOST_LETTERS, MOST_ITEMS, MOST_DEPTH = 2_000, 40, 8
Kind = Literal["value", "text", "bracket", "set", "list", "union", "matrix", "relation"]
RELATIONS = {"=": "=", "<": "<", ">": ">", r"\le": "<=", r"\ge": ">=", r"\neq": "!="}
_OPEN = {"(", "[", "{", r"\{", r"\langle"}
_CLOSE = {")", "]", "}", r"\}", r"\rangle"}
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
_JOINED = re.compile(r"(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])")
_MATRIX = re.compile(r"^\\begin\{([pbB]?matrix)\}(.*)\\end\{\1\}$", re.DOTALL)
_WORDS = re.compile(r"^[A-Za-z][A-Za-z' -]*$")
_NUMBER_WORDS = {word: n for n, word in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty".split()
)}  # fmt: skip
_SHORT_WORDS = {*_NUMBER_WORDS, "no", "yes", "odd", "all", "any"}
_LONE = re.compile(rf"^(?:[A-Za-z]|\\(?:{'|'.join(GREEK)}))(?:_\{{\w+\}})?(?:\([A-Za-z]\))?$", re.ASCII)
_LITERAL = re.compile(
    r"^(?:\d[\dA-F]*_\{(?:\d+|\\text\{[a-z]+\})\}|\d+(?::\d+)+|\\mathbb\{[A-Z]\})$", re.ASCII
)
"""Numbers of a base, ratios and times, names of number sets: compared as they are written."""


@dataclass(frozen=True)
class Form:
    """text: what it was read from. items: parts, in order. signs: brackets, or the signs of a relation.

    A value has its tree in `node`, None where it is no expression, and why in `problem`.
    """

    kind: Kind
    text: str
    items: tuple[Form, ...] = ()
    signs: tuple[str, ...] = ()
    node: Node | None = None
    problem: str = ""
    units: frozenset[str] = frozenset()
    percent: bool = False


def read(text: str) -> Form:
    """The form of an answer as somebody wrote it; Unreadable when longer than MOST_LETTERS."""
    if len(text) > MOST_LETTERS:
        raise Unreadable(f"{len(text)} letters; allowed: {MOST_LETTERS}")
    return _read(canonical(text), 0)


def lone(form: Form) -> bool:
    """Whether it is a variable alone, or f(x): what stands left in `x = 5`."""
    return form.kind == "value" and bool(_LONE.match(form.text))


def _read(text: str, depth: int) -> Form:
    if depth > MOST_DEPTH:
        return Form("value", text, problem=f"brackets over {MOST_DEPTH} deep")
    if found := re.match(r"^\\text\{([^{}]*)\}$", text):
        return _words(found[1], text) if re.search("[A-Za-z]", found[1]) else _read(found[1], depth + 1)
    if _LITERAL.match(text):  # 52 in base 8 is what was asked for, not 42
        return Form("text", text)
    text = re.sub(r"^[A-Za-z]\\in\s?", "", text)
    for separators, kind in (((",", ";"), "list"), ((r"\cup",), "union")):
        joined = _JOINED.sub(";", text) if kind == "list" else text
        parts, _ = _cut(joined, separators)
        if len(parts) > 1:
            return _several(kind, text, parts, depth)  # type: ignore[arg-type]
    if found := _MATRIX.match(text):
        rows = [_several("bracket", row, row.split("&"), depth) for row in found[2].strip(ROW).split(ROW)]
        return Form("matrix", text, tuple(rows))
    if bracketed := _bracketed(text, depth):
        return bracketed
    parts, signs = _cut(text, tuple(RELATIONS))
    if signs and all(parts):
        items = tuple(_read(part, depth + 1) for part in parts)
        return Form("relation", text, items, tuple(RELATIONS[sign] for sign in signs))
    return _value(text, depth)


def _several(kind: Kind, text: str, parts: list[str], depth: int) -> Form:
    items = [_read(part, depth + 1) for part in parts if part.strip()]
    if kind in ("list", "set"):  # 1 ± √5, −2 is a list of three
        items = [inner for item in items for inner in (item.items if item.kind == "list" else (item,))]
    if len(items) > MOST_ITEMS:
        return Form("value", text, problem=f"{len(items)} items; allowed: {MOST_ITEMS}")
    return Form(kind, text, tuple(items))


def _cut(text: str, separators: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Parts between separators that stand in no bracket, stripped, and those separators."""
    parts, found, depth = [""], [], 0
    for token in _TOKEN.findall(text):
        depth += (token in _OPEN) - (token in _CLOSE)
        if depth == 0 and token in separators:
            parts.append("")
            found.append(token)
        else:
            parts[-1] += token
    return [part.strip() for part in parts], found


def _bracketed(text: str, depth: int) -> Form | None:
    """A form that one pair of brackets holds whole, or None."""
    tokens = _TOKEN.findall(text)
    if len(tokens) < 2 or tokens[0] not in _OPEN or tokens[-1] not in _CLOSE:
        return None
    level = 0
    for place, token in enumerate(tokens):
        level += (token in _OPEN) - (token in _CLOSE)
        if level == 0 and place < len(tokens) - 1:
            return None
    signs = (tokens[0], tokens[-1])
    inner = "".join(tokens[1:-1]).strip()
    parts, _ = _cut(inner, (",", ";"))
    if signs == (r"\{", r"\}"):
        return _several("set", text, parts, depth)
    if signs in (("(", ")"), ("{", "}")) and len(parts) == 1:
        return _read(inner, depth + 1)
    if (signs[0], signs[1]) not in {("(", ")"), ("[", "]"), ("(", "]"), ("[", ")"), (r"\langle", r"\rangle")}:
        return None
    form = _several("bracket", text, parts, depth)
    if len(form.items) != len(parts):
        return Form("value", text, problem="an item is empty")
    return replace(form, signs=signs)


def _words(words: str, text: str) -> Form:
    plain = " ".join(re.sub(r"[^\w\s'+-]", " ", words).split()).casefold()
    if plain in _NUMBER_WORDS:
        return Form("value", text, node=Node("number", value=Fraction(_NUMBER_WORDS[plain])))
    return Form("text", plain)


def _value(text: str, depth: int) -> Form:
    if text.count(r"\pm") + text.count(r"\mp") == 1:
        both = [re.sub(r"\\[pm]{2}(?![A-Za-z])\s?", sign, text) for sign in "+-"]
        return _several("list", text, both, depth)
    if _WORDS.match(text) and any(len(word) > 3 or word.lower() in _SHORT_WORDS for word in text.split()):
        return _words(text, text)
    if text in (r"\{\}", r"\emptyset"):
        return Form("set", r"\{\}")
    value, units, percent, scale = answer_units.split(text)
    value = value.removeprefix("+") if value.endswith(r"\infty") else value
    try:
        if re.search(r"(?<![\\A-Za-z])[A-Za-z]{5}", value):
            raise Unreadable("words in it")
        node = parse(value)
    except Unreadable as problem:
        if re.search("[A-Za-z]{4}", text) and not re.search(r"[\\\d]", text):
            return _words(text, text)
        return Form("value", value, problem=str(problem), units=units, percent=percent)
    if scale != 1:
        node = Node("times", (node, Node("number", value=Fraction(scale))))
        value = f"{value}\\cdot {scale}"
    return Form("value", value, node=node, units=units, percent=percent)
