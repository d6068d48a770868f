r"""What an author marked as the answer: boxes and answer tags, with whatever touches them.

A mark is read with its neighbourhood: `-\boxed{5}`, `\boxed{5} thousand` and `\boxed{5} or 6` are not 5.
Where such a neighbourhood cannot be read as a whole there is no answer. A plain unit or sentence behind a
mark does not change it. Marks whose words deny them (`not \boxed{5}`) are none.
"""

from __future__ import annotations

import re

from evaluation.grading.answer_doubts import MOST_BEFORE, unstated, withdrawn
from evaluation.grading.answer_phrases import BEHIND, MODIFIERS, OPERATIONS, phrases
from evaluation.grading.answer_units import part_like
from evaluation.grading.answer_words import SMALL

Mark = tuple[int, int, int, int]
"""Where a mark, its content, the content's end and the mark's end are."""
MOST_AROUND, MOST_DENIED = 300, 20
"""Letters read around a mark; last marks that are looked at for one that is not denied."""
_BRACES = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*|\\.|[{}]", re.DOTALL)
_UNBRACED = re.compile(r"\\(?:boxed|fbox)\s*(-?(?:\\[A-Za-z]+(?:\{[^{}]*\})+|\d[\d.,/]*|[A-Z](?![A-Za-z'])))")
_TAG = re.compile(r"<answer>(.*?)(?:(</answer>)|$(?![\s\S]))", re.DOTALL | re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"\s*(?:\.\.\.|\\[lc]?dots|(?:(?:your|final|the|my) )*answer(?: here)?|)\s*", re.IGNORECASE
)
_NEXT_THOUGHT = re.compile(
    r"[.!?]\s|\b(?:then|so|thus|hence|therefore|next|finally|now|gives|becomes|simplif\w*|since"
    r"|because|step|which|that|i\.e)\b"
    r"|^[\s$\\()\[\]]*(?:=|\\approx|\\Rightarrow|\\to|→)[\s$\\()\[\]]*$|\n[^\n]*[A-Za-z]{2}", re.IGNORECASE
)  # fmt: skip
_OPERATOR = r"(?:\\(?:cdot|times|div|pm|mp|ast|over|sqrt|pi|circ)(?![A-Za-z])|[-+/^]|\*(?!\*))"
_WORD_OPERATOR = (
    r"(?:plus|minus|times|over|divided by|multiplied by|to the power(?: of)?|less"
    r"|choose|to|or|and"
    r"|and (?:also|maybe)|or (?:maybe|possibly|perhaps|else|even|rather)|and/or|&)"
)
_VALUE = (
    r"(?:[$€£]?-?(?:\d|\.\d)|\\(?:[dtc]?frac|sqrt|pi|boxed|fbox|\$)"
    rf"|\b(?:{'|'.join(SMALL)})\b|[a-z]\b|[A-J]\b(?!['])|\()"
)
_CLOSE, _OPEN = r"(?:\$|\\right\s?[)\]]|\\[)\],;! ]|\}|\s|\*\*)*", r"(?:\$|\\[(\[,;! ]|\{|\s|\*\*)*"
_BEHIND_MARK = re.compile(
    rf"\}}*\s*(?:\^|_\{{?\d|\\sqrt|\\pi\b|\\%|%|\\(?:over|choose)\b)|\}}*(?:\d|[A-Za-z](?![A-Za-z])|\()"
    rf"| (?:[xyznK]|pi)(?![\w'])|\s*\\[,;!]\s?\d"
    rf"|{_CLOSE}{_OPERATOR}{_OPEN}{_VALUE}"
    rf"|{_CLOSE}:{_OPEN}(?:\d|\\boxed)"
    rf"|{_CLOSE},{_OPEN}-?\d[\d.]*(?:\$|\\\)|\))*\s*(?:$|[.!\n)]|,? (?:and|or)\b)"
    rf"|{_CLOSE}[,;]?\s*{_WORD_OPERATOR}{_OPEN}(?!a\b|I\b){_VALUE}(?![\d.,]*(?: [a-z]+)? (?:is|are|was|were"
    rf"|has|have|of)\b)",
)
_BEFORE_MARK = re.compile(
    rf"(?:(?:^|[^\s*_-])(?:\\(?:cdot|times|div|pm|mp|ast)(?![A-Za-z])|[-+*/^_])"
    rf"|(?:^|[\s$({{=:])[-+]"
    rf"|[\w)}}$]\s+(?:\\(?:cdot|times|div|pm|mp|ast)|[+*/^]|-(?=\s*\S))"
    r")[$({]*$"
    rf"|[\d)}}]\s*[-+/^]\s*[$({{]*$|(?:\\(?:cdot|times|div|pm|mp|ast)(?![A-Za-z])\s*|[/^+])[$({{]*\s*$"
    r"|\\(?:[dtc]?frac"
    r"|[dt]?binom)\s*(?:\{[^{}]*\}\s*)?(?:\{[^{}]*)?$"
    r"|\\(?:sqrt|sin|cos|tan|log|ln|exp|lfloor|lceil)\s*(?:\[\d\])?[({ ]*$"
    r"|\d[({]?$|\d\s?\\[,;!]?\s?$|(?:^|[=$+*/(\n-])\s*\d+(?:\.\d+)? $|\|\s*$|\(\s*-?[\w.]+,\s*$"
    r"|\\(?:[dtc]?frac|sqrt)(?:\{[^{}]*\}){1,2}\s*$|\$\s*-\s*[({]*$"
    r"|\b(?:(?:anything|everything|all|any number) (?:but|except)|except|excluding|other than)\s*[$({]*$"
    rf"|(?:\b{OPERATIONS})\s*[$({{]*$"
    rf"|(?:^|[\s$(])[$]?-?\d[\d.]*[$)\\]*(?::|\s*,? (?:or|and|to)\s+|,\s*)[$({{]*$",
)
_WORDS_BEHIND = re.compile(
    r"(?:\$|\\[) ,;!]|\}|\s|-|\*\*)*(?:\\(?:text\w*|mbox|mathrm)\s?\{)?\s*([^\W\d_]+(?:-[^\W\d_]+)?)"
)

