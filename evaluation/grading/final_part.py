"""The part of a response that holds its answer: without thoughts, without what follows the answer (a new
question, text behind an end token), and without statements that were taken back ("that is wrong")."""

from __future__ import annotations

import re

from evaluation.grading.answer_doubts import asks

MOST_LETTERS = 200_000
_TAGS = "think|thinking|thoughts?|reason|reasoning|reflection|scratchpad|analysis|(?:begin|end)_of_thought"
_THOUGHT = re.compile(
    rf"(?:<|&(?:amp;)?lt;)\|?(/?)\s?({_TAGS})(?:\s[^<>\n]{{0,200}}?)?\s?\|?(?:>|&(?:amp;)?gt;)"
    rf"|\[(/?)(THINK|THOUGHT|REASONING)\]|◁(/?)(think)▷",
    re.IGNORECASE,
)
_ENDS = re.compile(
    r"<\|(?:eot_id|endoftext|im_end|end|end_of_text|eos)\|>|</s>|<｜end▁of▁sentence｜>|<EOS>|\[EOS\]"
)
_TURN = re.compile(
    r"\n[ \t]{0,8}(?:[#*]{1,6}[ \t]{0,4})?(?:(?:Next |New |Another )?(?:Question|Problem|Exercise"
    r"|Query|Instruction|Human|User|Q)(?:[ \t]{0,2}\d{1,4})?[*]{0,3}[:.]"
    r"|<\|(?:start_header_id|im_start)\|>)", re.IGNORECASE
)  # fmt: skip
_STATED = re.compile(r"\\boxed|\\fbox|####|\banswers?\b[^\n]{0,60}?(?:is|are|:|=)|答案|\nA:", re.IGNORECASE)
_TAKEN_BACK = re.compile(
    r"\b(?:(?<!if )(?<!whether )(?:that|this|it)(?: (?:is|was)|'s) (?:wrong|incorrect|not (?:right"
    r"|correct)|a mistake|an error|false)"
    r"|I (?:made|have made|'ve made) an? (?:mistake|error)|I was wrong|my mistake|scratch that"
    r"|correction)\b[^\n.!?]*[.!?:\n]?"
    r"|(?P<no>(?<=\? )(?:no|nope|wrong|incorrect|not (?:quite|really|right|so))\b[,.:!]?"
    r"|(?<=[.!] )(?:no|nope|wait|actually|sorry|oops)\b[,.:!]?(?: (?:wait|no|sorry)[,.:!]?)?"
    r"(?= [$\\]?-?\d[\d.,]*\W*$))"
    r"|(?:(?<=[.!?] )|(?<=\n))(?:no|actually|wait|oops|sorry)[,.:!]? ?(?=[^.\n]{0,40}?\b(?:it|that"
    r"|this|the answer)(?:'s| is| should be| must be| equals) -?[$\\]?\d)",
    re.IGNORECASE,
)


def final_part(response: str) -> str:
    """The end of a response (MOST_LETTERS) without thoughts, what follows a new question, and what its
    author took back; empty where nothing is left. Linear in the length."""
    text = _without_thoughts(response)
    text = next((part for part in _ENDS.split(text) if part.strip()), "")[-MOST_LETTERS:]
    stated = _STATED.search(text)
    turn = _TURN.search(text, stated.end()) if stated else None
    text = text[: turn.start()] if turn else text
    for match in reversed(list(_TAKEN_BACK.finditer(text))):
        before = text[max(match.start() - 2_000, 0) : match.start()]
        sentence = re.split(r"[.!?\n]", before)[-1]
        if match["no"]:  # The answer is 5? No, 6.
            question = re.split(r"[.!?\n](?:\s|$)", before.rstrip("?.! "))[-1]
            if asks(question) or not re.search(r"\d|answer|boxed", question):
                continue
            return text[match.end() :]
        # "6 would be wrong" is about another answer than the one that was given.
        if not re.search(r"\d", sentence) and re.search(r"\d", before):
            return text[match.end() :]
    return text


def _without_thoughts(text: str) -> str:
    """The text without thoughts, also those of which the opening or closing tag is missing."""
    parts: list[str] = []
    depth, last = 0, 0
    for match in _THOUGHT.finditer(text):
        closing = bool(match[1] or match[3] or match[5]) or (match[2] or "").lower() == "end_of_thought"
        if depth == 0 and closing:
            parts.clear()
        elif depth == 0:
            parts.append(text[last : match.start()])
        depth = max(depth - 1, 0) if closing else depth + 1
        last = match.end()
    return "".join([*parts, text[last:]]) if depth == 0 else "".join(parts)
