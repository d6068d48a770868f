r"""Find the answer in a response or in a gold text.

Thoughts, text after the answer and statements that were taken back are cut off first (`final_part`). Then
the response's own marks are looked for, each read as a whole statement: all boxes of the last sentence that
has one; else `<answer>`; else `#### x` (unless it is a heading) or a closing `A: x`; else the last "the
answer is x"; else the response itself where it is nothing but an answer; else what the last sentence with a
number says (`answer_phrases`). In a gold text the same marks are looked for; without any it is the whole
text, or what it says where it is a single sentence. Linear in the length; of a response longer than
MOST_LETTERS only the end is read.
"""

from __future__ import annotations

import re

from evaluation.grading.answer_characters import plain
from evaluation.grading.answer_doubts import unstated
from evaluation.grading.answer_marks import behind_denied, boxed, tagged
from evaluation.grading.answer_phrases import last_phrase, phrases
from evaluation.grading.answer_text import formulas
from evaluation.grading.final_part import MOST_LETTERS, final_part

MOST_BARE = 400
"""Letters of the longest response that may be a bare answer."""
MOST_HEADINGS = 50
_CHOSEN = re.compile(
    r"\b(?:option|choice|answer) \(?([A-J])\)? is (?:the )?(?:correct|right|best|answer|only)"
    r"|\(([A-J])\) is (?:the )?(?:correct|right|best)|(?:^|[.\n] ?)([A-J]) is (?:the )?(?:correct"
    r"|right|best|answer)\b",
    re.IGNORECASE,
)
_HASHES = re.compile(r"(?<!#)####(?!#)[ \t]*([^\n]*)")
_STEP = re.compile(
    r"(?:step|part|case|section|question|problem|note|phase|stage|method|example|task|approach"
    r"|verif\w*|given|explanation"
    r"|understand\w*|analysis|let)\b|(?:check|summary|calculat\w*|conclusion|solution"
    r"|option)\b(?!\s*[:=]?\s*-?[\d$\\]+\.?$)"
    r"|\(?\d+[.):]\)?\s+\D",
    re.IGNORECASE,
)
_CLOSING = re.compile(r"(?:^|\n)[ \t]*A:[ \t]*([^\s][^\n]*)\s*\Z")
_ANSWER_IS = re.compile(
    r"(?:\banswers?\b(?:\s+(?:to|for|in|of|as|here)\b[^\n.:=]{0,60}?)?\**\s*(?:\b(?:is|are|was"
    r"|would be|must be|should be|equals|becomes)\b"
    r"|=|:|->|-(?= ))|\b(?:correct|right|best|final) (?:option|choice|result|value"
    r"|statement)s?\s+(?:is|are|:)\s"
    r"|\bI (?:choose|pick|select|chose)\b|\bnow I get\b"
    r"|答案(?:应该|应当)?(?:是|为|:)|答:|\bответ:)\s*:?\**[ \t]*",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"(?:^|\n)[ \t]{0,8}(?:#{1,6}|\*\*|__)?[ \t]{0,4}(?:\d+[.)] )?(?:the )?(?:final "
    r"|correct )?(?:answer|result)s?"
    r" ?:? ?(?:\*\*|__)? ?:?[ \t]{0,4}\n",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"^(?:\W|\\approx|\b(?:about|approximately|roughly|around|exactly|simply|just|therefore|thus|then"
    r"|indeed|equal|to|a|total|of|the|"
    r"number|is|are|be|only|also|now|still|always|clearly|both|either|given|by|found|as|follows|that"
    r"|there|will|we|get|have|"
    r"option|choice|he|she|it|they|has|needs|earns|makes|in|fact|numbers|values|x|integer"
    r"|value)\b)*$", re.IGNORECASE
)  # fmt: skip
_THEN = re.compile(
    r"(?:which (?:is|equals|gives|makes|comes to|adds up to|simplifies to)|that is|that's|i\.e\.?"
    r"|or rather|equals|is equal to|giving|making|"
    r"so it is|it is|it's|but|in other words|simplif\w+ to)\W*(?:the same as|about|just|then|equal to"
    r"|a total of)?\W*$|=\W*$", re.IGNORECASE
)  # fmt: skip
_SUM = re.compile(r"(?<![\d.,])(\d{1,9}) \((\d{1,9}(?: ?\+ ?\d{1,9}){1,9})\)(?= ?[.!]|\s*$)")
_VERDICT = re.compile(
    r"(yes|no)\b(?:,? (?:because|since|as)\b.*|,? (?:it|he|she|they|we|there|that|this|you)\b[^\d\\]*)?\W*$"
    r"|(?:it|that|this|(?:the|this|that) (?:statement|claim|assertion|equation|proposition|conjecture))"
    r"(?:'s| is) (true|false)\W*$",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[A-Za-z ](?:is|are|has|have|was|were|equals|makes|costs|needs)(?![A-Za-z])")
_REASON = re.compile(
    r"\s(?:after|because|since|given that|before|every(?=\s\d)|to (?:finish|complete|do|build|paint"
    r"|read|cover|fill|buy)"
    r"(?=\s\d))(?=\s)|:(?=\s\d+ [a-z]+ and )|,(?=\s\d+ (?:more|fewer|less) than [A-Za-z]+\W*$)"
    r""
)
_CHOICE = re.compile(r"^\W*\(?[A-J](?:[).:]|\s*$|\s*[.,;]|\*)")
_SHORT = re.compile(r"(?:\b[A-Z]|\b(?:Rs|approx|No|vs|Dr|Mr|Mrs|St|Eq|Fig|i\.e|e\.g|a\.m|p\.m|[ap]))$")
_STOP = re.compile(r"[.?](?=[\s*]|$)|!(?=[\s*]|$)(?! ?[a-z=+])")
_COUNTED = re.compile(r"[-+]?[$€£]?\d[\d,.]*(?: ?\d+/\d+|/\d+)?(?: [A-Za-z]+){1,4}\.?", re.ASCII)
_COUNTED_TAIL = re.compile(r"((?: [A-Za-z]+){1,4})[.*!\s]*$")
_VERBS = frozenset(
    "is are was were be not or and because so if when then that which to has have gets will each per "
    "left for".split()
)
_PLAIN_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_JOINING = frozenset("and or sqrt pi sin cos tan ln log infinity infty cm mm km".split())


def extract(response: str) -> str | None:
    """The final answer of a response, None where there is none."""
    text = _tidy(final_part(response))
    text = _or_else(tagged(text), text)
    text = _or_else(behind_denied(text), text)
    box = boxed(text)
    if box is not None and _SENTENCE.search(box) and not re.search(r"\bnot?\b|n't", box):
        words = re.sub(r"\\(?:text\w*|mbox|mathrm)\s?\{([^{}]*)\}", r" \1 ", box)
        return _last_statement(words) or last_phrase(words) or box.strip()
    for find in (boxed, _hashes, _closing, _last_statement, _chosen, _verdict, _bare):
        answer = find(text)
        if answer is not None:
            return answer.strip() or None
    return last_number_stated(text)


def _without_sum(match: re.Match[str]) -> str:
    """11 of `11 (5 + 6)`; the text as it is where the sum is another."""
    return match[1] if int(match[1]) == sum(map(int, re.findall(r"\d+", match[2]))) else match.group()


def _or_else(part: str | None, text: str) -> str:
    return text if part is None else part


def gold_answer(text: str) -> str:
    """The answer of a gold text: boxed, behind ####, in a closing `A: x` or `The answer is: x`, what a
    single sentence says, or the text itself."""
    tidy = _tidy(text[-MOST_LETTERS:])
    for find in (boxed, _hashes, _closing, _last_statement):
        answer = find(tidy)
        if answer is not None and answer.strip():
            return answer.strip()
    words = _PLAIN_WORD.findall(text)
    if "\n" not in text.strip() and len(words) >= 4 and re.search(r"[.!]\s*$", text) and len(text) <= 2_000:
        return last_phrase(tidy) or text.strip()
    return text.strip()


def _tidy(text: str) -> str:
    """In plain characters, without calculator notes (<<3+4=7>>) and bold type."""
    text = re.sub(r"\$?<<[^<>\n]{0,200}>>", "", plain(text))
    text = _SUM.sub(_without_sum, text)
    return re.sub(
        r"(?<!\*)\*\*(?!\*)(?![\d\s(])|(?<=[^\s\d*])\*\*(?!\*)|\*\*(?=[-\d$(\\][^*\n]{0,80}\*\*)"
        r"|(?<=[\d)%])\*\*(?=[\s.,;]|$)",
        "",
        text,
    )


def _hashes(text: str) -> str | None:
    """What stands behind the last `####` that is no heading."""
    for match in list(_HASHES.finditer(text))[: -MOST_HEADINGS - 1 : -1]:
        content, behind = match[1].strip().strip("*").strip(), text[match.end() : match.end() + 2 * MOST_BARE]
        if _HEADING.match("\n" + content + "\n"):
            content = _paragraph(behind)
            if content:
                return _statement(content)
            continue
        if not content:
            return _paragraph(behind) or ""
        if _STEP.match(content):
            continue
        stated = _last_statement(content)
        if stated is not None:
            return stated
        if _is_answer(content) and (re.search(r"[\d\\]", content) or not behind.strip()):
            return content
        if re.search(r"\d", content) or not behind.strip():
            return _statement(content)
    return None


def _paragraph(text: str) -> str:
    """The first lines that are not empty, at most MOST_BARE letters."""
    return re.split(r"\n\s*\n|\n#", text.strip())[0][:MOST_BARE].strip()


def _closing(text: str) -> str | None:
    match = _CLOSING.search(text[-2_000:])
    return _statement(match[1]) if match else None


def _last_statement(text: str) -> str | None:
    """What the last "the answer is" says, or stands below the heading "Answer"."""
    stated = [match.end() for match in _ANSWER_IS.finditer(text)]
    headings = [match.end() for match in _HEADING.finditer(text)]
    if headings and (not stated or headings[-1] >= stated[-1]):
        below = _paragraph(text[headings[-1] : headings[-1] + 2 * MOST_BARE])
        return _statement(below) if below else None
    if not stated:
        return None
    claimed = [end for end in stated[-MOST_HEADINGS:] if not unstated(text[max(end - MOST_BARE, 0) : end])]
    if not claimed:  # I don't think the answer is 5. It is 6.
        behind = sentences(text[stated[-1] : stated[-1] + MOST_BARE])[1:]
        return last_number_stated("\n".join(behind)) or ""
    stated = claimed
    tail = text[stated[-1] : stated[-1] + MOST_BARE]
    return _statement(tail.strip()) if tail.strip() else None


def _chosen(text: str) -> str | None:
    """C of "option C is correct"."""
    letters = [match[1] or match[2] or match[3] for match in _CHOSEN.finditer(text)]
    return letters[-1] if letters else None


def _verdict(text: str) -> str | None:
    """Yes of "Yes, it is.", true of "The statement is true."; of the last sentence."""
    match = _VERDICT.match(sentences(text)[-1])
    return (match[1] or match[2]) if match else None


def _statement(text: str) -> str | None:
    """What a statement says: its first phrase, or the one that restates it ("5/2, which is 2.5"); else its
    words."""
    sentence = sentences(text.strip())[0] if text.strip() else ""
    sentence = re.sub(r"^\W*(?:option|choice|letter) (?=\(?[A-J]\b)", "", sentence, flags=re.IGNORECASE)
    sentence = re.sub(r"^\W*not \S{1,20}? (?:but|it is|it's) (?=\(?[A-J]\b)", "", sentence)
    if re.search(r"\b(?:otherwise|else)\b", sentence):
        return sentence
    if verdict := _VERDICT.match(sentence):
        return verdict[1] or verdict[2]
    if _is_answer(sentence) and not re.search(r"=[^=]*\d[^=]*[A-Za-z]{3}|\d\s*=", sentence):
        return sentence.strip(" *")
    if _CHOICE.match(sentence):
        return sentence.strip(" *.,;")
    in_order = phrases(sentence)
    if not in_order:
        numbered = last_phrase(sentence)
        words = re.split(r"\s(?:because|since|so|as|which)\s|,", sentence)[0].strip(" *.!")
        return numbered if numbered and len(words.split()) > 3 else words
    if not _FILLER.match(sentence[: in_order[0].start]):
        return last_phrase(sentence)
    answer, end = in_order[0], in_order[0].end
    for phrase in in_order[1:]:
        if (answer.denied or _THEN.search(sentence[end : phrase.start])) and not phrase.denied:
            answer, end = phrase, phrase.end
    if answer.denied:
        return ""
    counted = _COUNTED_TAIL.match(sentence[end:])
    if counted and answer.text[-1:].isdigit() and not _VERBS & set(counted[1].lower().split()):
        return answer.text + counted[1]
    return answer.text


def sentences(text: str) -> list[str]:
    """Sentences and lines; the point of an abbreviation, a choice or a number ends none."""
    parts, start = [], 0
    for line in re.split(r"\n+", text):
        start = 0
        for match in _STOP.finditer(line):
            if not _SHORT.search(line[start : match.start()][-12:]):
                parts.append(line[start : match.start()])
                start = match.end()
        parts.append(line[start:])
    return [part.strip() for part in parts if part.strip(" *_")] or [""]


def _bare(text: str) -> str | None:
    text = text.strip()
    return text if _is_answer(text) else None


def _is_answer(text: str) -> bool:
    """Whether a line is an answer alone, without a sentence around it."""
    if not text or len(text) > MOST_BARE or "\n" in text or "boxed" in text or text.startswith("#"):
        return False
    spans = formulas(text)
    outside = re.sub(r"\\(?:text\w*|mbox|begin|end|operatorname|math\w+)\s*\{[^{}]*\}", "", text)
    words = [word.lower() for word in _PLAIN_WORD.findall(outside)]
    if not re.search(r"[\d\\]", text):
        return len(text.split()) <= 3 and not re.search(r"[^\x00-\x7f]{4}", text)
    if text.isascii() and not re.search(r"\s", text):
        return True
    if _COUNTED.fullmatch(text) and not _VERBS & set(words):  # 18 duck eggs
        return True
    if re.search(r"(?![\x00-\x7f])[^\W\d_]", text):
        return False
    return (len(spans) == 1 and spans[0][1] - spans[0][0] == len(text)) or all(
        word in _JOINING for word in words
    )


def last_number_stated(text: str) -> str | None:
    """What the last sentence with a number says."""
    tail = re.sub(r"\\(?:boxed|fbox)(?![A-Za-z])\s*\{?", " ", text[-4_000:])
    for sentence in reversed(sentences(tail)):
        if not sentence.startswith("#") or not _STEP.match(sentence.lstrip("# *")):
            answer = last_phrase(_without_reason(sentence)) or last_phrase(sentence)
            if answer:
                return answer
            if any(phrase.denied for phrase in phrases(sentence)):
                return None
    return None


def _without_reason(sentence: str) -> str:
    """`He has 5 left` of `He has 5 left after 3 days`; empty where it gives no reason. Linear."""
    clear = max(sentence.rfind(","), sentence.rfind("="))
    cuts = [match.start() for match in _REASON.finditer(sentence) if match.end() > clear]
    digits = [match.start() for match in re.finditer(r"\d", sentence[: cuts[-1]])] if cuts else []
    return sentence[: next(cut for cut in cuts if cut > digits[-1])] if digits else ""
