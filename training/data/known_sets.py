"""Refuses to train on sets that are for evaluation only.

A set is recognised by its name, by its split, and by its problems: evaluation_digests.txt holds hashes of
the test problems of GSM8K and MATH-500, so that a renamed file is noticed too.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from evaluation.sets.columns import SetError
from evaluation.sets.public_sets import public_set, says_test

DIGESTS = Path(__file__).with_name("evaluation_digests.txt")
ALLOW = "allowed: its train split, or --allow-eval-data"


def refuse_evaluation(name: str, split: str, allow: bool) -> None:
    """SetError when a file, a set or a split is named as one to evaluate on."""
    if allow:
        return
    public = None if Path(name).exists() else public_set(name)
    if public is not None and public.evaluation_only:
        raise SetError(f"data = {name!r} is for evaluation only; {ALLOW}")
    if says_test(split):
        raise SetError(f"split = {split!r} is for evaluation only; {ALLOW}")
    if public is None and says_test(name):
        raise SetError(f"data = {Path(name).name!r} is named as an evaluation set; {ALLOW}")


def refuse_problem(name: str, number: int, question: str) -> None:
    """SetError when a question is one of the test problems that models are measured on."""
    set_name = _digests().get(digest(question))
    if set_name is not None:
        raise SetError(f"row {number} of {name} is a test problem of {set_name}; {ALLOW}")


def digest(question: str) -> str:
    """The hash of a question, 16 hex digits: of its letters and digits alone, in lower case, so that layout
    and punctuation do not matter."""
    plain = "".join(c for c in question.casefold() if c.isalnum())
    return hashlib.blake2b(plain.encode(), digest_size=8).hexdigest()


@lru_cache(maxsize=1)
def _digests() -> dict[str, str]:
    set_names, name = {}, ""
    for line in DIGESTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            name = line[2:]
        else:
            set_names[line] = name
    return set_names
