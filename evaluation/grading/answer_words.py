r"""Numbers in English words, written out as arithmetic: `5 thousandths` is `\frac{5}{1000}`.

Everything here is a table: words of number, of scale and of fraction, and sentences of arithmetic
(`3 out of 8`, `2 tripled`). A word that changes a number and is in no table leaves the answer unreadable
(`answer_units.THINGS_NOT`); it never leaves the number alone.
"""

from __future__ import annotations

import re
from fractions import Fraction

from evaluation.grading.answer_characters import rewritten, rules

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_POWERS = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "quadrillion": 10**15}
SMALL = {word: n for n, word in enumerate(_ONES)} | {word: 10 * n for n, word in enumerate(_TENS, 2)}
SCALES = {
    **_POWERS, "hundred": 100, "dozen": 12, "score": 20, "gross": 144, "lakh": 10**5, "lakhs": 10**5,
    "crore": 10**7, "crores": 10**7, "mln": 10**6, "bn": 10**9, "thousands": 10**3,
    "grand": 1000, "thou": 1000, "googol": 10**100, "googols": 10**100, "myriad": 10**4,
    "millions": 10**6, "billions": 10**9, "trillions": 10**12, "dozens": 12, "hundreds": 100,
    "万": 10**4, "亿": 10**8, "千": 1000, "百": 100,
}  # fmt: skip
_ORDINALS = dict(zip(
    "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth".split(), range(3, 20), strict=True,
))  # fmt: skip
_ORDINALS |= {word.removesuffix("y") + "ieth": 10 * n for n, word in enumerate(_TENS, 2)}
_ORDINALS |= {
    f"{ten}-{word}": 10 * n + k
    for n, ten in enumerate(_TENS, 2)
    for word, k in (*list(_ORDINALS.items())[:7], ("first", 1), ("second", 2))
}
_ORDINALS |= {word + "th": n for word, n in _POWERS.items()} | {"hundredth": 100}
_ORDINALS |= {f"{ten}-{word}": a * _ORDINALS[word] for ten, a in (("ten", 10), ("hundred", 100))
              for word in ("thousandth", "millionth", "billionth")}  # fmt: skip
PARTS = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4}
for _word, _n in _ORDINALS.items():
    PARTS |= {_word: _n, f"{_word}s": _n}
"""Words that make a fraction of the number before them, and its denominator."""
AFTER = {
    "squared": r"(\1)^{2}", "cubed": r"(\1)^{3}", "doubled": r"2\\cdot (\1)", "tripled": r"3\\cdot (\1)",
    "trebled": r"3\\cdot (\1)", "quadrupled": r"4\\cdot (\1)", "quintupled": r"5\\cdot (\1)",
    "halved": r"\\frac{\1}{2}", "factorial": r"(\1)!",
}  # fmt: skip
"""Words that do something to the number before them."""
BEFORE = {
    "negative": r"-\1", "minus": r"-\1", "twice": r"2\\cdot \1", "double": r"2\\cdot \1",
    "triple": r"3\\cdot \1", "thrice": r"3\\cdot \1", "half of": r"\\frac{\1}{2}", "half": r"\\frac{\1}{2}",
    "the square root of": r"\\sqrt{\1}", "square root of": r"\\sqrt{\1}", "root": r"\\sqrt{\1}",
    "the cube root of": r"\\sqrt[3]{\1}", "cube root of": r"\\sqrt[3]{\1}", "plus": r"\1",
    "positive": r"\1",
    "the square of": r"(\1)^{2}", "square of": r"(\1)^{2}", "squared": r"(\1)^{2}", "squaring": r"(\1)^{2}",
    "the cube of": r"(\1)^{3}", "cube of": r"(\1)^{3}", "cubed": r"(\1)^{3}", "doubled": r"2\\cdot \1",
    "tripled": r"3\\cdot \1", "quadruple": r"4\\cdot \1", "quadrupled": r"4\\cdot \1",
    "halved": r"\\frac{\1}{2}", "the reciprocal of": r"\\frac{1}{\1}", "reciprocal of": r"\\frac{1}{\1}",
    "the opposite of": r"-\1", "opposite of": r"-\1", "the negation of": r"-\1", "negation of": r"-\1",
    "twice as much as": r"2\\cdot \1", "twice as many as": r"2\\cdot \1",
    **{f"{one} {part} of": rf"\\frac{{\1}}{{{n}}}"
       for part, n in PARTS.items() for one in ("a", "an", "one", "1")},
}  # fmt: skip
BETWEEN = {
    "out of": "/", "out of every": "/", "of the": "/", "in": "/", "over": "/", "divided by": "/",
    "times": r"\\cdot ", "multiplied by": r"\\cdot ", "plus": "+", "minus": "-",
}  # fmt: skip
"""Words between two numbers that make one value of them."""
NUMBER = r"(?:\d+(?:\.\d+)?(?:\\frac\{\d+\}\{\d+\}|/\d+|\s\d+/\d+)?|\.\d+|\\frac\{\d+\}\{\d+\})"
"""A number without sign: whole, decimal, fraction or mixed."""
_START, _END = r"(?<![\w\\.}])", r"(?![\w.]*\d)(?![A-Za-z^_])"


