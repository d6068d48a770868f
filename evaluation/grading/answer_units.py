"""What stands around a value without being part of it: units, currency, percent, words of scale.

Units of measure (`5 cm`) must agree when both sides name one and are dropped when only one does; a
counted thing (`18 eggs`) is a word of at least four letters, or one of THINGS.
"""

from __future__ import annotations

import re

from evaluation.grading.answer_text import DOLLAR

_NAMES = {
    "degree": "degrees deg", "dollar": "dollars usd buck bucks", "cent": "cents", "euro": "euros",
    "cm": "centimeter centimeters centimetre centimetres", "mm": "millimeter millimeters",
    "km": "kilometers kilometer", "pound": "pounds",
    "meter": "meters metre metres", "inch": "inches", "foot": "feet ft", "yard": "yards yd",
    "mile": "miles mi", "gram": "grams", "kg": "kilogram kilograms", "mg": "milligrams",
    "lb": "lbs", "ounce": "ounces oz",
    "liter": "liters litre litres", "ml": "milliliters milliliter", "gallon": "gallons gal", "cup": "cups",
    "second": "seconds sec secs", "minute": "minutes min mins", "hour": "hours hr hrs", "day": "days",
    "week": "weeks", "month": "months", "year": "years yr yrs", "mph": "", "kmh": "", "square": "sq",
    "cubic": "cu", "radian": "radians rad", "unit": "units", "point": "points", "percentage": "",
}  # fmt: skip
UNITS = {word: name for name, others in _NAMES.items() for word in (name, *others.split())}
IN_TEXT = {"m": "meter", "s": "second", "g": "gram", "h": "hour", "l": "liter", "in": "inch"}
"""Units only inside \\text{}: bare, `5 m` is a product."""
THINGS = frozenset(
    "egg eggs cat cats dog dogs car cars pen pens box boxes men man way ways boy boys per of the in".split()
)
SCALES = {"dozen": 12, "hundred": 100} | {f"{n}illion": 10**k for n, k in (("m", 6), ("b", 9), ("tr", 12))}
SCALES["thousand"] = 1000
_NO_UNIT = frozenset(
    "and over base mod modulo squared cubed factorial half halves third thirds quarter quarters fifth "
    "fifths tenth tenths hundredth hundredths thousandth times plus minus less more than least most "
    "about approximately around roughly nearly almost exactly infinity undefined divided multiplied "
    "subtracted added power root remainder either none only from with where when then unless except "
    "between through negative positive percent percents permille point hundreds thousands millions "
    "billions dozens score double triple twice each true false".split()
)
_CURRENCY = {DOLLAR: "dollar", "€": "euro", "£": "pound"}
_PREFIX = re.compile(rf"^([-+]?)([{''.join(_CURRENCY)}])(?=[\d.\\])")
_SUFFIX_SIGN = re.compile(rf"(?<=\d)([{''.join(_CURRENCY)}])$")
_IN_TEXT = re.compile(r"^(.+?)\\text\{([^{}]*)\}(?:\^\{([23])\})?$", re.DOTALL)
_PLAIN = re.compile(r"^(.*[\d)}%¤])[\s/]?([A-Za-z][A-Za-z ./-]*?)(?:\^\{([23])\})?$", re.DOTALL)


def split(text: str) -> tuple[str, frozenset[str], bool, int]:
    """(value, its units, whether it is percent, its scale) of a canonical text with no list in it."""
    units: set[str] = set()
    if found := _PREFIX.match(text):
        units.add(_CURRENCY[found[2]])
        text = found[1] + text[found.end() :]
    if found := _SUFFIX_SIGN.search(text):
        units.add(_CURRENCY[found[1]])
        text = text[:-1]
    scale = 1
    for pattern, short in ((_IN_TEXT, IN_TEXT), (_PLAIN, {})):
        found = pattern.match(text)
        words = re.split(r"[ ./-]+", found[2].strip().lower()) if found else []
        if not found or not found[1].strip():
            continue
        if words and words[0] in SCALES:
            scale *= SCALES[words.pop(0)]
        names = [_unit(word, short) for word in words if word]
        if all(names):
            text = found[1].strip()
            units |= {str(name) for name in names} | ({found[3]} if found[3] else set())
    percent = text.endswith("%")
    return text.removesuffix("%").strip(), frozenset(units), percent, scale


def _unit(word: str, short: dict[str, str]) -> str | None:
    if word in UNITS or word in short:
        return UNITS.get(word) or short[word]
    if word in _NO_UNIT or word in SCALES:
        return None
    return word if word in THINGS or (len(word) >= 4 and re.search("[aeiouy]", word)) else None


def agree(first: frozenset[str], second: frozenset[str]) -> bool:
    """Whether two values may have these units: one names none, or the measures are the same.

    Of counted things one word in common is enough: `18 eggs`, `18 duck eggs`.
    """
    if not first or not second:
        return True
    measures = set(UNITS.values()) | {"2", "3"}
    if first & measures != second & measures:
        return False
    return bool(first & measures or {_singular(w) for w in first} & {_singular(w) for w in second})


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") else word
