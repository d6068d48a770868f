r"""Where the answer stands in a response or in a gold text.

A response: the last \boxed{…} by brace matching, else `#### x` or a closing `A: x`, else "the answer is
x", else the response itself where it is nothing but an answer, else its last formula or number. A
gold text: the same marks, else the whole of it. Linear in the length; of a response longer than
MOST_LETTERS only the end is read.
"""

from __future__ import annotations

import re
from collections import deque

MOST_LETTERS = 200_000
MOST_BARE = 400
"""A response of more letters is more than a bare answer."""
_BRACES = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*|\\.|[{}]", re.DOTALL)
_UNBRACED = re.compile(r"\\(?:boxed|fbox)\s+(-?(?:\\[A-Za-z]+(?:\{[^{}]*\})+|[^\s${}\\]+))")
_HASHES = re.compile(r"####[ \t]*([^\n]*)")
_CLOSING = re.compile(r"(?:^|\n)[ \t]*A:[ \t]*([^\n]+)\s*\Z")
_SAID = re.compile(
    r"\banswer(?:\s+to\s+[^\n.:]{1,60})?\s*(?:is|are|=|:|would be|must be)(?!\s*not\b)\s*:?\s*"
    r"(?=([^\n]{1,400}))",
    re.IGNORECASE,
)
_END = re.compile(r"\.(?!\d)|\s(?:because|since|so|as|which)\s")
_MATH = re.compile(
    r"\$\$(.+?)\$\$|(?<!\\)\$((?:\\\$|[^$\n])+?)(?<!\\)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL
)
_NUMBER = re.compile(
    r"(?:(?<![\w)\]}.])-)?(?:\\?\$\s?)?(?:-?\\[dt]?frac\{-?[\d.]+\}\{[\d.]+\}"
    r"|(?<![\w.])\.\d+|\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!,?\d)|\d+(?:\.\d+)?(?:/\d+)?)"
    r"(?:\s?\\?%)?(?:\s(?:dozen|hundred|thousand|million|billion|trillion)\b)?",
    re.ASCII,
)
_COUNTED = re.compile(rf"{_NUMBER.pattern}(?: [A-Za-z]+){{1,4}}\.?", re.ASCII)
_VERBS = frozenset("is are was were be not or and because so".split())
_PLAIN_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_JOINING = frozenset("and or sqrt pi sin cos tan ln log infinity infty cm mm km".split())


def extract(response: str) -> str | None:
    """The final answer of a response, None where there is none."""
    text = response[-MOST_LETTERS:]
    for find in (_boxed, _hashes, _closing, _said, _bare):
        answer = find(text)
        if answer is not None:
            return answer.strip() or None
    return _last(text)


def gold_answer(text: str) -> str:
    """The answer of a gold text: boxed, behind ####, in a closing `A: x`, or the text itself."""
    for find in (_boxed, _hashes, _closing):
        answer = find(text[-MOST_LETTERS:])
        if answer is not None and answer.strip():
            return answer.strip()
    return text.strip()


def _boxed(text: str) -> str | None:
    """The box that opens last of those that close, else `\\boxed 5`."""
    last = (-1, -1)
    opened: list[int] = []  # where a box's content starts, -1 for other braces
    box_ends = -1
    for match in _BRACES.finditer(text):
        token = match.group()
        if token == "{":
            opened.append(match.end() if match.start() == box_ends else -1)
        elif token == "}" and opened:
            start = opened.pop()
            if start > last[0]:
                last = (start, match.start())
        elif token.startswith((r"\boxed", r"\fbox")):
            box_ends = match.end()
    unbraced = _last_match(_UNBRACED, text[max(last[0], 0) :])
    if unbraced:
        return unbraced[1].rstrip(".,;")
    return text[slice(*last)] if last[0] >= 0 else None


def _last_match(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = deque(pattern.finditer(text), maxlen=1)
    return found[0] if found else None


def _hashes(text: str) -> str | None:
    found = _HASHES.findall(text)
    return str(found[-1]) if found else None


def _closing(text: str) -> str | None:
    found = _CLOSING.search(text[-2_000:])
    return found[1] if found else None


def _said(text: str) -> str | None:
    """What follows the last "the answer is", up to the end of its sentence."""
    said = _last_match(_SAID, text)
    if said is None:
        return None
    rest = said[1].replace("**", "").strip()
    formula = _MATH.match(rest)
    if formula:
        return _content(formula)
    sentence = _END.split(rest)[0].strip()
    if _is_answer(sentence):
        return sentence
    number = _NUMBER.match(sentence) or _NUMBER.search(sentence)
    return number.group() if number else sentence


def _bare(text: str) -> str | None:
    text = text.strip()
    return text if _is_answer(text) else None


def _is_answer(text: str) -> bool:
    """Whether a line is an answer with no sentence around it."""
    if not text or len(text) > MOST_BARE or "\n" in text or "boxed" in text:
        return False
    formula = _MATH.fullmatch(text)
    outside = re.sub(r"\\(?:text\w*|mbox|begin|end|operatorname|math\w+)\s*\{[^{}]*\}", "", text)
    words = [word.lower() for word in _PLAIN_WORD.findall(outside)]
    if not re.search(r"[\d\\]", text):
        return len(text.split()) <= 3
    if _COUNTED.fullmatch(text) and not _VERBS & set(words):  # 18 duck eggs
        return True
    return bool(formula) or all(word in _JOINING for word in words)


def _last(text: str) -> str | None:
    """The last formula where no number follows it, else the last number."""
    tail = text[-4_000:]
    number, formula = _last_match(_NUMBER, tail), _last_match(_MATH, tail)
    if formula and (number is None or number.start() < formula.end()):
        return _content(formula).rsplit("=", 1)[-1].strip() or None
    if number is None or tail[: number.start()].endswith(" not "):
        return None
    return _around(tail, *number.span())


def _around(text: str, start: int, end: int) -> str:
    """A number with all it is written together with: of 2\\sqrt{3} not the 3, of (5, 6) not the 6."""
    while end < len(text) and not text[end].isspace() and end - start < MOST_BARE:
        end += 1
    found = text[start:end]
    while start > 0 and end - start < MOST_BARE:
        closed = sum(found.count(c) for c in ")]}") - sum(found.count(c) for c in "([{")
        if text[start - 1].isspace() and closed <= 0:
            break
        start -= 1
        found = text[start:end]
    found = re.split(r"=|>>|:|boxed\{", found)[-1].strip("*_ ")
    return re.sub(r"[.,;!?*]+$", "", found).lstrip("*")


def _content(formula: re.Match[str]) -> str:
    return next(group for group in formula.groups() if group is not None)
