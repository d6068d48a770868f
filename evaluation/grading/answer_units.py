"""What may stand beside a value: units of measure, money, counted things.

Units must agree when both sides name one, and are converted where both measure the same (5 km, 5000 m);
they are dropped when only one side names one. A counted thing (`18 eggs`) is any plain word that changes
no number; words of THINGS_NOT, and words that end like a fraction, are not counted things.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from evaluation.grading.answer_characters import rewritten, rules
from evaluation.grading.answer_text import DOLLAR
from evaluation.grading.answer_words import AFTER, BEFORE, BETWEEN, PARTS, SCALES

_TABLE = {  # dimension: size in its base: names
    "length": {"1/1000": "mm millimeter millimetre", "1/100": "cm centimeter centimetre", "1/10": "dm",
               "1": "m meter metre", "1000": "km kilometer kilometre", "127/5000": "in inch inches",
               "381/1250": "ft foot feet", "1143/1250": "yd yds yard", "201168/125": "mi mile"},
    "mass": {"1/1000": "mg milligram", "1": "g gram", "1000": "kg kilogram kilo kgs",
             "45359237/100000": "lb pound lbs", "45359237/1600000": "oz ounce"},
    "time": {"1/1000": "ms millisecond", "1": "s sec second", "60": "min minute", "3600": "h hr hrs hour",
             "86400": "day", "604800": "week wk wks"},
    "calendar": {"1": "month", "12": "year yr yrs"},
    "liter": {"1/1000": "ml milliliter millilitre", "1/100": "cl", "1": "l L liter litre"},
    "cup": {"1": "cup", "2": "pint", "4": "quart qt", "16": "gallon gal"},
    "dollar": {"1": "dollar usd buck", "1/100": "cent ¢"},
    "angle": {"1": "degree deg"}, "radian": {"1": "radian rad"},
    "celsius": {"1": "celsius centigrade"}, "fahrenheit": {"1": "fahrenheit"}, "kelvin": {"1": "kelvin"},
    **{name: {"1": names} for name, names in {
        "euro": "euro eur", "sterling": "gbp sterling quid", "yen": "yen jpy", "rupee": "rupee inr rs",
        "yuan": "yuan rmb cny", "ton": "ton tonne", "acre": "acre", "hectare": "hectare ha", "unit": "unit",
        "point": "point pt", "newton": "newton", "joule": "joule", "watt": "watt", "volt": "volt",
        "hertz": "hertz hz", "mole": "mole mol", "tablespoon": "tablespoon tbsp",
        "teaspoon": "teaspoon tsp",
    }.items()},
}  # fmt: skip
UNITS = {
    word: (dimension, Fraction(size))
    for dimension, sizes in _TABLE.items()
    for size, names in sizes.items()
    for name in names.split()
    for word in ({name, name + "s"} if len(name) > 2 else {name})
}
_SHORT = {word for word in UNITS if len(word) == 1} | {"in"}
"""Words that are units only behind a space or in \\text{}: `5m` is a product."""
_SPELLED = rules((
    (r"\bmph\b", "mile / hour"), (r"\b(?:kph|kmh|kmph)\b", "km / hour"), (r"\bmps\b", "m / s"),
    (r"\bcc\b", "cm ^{3}"), (r"\bsqft\b", "square foot"),
    (r"\bdegrees? ?(?:Celsius|C\b)", "celsius"), (r"\bdegrees? ?(?:Fahrenheit|F\b)", "fahrenheit"),
), re.IGNORECASE)  # fmt: skip
_POWERS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
_CURRENCY = {DOLLAR: "dollar", "€": "euro", "£": "sterling", "¥": "yen", "₹": "rupee"}
_MONEY = re.compile(
    rf"^([-+]?)\s?(?:(?:US|CA|AU|C|A|HK|USD|NZ)\s?(?={DOLLAR})|(?=Rs|INR|USD|EUR|GBP|RMB|CNY|JPY"
    rf"|[{''.join(_CURRENCY)}]))"
    rf"(Rs|INR|USD|EUR|GBP|RMB|CNY|JPY|[{''.join(_CURRENCY)}])\.?\s?(?=[-\d.\\(])"
)
_ALIKE = {frozenset(pair) for pair in (("angle", "celsius"), ("angle", "fahrenheit"), ("mass", "sterling"))}
"""Pairs of dimensions whose units share a word: degrees and pounds."""
_SILENT = frozenset(
    "of the in a an per each every left remaining total altogether all more extra now away old".split()
)
THINGS_NOT = frozenset(
    "and over base mod modulo times plus minus less fewer than least most about approximately around "
    "roughly nearly almost infinity undefined divided multiplied subtracted added power root remainder "
    "either none only from with where when then unless except between through to not positive fold "
    "percent percents permille point thousands millions billions true false below above under up down short "
    "or nor by is are was were be if am pm noon midnight mod squared cubed factorial half few "
    "basis mille ppb googolplex binary hex hexadecimal octal ternary roman numerals except excluding "
    "bps tens ones ppm ago past mil illion gazillion zillion first second third one".split()
) | AFTER.keys() | BEFORE.keys() | BETWEEN.keys() | PARTS.keys() | SCALES.keys()  # fmt: skip
_PART_LIKE = re.compile(r"(?:[a-z]{2,}(?:ths?|ieths?|fold|illions?|tuple[ds]?|uple[ds]?))$")
_REAL_THINGS = frozenset(
    "month months path paths bath baths moth moths birth births death deaths width length depth growth "
    "cloth cloths tablecloths tooth youth youths booth booths truth truths math maths sloth sloths "
    "mouth mouths "
    "health wealth earth berth berths growths lengths depths widths breath breaths".split()
)
_TOKEN = re.compile(r"\^\{-?\d\}|\\cdot |\\[A-Za-z]+|[A-Za-z¢]+|.", re.DOTALL)
_TAIL = re.compile(r"\^\{-?\d\}$|[A-Za-z¢]+$|\\cdot $|[ ./'-]$")
_WORD = re.compile(r"\^\{-?\d\}|[A-Za-z¢]+|/")


@dataclass(frozen=True)
class Measure:
    """powers: of each dimension; size: of one such unit in base units; things: what is counted."""

    powers: tuple[tuple[str, int], ...] = ()
    size: Fraction = Fraction(1)
    things: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.powers or self.things)


NOTHING = Measure()


def split(text: str) -> tuple[str, Measure, bool]:
    """(value, its measure, whether it is percent) of a canonical text with no list in it."""
    names: list[str] = []
    if money := _MONEY.match(text):
        names.append(_CURRENCY.get(money[2], money[2].lower()))
        text = money[1] + text[money.end() :].replace(DOLLAR, "")
    value, tail = _shortest(*_tail(text))
    spaced = not tail or text[len(value) : len(value) + 1] != tail[0]
    if value and value[-1] in _CURRENCY:
        names.append(_CURRENCY[value[-1]])
        value = value[:-1].strip()
    tail = rewritten(tail, _SPELLED) if tail else ""
    words = _WORD.findall(tail)
    glued_unit = not spaced and (
        words[0] in _SHORT or len(words[0]) == 1 or (words[0].lower() not in UNITS and len(words[0]) < 4)
    )
    unit = measure([*names, *words]) if value and not glued_unit else None
    if unit is None:
        value, unit = text, measure(names) or NOTHING
    percent = value.endswith("%")
    return value.removesuffix("%").strip(), unit, percent


def _shortest(value: str, tail: str) -> tuple[str, str]:
    """Of `4x inches`, split before x, the split before inches: a letter that is no unit is the value's."""
    if match := re.match(r"([A-Za-z]{1,2}(?:\^\{\d\}|(?= )))\s?([A-Za-z].*)$", tail):
        if _measured(tail) is None and _measured(match[2]) is not None:
            return value + match[1], match[2]
    return value, tail