def _either(words: list[str] | dict[str, str] | dict[str, int]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_WORD = rf"(?:{_either(SMALL)}|{_either([*_POWERS, 'hundred', 'dozen'])})"
_BARE_SCALE = rf"an? (?={_either([*_POWERS, 'hundred', 'dozen'])})"
_WORDS = re.compile(
    rf"(?<![\w\\])(?<![\d}}] )(?:{_BARE_SCALE})?{_WORD}(?:(?:\s?-\s?|,? and |,? ){_WORD})*(?![\w])",
    re.IGNORECASE,
)
_POINT = re.compile(
    rf"(?<![\w\\])({_WORD}(?:[ -]{_WORD}){{0,9}}"
    rf"|\d+) point ((?:{_either(_ONES[:10])})(?:[ -](?:{_either(_ONES[:10])}))*)(?!\w)",
    re.IGNORECASE,
)
_MIXED_WORDS = re.compile(rf"{_START}(\d+) and (?:an? |(\d+)(?: |-))({_either(PARTS)})(?!\w)", re.IGNORECASE)
_PARTS = re.compile(rf"{_START}({NUMBER})(?: |-)({_either(PARTS)})(?: of an?)?(?!\w)", re.IGNORECASE)
_A_PART = re.compile(
    rf"(?<![\w\\}}])(?:an? ({_either(PARTS)})|(half))(?: of an?| an?)?(?!\w)(?=\s*(?:$|[a-z]))(?! of \d)",
    re.IGNORECASE,
)
_SCALED = re.compile(rf"{_START}({NUMBER}) ?({_either(SCALES)})(?![A-Za-z])")
_LETTERS = {"k": 10**3, "K": 10**3, "m": 10**6, "M": 10**6, "b": 10**9, "B": 10**9}
_LETTER = re.compile(rf"(?:(?<=¤)({NUMBER}) ?([kKmMbB])|({NUMBER}) (K))(?!\w)")
"""Scales in one letter: of money, or a K behind a space."""
_MIXED = re.compile(r"(?<![\w./}])(\d+) and (\d+/\d+|\\frac\{\d+\}\{\d+\})(?= [A-Za-z])")
_BELOW = re.compile(
    rf"{_START}({NUMBER})((?: ?\\text\{{degrees\}}| degrees)?(?: ?[CF]| Celsius"
    rf"| Fahrenheit)?) below (?:zero|0)(?!\w)"
)
_FILLERS = re.compile(
    r"^(?:(?:about|approximately|approx\.?|around|roughly|exactly|precisely|only|just|simply"
    r"|equal to|equals|"
    r"a total of|the number|also|still|therefore|thus|~|\\approx)(?![a-z]):?,?\s?)+",
    re.IGNORECASE,
)
_RULES = rules((
    (r"(\d+)/(\d+)ths?(?!\w)", r"\1/\2"), (r"\(?(\d+) choose (\d+)\)?", r"\\binom{\1}{\2}"),
    *((rf"({NUMBER}|\)) {word} (?={NUMBER}|-\d|\\sqrt|\()", rf"\1{by}") for word, by in BETWEEN.items()),
    (rf"({NUMBER}) to the (?:power of )?({NUMBER})(?:th power)?(?!\w)", r"(\1)^{\2}"),
    (rf"({NUMBER})(?:%| percent| per cent) ?of ({NUMBER})(?!\w)", r"\1/100\\cdot \2"),
    (rf"({NUMBER}) of ({NUMBER})(?!\w)", r"\1\\cdot \2"),
    (rf"({NUMBER}) (?:in )?base ({NUMBER})(?!\w)", r"\1_{\2}"),
    *((rf"({NUMBER}) {word}(?!\w)", by) for word, by in AFTER.items()),
    *((rf"(?<![\w\\}}])(?<!\d ){word} ({NUMBER})(?!\w)", by) for word, by in BEFORE.items()),
), re.IGNORECASE)  # fmt: skip
_WORDED = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2}|[¤~万亿千百K]|\dk(?!\w)|\\approx")


