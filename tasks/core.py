"""What every task shares: problems, verdicts, the train/held-out split and answer extraction."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeVar

TRAIN = "train"
HELD_OUT = "heldout"
SPLITS = (TRAIN, HELD_OUT)
EXCLUDED_FILE = Path(__file__).with_name("excluded_hashes.json")
EXCLUDED_DIGITS = 16
"""Hex digits of a hash in excluded_hashes.json."""
HELD_OUT_ONE_IN = 10
"""One problem in so many is held out: never trained on, only evaluated."""
LONGEST_ANSWER = 400
"""Characters of a boxed answer that are looked at; no right answer comes near it."""
Drawn = TypeVar("Drawn")
"""What a task draws before it is worded: the numbers of a problem."""
MOST_DRAWS = 100_000
"""Draws for one problem before its settings are said to leave nothing in the split."""

_BRACES = re.compile(r"\\boxed\s*\{|\\[{}]|[{}]")
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(?:/0*[1-9][0-9]{0,11}|\.[0-9]{1,12})?")
_SYMBOLS = {"\u2212": "-", "\u2013": "-", "\u00d7": "*", "\u00b7": "*", "\u00f7": "/"}
_TO_ASCII = str.maketrans(_SYMBOLS)


@dataclass(frozen=True, slots=True)
class Problem:
    """One generated problem: the fields of its prompt template, the prompt and a worked solution.

    `answer` is the right answer alone. `key` is the same for every phrasing of one problem;
    `template_id` is set for word problems only.
    """

    task: str
    fields: dict[str, str]
    prompt: str
    solution: str
    answer: str
    key: str
    template_id: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a response is right, the answer that was read from it (None: there is none), and one short
    sentence why."""

    correct: bool
    answer: str | None
    reason: str


class Task(Protocol):
    """A kind of problem that can be generated and whose responses can be checked."""

    @property
    def name(self) -> str:
        """The name in `TASKS`."""

    @property
    def template(self) -> str:
        """The prompt in `str.format` form."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that `generate` accepts."""

    def generate(self, rng: random.Random, split: str) -> Problem:
        """Draw one problem of the split."""

    def check(self, problem: Mapping[str, str], response: str, *, answer: str | None = None) -> Verdict:
        """Judge a response to the problem with these fields. answer: the right one, which only word
        problems need. ValueError on a malformed field."""


def require(ok: bool, field: str, value: object, allowed: str) -> None:
    """Unless ok, raise a ValueError that names the field, its value and what is allowed."""
    if not ok:
        raise ValueError(f"{field} is {value!r}; allowed: {allowed}")


def field_of(problem: Mapping[str, str], name: str) -> str:
    """The named field of a problem; ValueError when it is missing."""
    if name not in problem:
        raise ValueError(f"problem field {name!r} is missing; got {sorted(problem)}")
    return problem[name]


def _digest(task: str, key: str) -> str:
    return sha256(f"{task}|{key}".encode()).hexdigest()


@cache
def _excluded() -> frozenset[str]:
    """Digests of the published test problems that are never generated."""
    by_task: dict[str, list[str]] = json.loads(EXCLUDED_FILE.read_text())
    return frozenset(digest for digests in by_task.values() for digest in digests)


def excluded_digest(task: str, key: str) -> str:
    """The form in which a problem is listed in excluded_hashes.json."""
    return _digest(task, key)[:EXCLUDED_DIGITS]


def split_of(task: str, key: str) -> str:
    """`heldout` for one problem in ten, by hash, else `train`."""
    return HELD_OUT if int(_digest(task, key), 16) % HELD_OUT_ONE_IN == 0 else TRAIN


def is_excluded(task: str, key: str) -> bool:
    """Whether the problem is in a published test set and therefore never generated."""
    return excluded_digest(task, key) in _excluded()


def accepts(task: str, key: str, split: str) -> bool:
    """Whether a drawn problem belongs to the split and is not excluded (one hash for both)."""
    digest = _digest(task, key)
    held_out = int(digest, 16) % HELD_OUT_ONE_IN == 0
    return held_out == (split == HELD_OUT) and digest[:EXCLUDED_DIGITS] not in _excluded()


def draw_for(task: Task, split: str, draw: Callable[[], tuple[Drawn, str]]) -> tuple[Drawn, str]:
    """A problem of the split, as draw_in does it; any key will do in a split that is no part of SPLITS."""
    require(split in task.splits, "split", split, ", ".join(task.splits))
    return draw_in(task.name, split, draw) if split in SPLITS else draw()


def draw_in(name: str, split: str, draw: Callable[[], tuple[Drawn, str]]) -> tuple[Drawn, str]:
    """Call `draw`, which returns (what was drawn, its key), until the key belongs to the split. name: under
    which keys are hashed. ValueError on an unknown split, and when none belongs to it in MOST_DRAWS draws."""
    require(split in SPLITS, "split", split, ", ".join(SPLITS))
    for _ in range(MOST_DRAWS):
        drawn, key = draw()
        if accepts(name, key, split):
            return drawn, key
    raise ValueError(f"settings of {name} leave no {split} problem in {MOST_DRAWS} draws")


def below(rng: random.Random, n: int) -> int:
    """A random integer in 0..n-1; several times faster than `rng.randrange`."""
    return int(rng.random() * n)


def between(rng: random.Random, low: int, high: int) -> int:
    """A random integer in low..high, both included."""
    return low + int(rng.random() * (high - low + 1))


def extract_boxed(text: str) -> str | None:
    r"""The contents of the last closed `\boxed{...}`, by brace matching in one pass."""
    opened: list[int] = []  # for each open brace: where its box's contents start, or -1 for no box
    best_start, best_end = -1, -1
    for match in _BRACES.finditer(text):
        token = match.group()
        if token == "{":
            opened.append(-1)
        elif token == "}":
            start = opened.pop() if opened else -1
            if start > best_start:
                best_start, best_end = start, match.start()
        elif len(token) > 2:
            opened.append(match.end())
    return None if best_start < 0 else text[best_start:best_end].strip()


def boxed_answer(response: str) -> str | Verdict:
    """The boxed text of a response; a verdict instead where there is no box or it is far too long."""
    boxed = extract_boxed(response)
    if boxed is None:
        return Verdict(False, None, "No \\boxed{...} in the response.")
    if len(boxed) > LONGEST_ANSWER:
        return Verdict(False, boxed[:LONGEST_ANSWER], "The boxed answer is far too long.")
    return boxed


def judge_number(response: str, truth: Fraction | int, right: str, wrong: str) -> Verdict:
    """Judge a boxed number. right, wrong: the end of the sentence "The number …" for either verdict."""
    boxed = boxed_answer(response)
    if isinstance(boxed, Verdict):
        return boxed
    number = read_number(boxed)
    if number is None:
        return Verdict(False, boxed, "The boxed answer is not a number.")
    correct = Fraction(number) == truth
    return Verdict(correct, number, f"The number {right if correct else wrong}.")


def plain_symbols(text: str) -> str:
    """Typeset minus, times and division signs written as - * /."""
    text = text.translate(_TO_ASCII)
    for name, symbol in ((r"\times", "*"), (r"\cdot", "*"), (r"\div", "/")):
        text = text.replace(name, symbol)
    return text


def read_number(text: str) -> str | None:
    """The number in an answer such as `5`, `+5`, `x = 5`, `3/4`, without spaces; else None."""
    compact = "".join(plain_symbols(text).split()).strip("$")
    head, equals, tail = compact.rpartition("=")
    if equals and (len(head) != 1 or not head.isalpha()):
        return None
    return tail if _NUMBER.fullmatch(tail) else None
