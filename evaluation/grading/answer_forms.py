"""The shape of an answer: a value, a text, a tuple or interval, a set, a list, a matrix, a relation.

Reads canonical text (`answer_text.canonical`). What it means is compared in `equivalence`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from evaluation.grading import answer_units
from evaluation.grading.answer_text import GROUP, ROW, canonical, flat
from evaluation.grading.answer_units import NOTHING, Measure
from evaluation.grading.answer_words import arithmetic
from evaluation.grading.expression import GREEK, Node, Unreadable, parse

MOST_LETTERS, MOST_ITEMS, MOST_DEPTH = 2_000, 40, 8
Kind = Literal["value", "text", "bracket", "set", "list", "union", "matrix", "relation", "ratio", "choice"]
RELATIONS = {"=": "=", "<": "<", ">": ">", r"\le": "<=", r"\ge": ">=", r"\neq": "!=", r"\approx": "~"}
_OPEN = {"(", "[", "{", r"\{", r"\langle"}
_CLOSE = {")", "]", "}", r"\}", r"\rangle"}
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
_JOINED = re.compile(r"(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])")
_MATRIX = re.compile(r"^\\begin\{([pbB]?matrix|array)\}(?:\{[lcr|]*\})?(.*)\\end\{\1\}$", re.DOTALL)
_WORDS = re.compile(r"^[^\W\d_][^\W\d_' -]*(?:[' -]+[^\W\d_]+)*$")
_SHORT_WORDS = {"no", "yes", "odd", "all", "any", "one", "two", "six", "ten"}
_LONE = re.compile(rf"^(?:[A-Za-z]|\\(?:{'|'.join(GREEK)}))(?:_\{{\w+\}})?(?:\([A-Za-z]\))?$", re.ASCII)
_LABEL = re.compile(
    r"^(?:\|?[A-Z]{2,4}\|?|\|?\\overline\{[A-Z]{2}\}\|?|m?\\(?:angle|triangle)\s?\{?[A-Z]{1,3}\}?"
    r"|\[[A-Z]{3,4}\]|[PNEV]\([^()]+\)|\([a-z](?:,[a-z])+\)|[fghan]\([\dA-Z]+\)"
    r"|\\text\{[^{}]+\}|[A-Za-z][a-z]{2,}(?: [A-Za-z][a-z]+){0,3})$",
    re.ASCII,
)
"""Names that may stand before an equals sign without making an equation: AB, P(A), f(2), Area."""
_LITERAL = re.compile(r"^(?:\d[\dA-F]*_\{(?:\d+|\\text\{[a-z]+\})\}|\\mathbb\{[A-Z]\})$", re.ASCII)
"""Numbers of a base, names of number sets: compared as they are written."""
_CLOCK = re.compile(
    r"^(\d{1,2})(?::(\d{2})(?::(\d{2}))?)?(?: ?(?:\\text\{ ?)?([ap])\.? ?m\.?\}?| ?o'clock)?$",
    re.ASCII | re.IGNORECASE,
)
_DAY = re.compile(r"^\d{1,4}([/-])\d{1,2}\1\d{2,4}$", re.ASCII)
_MONTH = re.compile(
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b",
    re.IGNORECASE,
)
_RATIO = re.compile(r"(?<=\S)(?: to |:)(?=\S)")
_CHOICE = re.compile(r"^\(?(?:\\text\{)?\(?([A-J])(?:\)|\.|:)\}?[.:)]?\s?(.+)$", re.DOTALL)
_BUILDER = re.compile(r"^\\\{\s?[A-Za-z](?:\\in\s?\\mathbb\{[A-Z]\})?\s?[|:]\s?(.+)\\\}$", re.DOTALL)
_FRENCH = re.compile(r"^([\[\]])([^\[\]]+)([\[\]])$", re.DOTALL)
_ALSO = re.compile(
    r"^([^()]+?)\s?\((?:or|i\.e\.?,?|that is,?|=|aka)\s?([^()]+)\)$|^(.+?),? ?(?:i\.e\.?,?"
    r"|or equivalently,?|that is,?) ?(.+)$"
)
_NOTHING = frozenset(
    ("no solution", "no solutions", "no real solution", "no real solutions", "empty set", "the empty set",
     "there is no solution", "there are no solutions", "has no solution")
)  # fmt: skip


@dataclass(frozen=True)
class Form:
    """text: what it was read from. items: parts, in order. signs: brackets, or the signs of a relation.

    A value has its tree in `node`, None where it is no expression, and why in `problem`. A list that may
    be one number (121,242,363) has that in `node`; one whose items are joined by `or` has ("or",) in signs.
    """

    kind: Kind
    text: str
    items: tuple[Form, ...] = ()
    signs: tuple[str, ...] = ()
    node: Node | None = None
    problem: str = ""
    measure: Measure = NOTHING
    percent: bool = False


def read_form(text: str) -> Form:
    """The form of an answer as somebody wrote it; Unreadable when longer than MOST_LETTERS."""
    if len(text) > MOST_LETTERS:
        raise Unreadable(f"{len(text)} letters; allowed: {MOST_LETTERS}")
    return _form_of(canonical(text), 0)


def lone(form: Form) -> bool:
    """Whether it is a variable alone, or f(x): what stands left in `x = 5`."""
    return form.kind == "value" and bool(_LONE.match(form.text))


def label(form: Form) -> bool:
    """Whether it is only a name for what stands right of the equals sign: a variable, a segment, words."""
    return lone(form) or bool(_LABEL.match(form.text)) or (form.kind == "text" and form.text.isascii())


def _form_of(text: str, depth: int) -> Form:
    if depth > MOST_DEPTH:
        return Form("value", text, problem=f"brackets over {MOST_DEPTH} deep")
    if match := re.match(r"^\\text\{([^{}]*)\}$", text):
        letters_only = re.search("[A-Za-z]", match[1]) and not re.search(r"[\d,]|\b(?:and|or)\b", match[1])
        return _words(match[1], text) if letters_only else _form_of(match[1].strip(), depth + 1)
    if depth == 0:  # Area: 12
        text = re.sub(r"^(?:\\text\{)?[A-Za-z][A-Za-z ]{2,30}:\}?\s?(?=\S*\d|\(?[A-J]\b)", "", text)
        text = re.sub(r"^(?:option|choice|letter) ?(?=\(?[A-J]\b)", "", text, flags=re.IGNORECASE)
    if form := _literal(text, depth):
        return form
    text = re.sub(r"^[A-Za-z](?:_\{\w\})?\\in\s?", "", text)
    if match := _BUILDER.match(text):
        text = match[1].strip()
    if (
        (match := _FRENCH.match(text))
        and (match[1] == "]" or match[3] == "[")
        and re.search("[,;]", match[2])
    ):
        text = ("(" if match[1] == "]" else "[") + match[2] + (")" if match[3] == "[" else "]")
    if match := _MATRIX.match(text):
        rows = [_several("bracket", row, row.split("&"), depth) for row in match[2].strip(ROW).split(ROW)]
        return Form("matrix", text, tuple(rows))
    if not re.match(r"^\\text", text):
        text = arithmetic(_ALSO.sub(_either, flat(text)))
        if _LITERAL.match(text):
            return Form("text", text)
    return _composed(text, depth)


def _composed(text: str, depth: int) -> Form:
    """A list, union, bracket, relation, ratio or value."""
    if compound := _compound(text):
        return compound
    for separators, kind in (((",", ";"), "list"), ((r"\cup",), "union")):
        joined = _JOINED.sub(";", text) if kind == "list" else text
        parts, _ = _split_outside_brackets(joined, separators)
        if len(parts) > 1:
            form = _several(kind, text, parts, depth)  # type: ignore[arg-type]
            commas = re.sub(r",? ?\bor\b", "", text)
            either = kind == "list" and "," not in commas and not re.search(r"\band\b", text)
            return replace(form, signs=("or",)) if either and form.kind == "list" else form
    if bracketed := _bracketed(text, depth):
        return bracketed
    parts, signs = _split_outside_brackets(text, tuple(RELATIONS))
    if signs and not parts[0] and set(signs) == {"="}:
        parts, signs = parts[1:], signs[1:]
        if not signs:
            return _form_of(parts[0], depth + 1)
    if signs and all(parts):
        items = tuple(_form_of(part, depth + 1) for part in parts)
        return Form("relation", text, items, tuple(RELATIONS[sign] for sign in signs))
    if len(parts := _RATIO.split(text)) > 1:
        form = _several("ratio", text, parts, depth)
        return form if all(item.node for item in form.items) else Form("value", text, problem="words in it")
    return _value(text, depth)


def _either(match: re.Match[str]) -> str:
    return f"{match[1] or match[3]} or {match[2] or match[4]}"


def _literal(text: str, depth: int) -> Form | None:
    """What is compared as it is written (52 in base 8 is what was asked for, not 42), or a choice."""
    if _LITERAL.match(text) or _DAY.match(text):
        return Form("text", text)
    if (match := _CLOCK.match(text)) and (match[4] or "o'clock" in text or (match[2] and int(match[1]) < 25)):
        parts = [str(int(match[1])), match[2] or "00", *([match[3]] if match[3] else [])]
        return Form("text", ":".join(parts) + (f" {match[4].lower()}m" if match[4] else ""))
    if _MONTH.search(text) and re.search(r"\d", text):
        return Form("text", " ".join(sorted(re.findall(r"[a-z]+|\d+", flat(text).lower()))))
    if (match := _CHOICE.match(text)) and not re.match(r"\s?(?:,|;|&|(?:and|or)\b)", match[2]):
        return Form("choice", match[1], (_form_of(match[2].strip(), depth + 1),))
    if re.match(rf"^-?\d{{3}}(?:{GROUP}\d{{3}})+$", text):
        number = Node("number", value=Fraction(text.replace(GROUP, "")))
        return replace(_several("list", text, text.split(GROUP), depth), node=number)
    return None


def _compound(text: str) -> Form | None:
    """2 hours and 30 minutes, 5 feet 3 inches: one quantity in the last unit (money in the first)."""
    parts = re.findall(r"(\d+(?:\.\d+)?(?:\\frac\{\d+\}\{\d+\})?) ?([A-Za-z]+)(?:,? and |, ?| |$)", text)
    if not 2 <= len(parts) <= 4 or re.sub(r",|\band\b|\s", "", text) != "".join(map("".join, parts)):
        return None
    measures = [answer_units.measure([word]) for _, word in parts]
    if any(m is None or not m.powers or m.things for m in measures):
        return None
    units = [m for m in measures if m]
    if len({m.powers for m in units}) > 1 or any(
        a.size <= b.size for a, b in zip(units, units[1:], strict=False)
    ):
        return None
    into = units[0] if units[0].powers[0][0] == "dollar" else units[-1]
    total = sum(_number(number) * m.size / into.size for (number, _), m in zip(parts, units, strict=True))
    return Form("value", text, node=Node("number", value=Fraction(total)), measure=into)


def _number(text: str) -> Fraction:
    whole, _, part = text.partition(r"\frac")
    top, bottom = re.findall(r"\d+", part) if part else ("0", "1")
    return Fraction(whole) + Fraction(int(top), int(bottom) or 1)


def _several(kind: Kind, text: str, parts: list[str], depth: int) -> Form:
    items = [_form_of(part, depth + 1) for part in parts if part.strip()]
    if kind in ("list", "set"):  # 1 ± √5, −2 is a list of three
        items = [inner for item in items for inner in (item.items if item.kind == "list" else (item,))]
    if len(items) > MOST_ITEMS:
        return Form("value", text, problem=f"{len(items)} items; allowed: {MOST_ITEMS}")
    return Form(kind, text, tuple(items))


def _split_outside_brackets(text: str, separators: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """(parts, separators): the text split at separators outside all brackets; parts are stripped."""
    parts, separators_met, depth = [""], [], 0
    for token in _TOKEN.findall(text):
        depth += (token in _OPEN) - (token in _CLOSE)
        if depth == 0 and token in separators:
            parts.append("")
            separators_met.append(token)
        else:
            parts[-1] += token
    return [part.strip() for part in parts], separators_met


def _bracketed(text: str, depth: int) -> Form | None:
    """The form of a text that one pair of brackets encloses, else None."""
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
    parts, _ = _split_outside_brackets(inner, (",", ";"))
    if signs == (r"\{", r"\}") or (signs == ("{", "}") and len(parts) > 1):
        return _several("set", text, parts, depth)
    if (signs in (("(", ")"), ("{", "}")) or re.fullmatch(r"-?[\d.]+", inner)) and len(parts) == 1:
        return _form_of(inner, depth + 1)
    if (signs[0], signs[1]) not in {("(", ")"), ("[", "]"), ("(", "]"), ("[", ")"), (r"\langle", r"\rangle")}:
        return None
    form = _several("bracket", text, parts, depth)
    if len(form.items) != len(parts):
        return Form("value", text, problem="an item is empty")
    return replace(form, signs=signs)


def _words(words: str, text: str) -> Form:
    plain = " ".join(re.sub(r"[^\w\s'+-]", " ", words).split()).casefold()
    if plain in _NOTHING:
        return Form("set", r"\{\}")
    digits = arithmetic(plain)
    if digits != plain and not re.search("[a-z]{3}", re.sub(r"\\[a-z]+", "", digits)):
        return _value(digits, 0)
    if re.search(r"\d", plain):
        return _composed(arithmetic(" ".join(words.split())), MOST_DEPTH - 2)
    return Form("text", plain)


def _value(text: str, depth: int) -> Form:
    if text.count(r"\pm") + text.count(r"\mp") == 1:
        both = [re.sub(r"\\[pm]{2}(?![A-Za-z])\s?", sign, text) for sign in "+-"]
        return _several("list", text, both, depth)
    text = text.replace(GROUP, "")
    if _WORDS.match(text) and any(len(word) > 3 or word.lower() in _SHORT_WORDS for word in text.split()):
        return _words(text, text)
    if text in (r"\{\}", r"\emptyset"):
        return Form("set", r"\{\}")
    value, measure, percent = answer_units.split(text)
    value = value.removeprefix("+") if value.endswith(r"\infty") else value
    if depth == 0 and (match := re.match(r"^(-?)0+(\d[\d.]*)$", value)):  # 004; but (1,000) is no (1,0)
        value = match[1] + match[2]
    try:
        if re.search(r"(?<![\\A-Za-z])[A-Za-z]{5}", value):
            raise Unreadable("words in it")
        node = parse(value)
    except Unreadable as problem:
        if re.search("[A-Za-z]{4}", text) and not re.search(r"[\\\d]", text):
            return _words(text, text)
        return Form("value", value, problem=str(problem), measure=measure, percent=percent)
    return Form("value", value, node=node, measure=measure, percent=percent)