def in_digits(text: str) -> str:
    """Runs of number words as digits: `two hundred and five apples` is `205 apples`."""
    return _WORDS.sub(lambda match: _digits(match.group()), with_points(text))


def with_points(text: str) -> str:
    """Decimals in words as digits: `three point one four` is `3.14`."""
    return _POINT.sub(lambda m: f"{_digits(m[1])}." + "".join(map(_digits, re.split("[ -]", m[2]))), text)


def _digits(run: str) -> str:
    """A run of number words in digits; where it is not one number (`nine and ten`), each by itself."""
    words = [word for word in re.split(r"[\s,-]+", run.lower()) if word not in ("a", "an")]
    total = group = 0
    last = ""
    for word in words:
        joined = last == "and"
        value = SMALL.get(word, SCALES.get(word, 0))
        if word == "and":
            if last not in _POWERS and last != "hundred":
                return _each(run)
        elif word in SMALL:
            fits = last in ("", "and", "hundred", *_POWERS) or (last in _TENS and 0 < value < 10)
            if not fits or (joined and value == 0):
                return _each(run)
            group += value
        else:
            if joined or not (group or last == ""):
                return _each(run)
            group = (group or 1) * value
            if value >= 1000:
                total, group = total + group, 0
        last = word
    return str(total + group)


def _each(run: str) -> str:
    """A run that is not one number: each part of it between `and` and commas by itself."""
    parts = re.split(r"(,? and |, )", run)
    if len(parts) == 1:
        return run
    return "".join(part if place % 2 else _digits(part) for place, part in enumerate(parts))


def arithmetic(text: str) -> str:
    """Words of number, fraction and scale of a canonical text as arithmetic; other words stay."""
    if not _WORDED.search(text):
        return text
    text = _FILLERS.sub("", text)
    text = in_digits(_scaled(text))
    text = re.sub(rf"({NUMBER}) (?:percent|per cent)(?!\w)", r"\1%", text)
    text = re.sub(r"(?<![\w.])(\d+\.\d+)k(?!\w)", lambda m: _written(Fraction(m[1]) * 1000), text)
    text = _BELOW.sub(r"-\1\2", text)
    text = _MIXED_WORDS.sub(
        lambda m: _written(int(m[1]) + Fraction(int(m[2] or 1), PARTS[m[3].lower()])), text
    )
    text = _PARTS.sub(lambda m: _written(_value(m[1]) / PARTS[m[2].lower()]), text)
    text = _A_PART.sub(lambda m: _written(Fraction(1, PARTS[(m[1] or m[2]).lower()])), text)
    text = _LETTER.sub(lambda m: _written(_value(m[1] or m[3]) * _LETTERS[m[2] or m[4]]), text)
    text = _MIXED.sub(lambda m: _written(int(m[1]) + _value(m[2])), text)
    text = _scaled(text)
    return rewritten(text, _RULES)


def _scaled(text: str) -> str:
    for _ in range(3):  # 5 hundred thousand
        text = _SCALED.sub(lambda m: _written(_value(m[1]) * SCALES[m[2]]), text)
    return text


def _value(number: str) -> Fraction:
    """The value of a text that matches NUMBER."""
    whole = re.match(r"^(\d+)(?:\s|(?=\\))", number)
    rest = number[whole.end() :] if whole else number
    top, _, bottom = re.sub(r"\\frac\{(\d+)\}\{(\d+)\}", r"\1/\2", rest).partition("/")
    part = Fraction(top) / max(int(bottom or 1), 1)
    return part + int(whole[1]) if whole else part


def _written(value: Fraction) -> str:
    top, bottom = value.numerator, value.denominator
    return str(top) if bottom == 1 else rf"\frac{{{top}}}{{{bottom}}}"