def _measured(tail: str) -> Measure | None:
    return measure(_WORD.findall(rewritten(tail, _SPELLED)))


def _tail(text: str) -> tuple[str, str]:
    """(value, the words behind it)."""
    tokens = _TOKEN.findall(text)
    start = len(tokens)
    while start and _TAIL.match(tokens[start - 1]):
        start -= 1
    while start < len(tokens) and not re.match(r"[A-Za-z¢]", tokens[start]):
        start += 1
    before = "".join(tokens[:start]).rstrip()
    if start == len(tokens) or re.search(r"[\\{_]$|\\(?!pi$|theta$|infty$)[A-Za-z]+$", before):
        return text, ""
    return re.sub(r"[\s./-]+$", "", "".join(tokens[:start])), "".join(tokens[start:])


def measure(words: list[str]) -> Measure | None:
    """The measure that words name, None where one of them is neither a unit nor a counted thing."""
    powers: dict[str, int] = {}
    things: set[str] = set()
    size, sign, power = Fraction(1), 1, 1
    last: tuple[str, Fraction, int] | None = None
    for place, word in enumerate(words):
        low = word if len(word) == 1 or word in UNITS else word.lower()
        if low in ("/", "per") or (powers and low in ("a", "an", "each", "every")):
            sign = -1
        elif word[0] == "^" or (low in ("squared", "cubed") and last):
            if last is None:
                return None
            more = last[2] * ((int(word[2:-1]) if word[0] == "^" else _POWERS[low]) - 1)
            powers[last[0]] += more
            size *= last[1] ** more
        elif low in _POWERS:
            power = _POWERS[low]
        elif low in UNITS and (low != "in" or "".join(words[place + 1 :])[:1] in ("", "^")):
            dimension, unit = UNITS[low]
            last = (dimension, unit, sign * power)
            powers[dimension] = powers.get(dimension, 0) + last[2]
            size *= unit ** last[2]
            power = 1
        elif low in _SILENT:
            continue
        elif _countable(low):
            things.add(_singular(low))
        else:
            return None
    return Measure(tuple(sorted((name, n) for name, n in powers.items() if n)), size, frozenset(things))


def _countable(word: str) -> bool:
    """Whether a word may name a counted thing: it changes no number, and has a vowel."""
    if word in THINGS_NOT or part_like(word):
        return False
    return len(word) >= 3 and bool(re.search("[aeiouy]", word))


def part_like(word: str) -> bool:
    """Whether a word ends like a fraction or a scale: thousandths, zillion, twofold."""
    return bool(_PART_LIKE.fullmatch(word)) and word not in _REAL_THINGS


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") else word


def ratio(gold: Measure, answer: Measure) -> Fraction | None:
    """The factor from the answer's unit to the gold's, None where they disagree.

    Of counted things one word in common is enough: `18 eggs`, `18 duck eggs`. Of money per time or thing
    the money alone will do.
    """
    if not gold or not answer:
        return Fraction(1)
    if gold.powers and answer.powers:
        if gold.powers == answer.powers:
            return answer.size / gold.size
        if {frozenset((g[0], a[0])) for g in gold.powers for a in answer.powers} & _ALIKE:
            return Fraction(1)
        money = set(gold.powers) & set(answer.powers) & {(name, 1) for name in _CURRENCY.values()}
        return Fraction(1) if money and min(len(gold.powers), len(answer.powers)) == 1 else None
    if gold.powers or answer.powers:
        return None
    return Fraction(1) if gold.things & answer.things else None
