r"""What a sentence says in numbers: whole phrases, never a number cut out of one.

A phrase is a run of numbers, signs and formulas, together with all words that change its meaning: words of
scale and units behind it (`5 thousandths`, `10:30 AM`), words before it (`more than 5`), and the runs that a
word like `out of`, `to` or `and` joins to it. Whether such a phrase can be read is decided later
(`answer_forms`); a phrase that cannot be read is not shortened until it can.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from evaluation.grading.answer_doubts import asks, unstated, withdrawn
from evaluation.grading.answer_text import formulas
from evaluation.grading.answer_units import UNITS, part_like
from evaluation.grading.answer_words import AFTER, PARTS, SCALES, SMALL, in_digits, with_points

MOST_LETTERS = 4_000
_TOKEN = re.compile(
    r"(?P<formula>\x01)|(?!pi\b|sqrt\b|(?:sin|cos|tan|cot|sec|csc|log|ln"
    r"|exp)\s?[\d(\\])(?P<word>\d+(?:st|nd|rd|th)\b|(?:[^\W\d_]+(?:['-][^\W\d_]+)*))"
    r"|(?P<number>\d+' ?\d+(?:\"|''|(?!\w))|\d+(?:\"|'(?!\w))|\d{1,3}(?:,\d{3})+(?!\d|,\d)(?:\.\d+)?"
    r"|\d{1,3}(?: \d{3})+(?! ?[\d/]|-[a-z])(?:\.\d+)?"
    r"|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?:(?<=\.\d)\.\.\.|(?<=\.\d\d)\.\.\.|(?<=\d\d\d)\.\.\.)?|\.\d+)"
    r"|(?P<latex>\\(?:text\w*|mbox|mathrm)\s?\{[^{}]*\}|(?:pi|sqrt|(?:sin|cos|tan|cot|sec|csc|log|ln"
    r"|exp)(?=\s?[\d(\\]))\b|\\[A-Za-z]+|\\[%$!,;: ]|[\^_{}])"
    r"|(?P<sign>[-+*/=<>%!|()\[\]$€£¥₹])|(?P<space>\s+)|(?P<other>.)",
    re.DOTALL,
)
_STAND_BEFORE_MINUS = frozenset(
    "is are was be equals equal to of at by get gets gives or and than from answer result value "
    "becomes".split()
)
_MONTHS = frozenset(
    "january february march april may june july august september october november december".split()
)
MODIFIERS = (
    _MONTHS
    | SCALES.keys()
    | PARTS.keys()
    | AFTER.keys()
    | {
        "percent",
        "pct",
        "fold",
        "zillion",
        "degrees",
        "celsius",
        "permille",
        "ppm",
        "ppb",
        "bps",
        "googolplex",
    }
)
BEHIND = re.compile(
    r" ?(?:(?:per cent|square|sq|cubic|below zero|or (?:more|less|fewer|greater|above|below|so)"
    r"|and (?:an?|one|two|three|four|five) "
    r"(?:half|halves|third|quarter|fourth|fifth|sixth|eighth|tenth)s?|(?:more|less|fewer|greater"
    r"|smaller|larger|higher|"
    r"lower|older|younger|taller|shorter) than|times [a-z]|below|past|short|ago|to the \w+(?: power)?"
    r"|basis points?|per ?(?:mille?|thousand|hundred|million|billion|ten thousand)|parts per \w+"
    r"|per \d[\d,]*|or (?:higher|lower|larger|smaller|bigger|over|under|later)|and (?:up|above|below)"
    r"|(?:in )?base [a-z]+|in (?:binary|hex|hexadecimal|octal|ternary|roman numerals)"
    rf"|(?:out of|in)(?: an?| every| each)? (?:{'|'.join([*SMALL, *SCALES])})"
    r"|[ap]\.?m\b\.?|o'clock|plus|minus|[CF](?= |$|[.,]))(?![\w])"
    r"|per (?:[a-z]+)|/ ?[a-z]+)", re.IGNORECASE
)  # fmt: skip
_WORD_BEHIND = re.compile(r"( ?)(?:\\text\{ ?)?([^\W\d_]+(?:-[^\W\d_]+)?)\}?(\^\{?[23]\}?)?")
_PART_OF = rf"(?:(?:an?|one|{'|'.join(SMALL)}|\d+)[ -])?(?:{'|'.join(PARTS)}) of"
OPERATIONS = (
    r"(?:(?:negative|minus|plus|times|twice|thrice|double|triple|quadruple|quintuple|half|root"
    r"|power of|percent of|% of"
    r"|per cent of|(?:doubl|tripl|quadrupl|quintupl|halv|squar|cub|negat|invert)(?:ed|es|ing|e)"
    r"|(?:square|cube|fourth|nth|root|square root|cube root|reciprocal|opposite|inverse|negation|negative"
    r"|double|triple|quadruple|factorial|absolute value|log|logarithm|natural log"
    r"|natural logarithm|ln|exponential|sine|cosine|tangent|cotangent|secant|cosecant|sin|cos|tan"
    r"|floor|ceiling"
    r"|conjugate|derivative|integral|multiplicative inverse|additive inverse|successor|predecessor"
    rf"|(?:first|second|third|fourth) power) of|{_PART_OF}"
    r"|modulo|mod)(?: the number)?)(?![\w])"
)
"""Words before a number that make another number of it."""
_BOUNDS = (
    r"more than|less than|fewer than|greater than|smaller than|larger than|bigger than|at least"
    r"|at most|up to"
    r"|no more than|no less than|no fewer than|at (?:a |the )?(?:very )?(?:minimum|maximum|least"
    r"|most)(?: of)?|tops|in excess of|(?:greater|larger|less|smaller)(?: than)? or equal to|(?:any|every"
    r"|all)(?: [a-z]+){1,2} but|exceed(?:s|ed|ing)?|surpass(?:es|ed|ing)?|upwards? of|north of"
    r"|south of|beyond|beneath|short of|close to"
    r"|as [a-z]+ as|(?:anything|everything|everyone|everybody|all|any number|every number"
    r"|anyone) but|except"
    r"(?:ing)?(?: for)?|excluding|excludes?|excepting|barring|besides|apart from|aside from"
    r"|(?<!none )other than"
    r"|different from|differs from|distinct from|unequal to|all save|save for|outside(?: of)?"
    r"|without|omitting|sum of|product of|difference of|average of|multiples? of"
    r"|half past|quarter past|quarter to|nearly|almost|over|under|above|below|between|from|than"
)
_BEFORE = re.compile(
    rf"(?:\b(?:{_BOUNDS}|{'|'.join(_MONTHS)}|(?:the )?{OPERATIONS})\s*)+$",
    re.IGNORECASE,
)
_GLUE = frozenset((
    "", ",", ";", "and", ", and", "or", ", or", "&", "to", "out of", "out of every", "of", "of the", "over",
    "in", "times", "choose", "past", "minutes past", "minutes to", "but also",
    "plus", "minus", "divided by", "multiplied by", "mod", "modulo", "base", "in base", "to the power of",
    "through", "x", "by", "for every", "remainder", "with a remainder of", "with remainder", "to the",
    "and a", "r",
    "plus or minus", "as well as", "and also", "and either", "than", "or maybe", "or possibly",
    "or perhaps", "and then",
))  # fmt: skip
_GLUE_BEHIND_THING = re.compile(
    r"^(?!(?:is|are|was|were|left|and|or|per|each)\b)[a-z]+ (?:[a-z]+ )?(?:and|or|out of|to|for every"
    r"|plus|minus|times|over)$|^(?!is\b|are\b)[a-z]+,? and$"
)
_LONE = re.compile(
    r"^\s*(?!\\(?:infty|pi)\b)(?:\\?[A-Za-z]+(?:_\{?\w+\}?)?|\\(?:overline|angle"
    r"|triangle)\s?\{?\s?[A-Z]+\}?|[A-Z]{1,4})\s*$"
)
_PLAIN_WORD = re.compile(r"(?<!\\)[^\W\d_]{2,}")
_LABEL = re.compile(r"^\s*(?:\\?[A-Za-z]+(?:_\{?\w+\}?)?(?:\([A-Za-z]\))?|[A-Z]{2,4})\s*$")


@dataclass(frozen=True)
class Phrase:
    """text: the whole phrase; start, end: of it in the sentence; denied: `not 5`."""

    text: str
    start: int
    end: int
    denied: bool


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


_NONE = _Token("none", "", -9, -9)
_VALUES = ("number", "formula", "latex")


def phrases(sentence: str) -> list[Phrase]:
    """The phrases of a sentence (at most MOST_LETTERS of it), in order."""
    sentence = sentence[:MOST_LETTERS]
    groups: list[tuple[int, int, int]] = []  # start, end, end with the words behind it
    for start, end in _runs(sentence):
        behind = _behind(sentence, end)
        between = sentence[groups[-1][2] : start] if groups else "-"
        if groups and _glued(between, sentence[groups[-1][0] : groups[-1][1]], sentence[start:end]):
            groups[-1] = (groups[-1][0], end, behind)
        else:
            groups.append((start, end, behind))
    return [_phrase(sentence, *group) for group in groups]


def last_phrase(sentence: str) -> str | None:
    """What a sentence says last in numbers, None where it says nothing; number words where no digit is."""
    stated = (phrase.text for phrase in phrases(sentence) if not phrase.denied)
    texts = [text for text in stated if not _LONE.match(text)]
    if texts:
        return texts[-1]
    if re.search(r"[\d\\$]", sentence):
        return None
    written = in_digits(re.sub(r"\bone\b", "\x02", with_points(sentence[:MOST_LETTERS]), flags=re.IGNORECASE))
    return last_phrase(written) if re.search(r"\d", written) else None


def _phrase(sentence: str, start: int, end: int, behind: int) -> Phrase:
    before = sentence[:start]
    denied = unstated(before) or withdrawn(sentence[behind:]) or asks(sentence)
    if match := _BEFORE.search(before[-60:]):
        start -= len(match.group())
    text = sentence[start:behind].strip()
    spans = formulas(text)
    if len(spans) == 1 and spans[0][:2] == (0, len(text)):
        text = spans[0][2].strip()
    return Phrase(_result(text), start, behind, denied)


def _result(text: str) -> str:
    """Of `5 + 7 = 12` the 12; `x = 5` and `a = b = 3` as they are."""
    if re.search(r"[,;]|\band\b|\bor\b|[<>]|\\[lg]e", text) or "=" not in text:
        return text
    *left, right = text.split("=")
    return text if all(_LABEL.match(part.strip("$ ")) for part in left) else right.strip() or text


def _glued(between: str, first: str, second: str) -> bool:
    words = " ".join(between.replace("$", "").lower().split())
    if words in (",", ";", ""):
        return ("=" in first) == ("=" in second) and (words != "" or "\n" not in between)
    return words in _GLUE or bool(_GLUE_BEHIND_THING.match(words))


def _behind(sentence: str, end: int) -> int:
    """The end of the words behind a run that say how much it is: scale, fraction, unit, time of day."""
    first = end
    while True:
        match: re.Match[str] | None = BEHIND.match(sentence, end)
        per = match and re.match(r" ?(?:per (?!cent|mil|thou|hund|bill|ten|\d)|/)", match.group())
        if per and end == first:  # $18 per day is $18
            match = None
        if match is None:
            word = _WORD_BEHIND.match(sentence, end)
            low = word[2].lower() if word else ""
            unit = (
                word
                and word[2] in UNITS
                and (len(word[2]) > 1 or not re.match(r"['\w]", sentence[word.end() : word.end() + 1]))
            )
            changes = low in MODIFIERS or low in UNITS and len(low) > 2 or part_like(low)
            match = word if word and low != "in" and (unit or changes) else None
        if match is None:
            return end
        end = match.end()


def _runs(sentence: str) -> list[tuple[int, int]]:
    """(start, end) of runs of numbers, signs and formulas."""
    tokens = _tokens(sentence)
    mathy = _mathy(sentence, tokens)
    runs: list[list[_Token]] = []
    last: _Token | None = None
    for place, token in enumerate(tokens):
        if not mathy[place]:
            last = None
            continue
        if last is None or _apart(sentence, last, token, tokens[place + 1 :][:1]):
            runs.append([])
        runs[-1].append(token)
        last = token
    trimmed = [_trimmed(run) for run in runs]
    return [
        (run[0].start, run[-1].end)
        for run in trimmed
        if any(
            t.kind in ("number", "formula") or t.text in (r"\pi", r"\infty", r"\sqrt", r"\frac") for t in run
        )
    ]


def _apart(sentence: str, last: _Token, token: _Token, after: list[_Token]) -> bool:
    """Whether two neighbours say two things: `5 12`, but not `5 1/2`."""
    if last.end == token.start:
        return False
    values = ("number", "formula")
    if last.kind in values and token.kind in values:
        mixed = last.kind == token.kind == "number" and last.text.isdigit() and after and after[0].text == "/"
        return not mixed
    return last.kind == "word" and token.kind in values


def _tokens(sentence: str) -> list[_Token]:
    """The tokens without the spaces, a formula as one of them."""
    spans = {start: end for start, end, _ in formulas(sentence)}
    tokens, skip = [], 0
    for match in _TOKEN.finditer(sentence):
        if match.start() < skip:
            continue
        if match.start() in spans:
            skip = spans[match.start()]
            tokens.append(_Token("formula", sentence[match.start() : skip], match.start(), skip))
        elif match.lastgroup != "space":
            tokens.append(_Token(match.lastgroup or "other", match.group(), *match.span()))
    return tokens


@dataclass(frozen=True)
class _Place:
    """A token with its neighbours (NONE at the ends). near: the token before belongs to a run; inside:
    it is in brackets with nothing but mathematics; call: so is the token behind it."""

    token: _Token
    before: _Token
    after: _Token
    near: bool
    inside: bool
    call: bool

    @property
    def tight(self) -> bool:
        """Whether it is written together with a run before it."""
        return self.near and self.before.end == self.token.start

    @property
    def glued(self) -> bool:
        """Whether it is written together with what comes behind it."""
        return self.after.start == self.token.end

    @property
    def value_next(self) -> bool:
        letter = self.after.kind == "word" and len(self.after.text) == 1
        return letter or self.after.kind in _VALUES or self.after.text in tuple("($€£¥₹+-")


def _mathy(sentence: str, tokens: list[_Token]) -> list[bool]:
    """For each token, whether it belongs to a run."""
    inside = [*_brackets(sentence, tokens), False]
    padded = [_NONE, *tokens, _NONE]
    mathy: list[bool] = [False]
    for place, token in enumerate(tokens):
        around = (padded[place], padded[place + 2])
        mathy.append(_belongs(_Place(token, *around, mathy[-1], inside[place], inside[place + 1])))
    return mathy[1:]


def _belongs(place: _Place) -> bool:
    kind, text = place.token.kind, place.token.text
    if kind in _VALUES:
        return True
    if kind == "word":
        return text.isascii() and _word_belongs(place)
    if text in ("(", ")", "[", "]", ","):
        return place.inside
    if text in ("-", "+"):
        return place.value_next and _sign_belongs(place)
    if text in ("$", "€", "£", "¥", "₹"):
        return place.value_next or place.tight
    if text == ":":
        return place.tight and place.glued and place.value_next
    if text == "!":  # 5! = 120, but not 12! I hope
        after = place.after.text
        factorial = after not in (*".,;", "") and (
            place.glued or after in tuple("=+-/*") or after[0].islower()
        )
        return place.tight and factorial
    if text == "%" or kind == "other":  # 5‰
        return place.tight and text not in tuple(".,;:?!'\"`*_—~#&@")
    return kind == "sign" and (place.near or text == "|") and (place.value_next or place.after.text == "|")


def _word_belongs(place: _Place) -> bool:
    """Letters of a formula: x = 5, AB = 12, 2ab, f(3), 2 x (but not 2 x 6)."""
    text, before, after = place.token.text, place.before, place.after
    if after.text == "=" and (len(text) == 1 or text.isupper()):
        return True
    if len(text) <= 3 and (
        (place.tight and before.kind == "number") or (place.glued and after.text in tuple("^+*"))
    ):
        return True
    if len(text) > 1:
        return False
    article = text in ("a", "A", "I")
    counted = before.kind == "number" and not article and after.kind != "number"
    behind = place.near and (counted or place.tight or before.text in tuple("+-*/=(<>^{"))
    by_sign = after.text in tuple("+*/^<>_-") and not article
    return behind or by_sign or (place.glued and after.text == "(" and place.call)


def _sign_belongs(place: _Place) -> bool:
    """A sign or an operator, not a dash between words."""
    before = place.before
    if place.near and place.glued == place.tight:
        return True
    stands = (
        before is _NONE or before.text in ("=", ":", ",", "(") or before.text.lower() in _STAND_BEFORE_MINUS
    )
    free = before.end < place.token.start or place.near or before.kind in ("sign", "other")
    return stands or (place.glued and free)


def _brackets(sentence: str, tokens: list[_Token]) -> list[bool]:
    """For each token, whether it is one of, or between, brackets that hold nothing but mathematics."""
    inside = [False] * len(tokens)
    opened: list[int] = []
    for place, token in enumerate(tokens):
        if token.text in ("(", "["):
            opened.append(place)
        elif token.text in (")", "]") and opened:
            start = opened.pop()
            content = sentence[tokens[start].end : token.start]
            if (
                len(content) <= 200
                and re.search(r"[\d\\]|^[a-z](?:, ?[a-z])*$", content)
                and not _PLAIN_WORD.search(content)
            ):
                inside[start : place + 1] = [True] * (place + 1 - start)
    return inside


def _trimmed(run: list[_Token]) -> list[_Token]:
    while (
        run
        and run[-1].text
        in ("=", "+", "-", "*", "/", ":", "<", ">", "(", "[", ",", r"\cdot", r"\times", "_", "^")
        or (run and run[-1].text == "|" and sum(token.text == "|" for token in run) % 2)
    ):
        run = run[:-1]
    while run and run[0].text in ("=", "*", "/", ")", "]", ",", ":", "<", ">", "%", "!", "}", r"\ ", r"\,"):
        run = run[1:]
    return run