_RELATION = re.compile(r"[^\n]*(?:=|\\(?:approx|equiv|implies|Rightarrow)(?![A-Za-z])|[.!?;](?=\s))")


def boxed(text: str) -> str | None:
    r"""All boxes of the last sentence that has one, else `\boxed 5`; empty where all of them are denied."""
    marks = _boxes(text)
    unbraced = list(_UNBRACED.finditer(text, marks[-1][2] if marks else 0))
    if unbraced:
        last = unbraced[-1]
        marks.append((last.start(), last.start(1), last.start(1) + len(last[1].rstrip(".,;")), last.end()))
        marks[-1] = (*marks[-1][:3], marks[-1][2])
    return _joined(text, marks) if marks else None


def tagged(text: str) -> str | None:
    """What stands in the last answer tag and in those of its sentence."""
    marks = [
        (match.start(), match.start(1), match.end(1), match.end())
        for match in _TAG.finditer(text)
        if match[1].strip()
    ]
    return _joined(text, marks) if marks else None


def behind_denied(text: str) -> str | None:
    r"""The text behind the last mark where no mark is stated (`not \boxed{5} but 6`); else None."""
    marks = _boxes(text)
    return (
        text[marks[-1][3] :]
        if marks and not any(_stated(text, mark) for mark in marks[-MOST_DENIED:])
        else None
    )


def _boxes(text: str) -> list[Mark]:
    boxes: list[Mark] = []
    opened: list[tuple[int, int]] = []  # where a box and its content start, -1 for other braces
    box, box_ends = -1, -1
    for match in _BRACES.finditer(text):
        token = match.group()
        if token == "{":
            opened.append((box, match.end()) if match.start() == box_ends else (-1, -1))
        elif token == "}" and opened:
            begin, start = opened.pop()
            if start >= 0 and not (boxes and boxes[-1][0] > begin):  # innermost boxes only
                if not _PLACEHOLDER.fullmatch(text, start, match.start()):
                    boxes.append((begin, start, match.start(), match.end()))
        elif token.startswith((r"\boxed", r"\fbox")):
            box, box_ends = match.start(), match.end()
    return boxes


def _stated(text: str, mark: Mark) -> bool:
    before, behind = text[max(mark[0] - MOST_BEFORE, 0) : mark[0]], text[mark[3] : mark[3] + MOST_BEFORE]
    return not unstated(before) and not withdrawn(behind)


def _joined(text: str, marks: list[Mark]) -> str:
    r"""The last mark and those before it in its sentence (`\boxed{3} or \boxed{5}` are two answers), or,
    where something touches them, the whole."""
    stated = [place for place in range(len(marks))[-MOST_DENIED:] if _stated(text, marks[place])]
    if not stated:
        return ""
    marks = marks[: stated[-1] + 1][-MOST_DENIED - 1 :]
    contents, first, operator = [text[slice(*marks[-1][1:3])].strip()], marks[-1], False
    for before, mark in zip(marks[-2::-1], marks[:0:-1], strict=False):
        gap = text[before[3] : mark[0]]
        if len(gap) > 120 or _NEXT_THOUGHT.search(gap) or not _stated(text, before):
            break
        operator = operator or bool(re.fullmatch(rf"{_CLOSE}(?:{_OPERATOR}|:){_OPEN}", gap))
        first, content = before, text[slice(*before[1:3])].strip()
        if content not in contents:
            contents.insert(0, content)
    if operator or _touched(text, first[0], marks[-1][3]):
        return _whole(text, marks, first)
    return contents[0] if len(contents) == 1 else ", ".join(contents)


def _touched(text: str, start: int, end: int) -> bool:
    before = text[max(start - MOST_BEFORE, 0) : start].rsplit("\n", 1)[-1]
    behind = text[end : end + MOST_BEFORE].split("\n", 1)[0]
    if _BEFORE_MARK.search(before) or _BEHIND_MARK.match(behind):
        return True
    word = _WORDS_BEHIND.match(behind)
    if word and (word[1].lower() in MODIFIERS or part_like(word[1].lower())):
        return True
    return bool(BEHIND.match(re.sub(r"^[$\s)\\}]+", " ", behind)))


def _whole(text: str, marks: list[Mark], first: Mark) -> str:
    """The phrase around a mark, with contents in place of marks; empty where it is not read as a whole."""
    start = max(text.rfind("\n", 0, first[0]) + 1, first[0] - MOST_AROUND)
    relation = _RELATION.match(text[start : first[0]])
    start += relation.end() if relation else 0
    parts, place, last = [], 0, start
    for mark in marks:
        if mark[0] < start:
            continue
        content = text[slice(*mark[1:3])].strip()
        content = content if re.fullmatch(r"[\w.,]+|\\frac\{\w+\}\{\w+\}", content) else f"({content})"
        parts.append(text[last : mark[0]])
        if re.search(r"[\w})]$", parts[-1]):  # 2\\boxed{5} is not 25
            content = f"({content.strip('()')})"
        place = sum(map(len, parts))
        parts.append(content)
        last = mark[3]
    parts.append(text[last : last + MOST_AROUND].split("\n", 1)[0])
    for phrase in phrases("".join(parts)):
        if phrase.start <= place < phrase.end and phrase.text.strip("()$ ") != content.strip("()"):
            return phrase.text.strip("$ ") if phrase.text.count("$") == 1 else phrase.text
    return ""
