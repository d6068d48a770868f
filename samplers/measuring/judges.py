"""Who can tell right answers from wrong ones: the exact checkers of the bundled tasks."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from models.text import cell_texts
from samplers.measuring.measures import Judge, Known, Opinion
from tasks import TASKS
from tasks.checks.step_check import Step, check_steps
from tasks.checks.unfinished import can_still_hold
from tasks.core import extract_boxed
from tasks.recognise import problem_of

USER = "user"
NEEDS_GOLD = ("word",)
"""Tasks whose right answer does not follow from the prompt."""
Pieces = Sequence[bytes] | Mapping[int, bytes]
_SPECIAL = re.compile(r"<\|[^|<>]*\|>")


def is_special(text: str) -> bool:
    """Whether the text of a cell is a special token, such as the end of the text."""
    return _SPECIAL.fullmatch(text) is not None


def ends_among(pieces: Mapping[int, bytes]) -> frozenset[int]:
    """The special tokens among those of a trace: an answer goes up to the first of them."""
    return frozenset(i for i, piece in pieces.items() if is_special(piece.decode(errors="replace")))


def question_in(prompt: str) -> tuple[str, dict[str, str]] | None:
    """(task, its fields) of the bundled problem that a prompt asks; the last one of a conversation.
    prompt: as the model reads it, with the marks of its chat template."""
    for part in reversed(turns_of(prompt)):
        if (problem := problem_of(part)) is not None:
            return problem["name"], problem["problem"]
    return None


def turns_of(prompt: str) -> list[str]:
    """The texts between the marks of a chat template; of a conversation, from the last user's turn on."""
    parts = [" ".join(part.split()) for part in _SPECIAL.split(prompt) if part.strip()]
    turns = [i for i, part in enumerate(parts) if part == USER]
    return parts[turns[-1] + 1 :] if turns else parts


def task_check(task: str, fields: Mapping[str, str], gold: str = "") -> Callable[[str], Opinion]:
    """A bundled task's own checker. gold: the right answer, for the tasks that need it."""

    def check(text: str) -> Opinion:
        if not gold and task in NEEDS_GOLD:
            return Opinion(extract_boxed(text), None)
        verdict = TASKS[task].check(dict(fields), text, answer=gold or None)
        return Opinion(verdict.answer, verdict.correct)

    return check


def prompt_check(prompt: str, gold: str = "") -> Callable[[str], Opinion] | None:
    """The checker for what a prompt asks; None: no bundled task, or one that only looks like it."""
    question = question_in(prompt)
    if question is None:
        return None
    check = task_check(*question, gold)
    try:
        check("")
        check_steps(TASKS[question[0]], question[1], "")
    except ValueError:
        return None
    return check


def judge_by(check: Callable[[str], Opinion], pieces: Pieces, mask_id: int | None = None) -> Judge:
    """A checker as a judge of tokens."""

    def text_of(tokens: Sequence[int]) -> str:
        return "".join(cell_texts(pieces, list(tokens), mask_id))

    return Judge(text_of, check)


def known_to_first_error(
    task: str, fields: Mapping[str, str], pieces: Pieces, ends: Collection[int], gold: str = ""
) -> Known:
    """Tokens of finished lines and of the box: right up to the first error, wrong at it; nothing is known of
    what comes behind, which was written beside a wrong token (as in the labels of PRM800K, 2305.20050).

    The error is the first token, from the left, with which its line can no longer become right
    (tasks.checks.unfinished); where that cannot be told, the last token of the line. An answer whose lines
    all hold and which is not the right one (gold) has its error in the box.
    """

    def known(tokens: Sequence[int]) -> list[bool | None]:
        end = next((i for i, token in enumerate(tokens) if token in ends), len(tokens))
        texts = cell_texts(pieces, list(tokens[:end]), None)
        text = "".join(texts)
        steps = check_steps(TASKS[task], dict(fields), text)
        wrong = next((step for step in steps if not step.right), None)
        if wrong is None and gold and steps and extract_boxed(text) is not None:
            right = TASKS[task].check(dict(fields), text, answer=gold).correct
            wrong = None if right else steps[-1]
        judged = steps if wrong is None else steps[: steps.index(wrong) + 1]
        error = None if wrong is None else _error_in(task, fields, texts, wrong)
        rights: list[bool | None] = [None] * len(tokens)
        at = 0
        for place, piece in enumerate(texts):
            if error is not None and place >= error:
                rights[error] = False
                break
            if piece and any(step.start < at + len(piece) and at < step.stop for step in judged):
                rights[place] = True
            at += len(piece)
        return rights

    return known


def _error_in(task: str, fields: Mapping[str, str], texts: Sequence[str], wrong: Step) -> int:
    """The place of the token at which a wrong step breaks."""
    at, last = 0, 0
    for place, piece in enumerate(texts):
        begins, at = at, at + len(piece)
        if at <= wrong.start or not piece.strip("\n}"):
            continue
        if begins >= wrong.stop:
            break
        last = place
        if not can_still_hold(task, fields, "".join(texts[: place + 1]).rstrip("\n")):
            return place
    return last
