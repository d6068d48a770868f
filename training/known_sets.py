"""Public sets by name, and which of them are for evaluation only.

A set is recognised by its name, by its split, and by its problems: training/data/ holds digests of
the test problems of GSM8K and MATH-500, so that a renamed file is noticed too.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from evaluation.columns import SetError

DIGESTS = Path(__file__).parent / "data" / "evaluation_digests.txt"
TEST_NAMES = ("test", "heldout", "math500")
ALLOW = "allowed: its train split, or --allow-eval-data"


@dataclass(frozen=True)
class KnownSet:
    """A set on the hub. answer: column of what is learned; gold: of what answers are graded against,
    empty where that is the same one; thoughts: of the reasoning before the answer, if it has one."""

    id: str
    config: str = "default"
    prompt: str = ""
    answer: str = ""
    gold: str = ""
    thoughts: str = ""
    evaluation_only: bool = False


CODE = "OpenCoder-LLM/opc-sft-stage2"
KNOWN: dict[str, KnownSet] = {
    "s1k-1.1": KnownSet("simplescaling/s1K-1.1", prompt="question", answer="deepseek_attempt",
                        gold="solution", thoughts="deepseek_thinking_trajectory"),
    "gsm8k": KnownSet("openai/gsm8k", "main", "question", "answer"),
    "math-500": KnownSet("HuggingFaceH4/MATH-500", prompt="problem", answer="solution", evaluation_only=True),
    **{f"opc-sft-stage2/{part}": KnownSet(CODE, part, "instruction", "output")
       for part in ("educational_instruct", "evol_instruct", "mceval_instruct")},
}  # fmt: skip
ALIASES = {"s1k": "s1k-1.1", "math500": "math-500"}


def known_set(name: str) -> KnownSet | None:
    """A set by its name (`gsm8k`) or as `owner/name[:config]`; None for what is neither."""
    short = name.casefold()
    if found := KNOWN.get(ALIASES.get(short, short)):
        return found
    if short == "opc-sft-stage2":
        parts = ", ".join(known for known in KNOWN if known.startswith(short))
        raise SetError(f"data = {name!r} has subsets; allowed: {parts}")
    match = re.fullmatch(r"([\w.-]+/[\w.-]+)(?::([\w.-]+))?", name)
    if match is None:
        return None
    same = [known for known in KNOWN.values() if known.id.casefold() == match[1].casefold()]
    chosen = [known for known in same if match[2] in (None, known.config)]
    if len(same) > 1 and len(chosen) != 1:
        listed = ", ".join(f"{known.id}:{known.config}" for known in same)
        raise SetError(f"data = {name!r} has subsets; allowed: {listed}")
    if chosen:
        return chosen[0]
    return KnownSet(match[1], match[2] or "default", evaluation_only=_says_test(match[1]))


def refuse_evaluation(name: str, split: str, allow: bool) -> None:
    """SetError when a file, a set or a split is named as one to evaluate on."""
    if allow:
        return
    known = None if Path(name).exists() else known_set(name)
    if known is not None and known.evaluation_only:
        raise SetError(f"data = {name!r} is for evaluation only; {ALLOW}")
    if _says_test(split):
        raise SetError(f"split = {split!r} is for evaluation only; {ALLOW}")
    if known is None and _says_test(name):
        raise SetError(f"data = {Path(name).name!r} is named as an evaluation set; {ALLOW}")


def refuse_problem(name: str, number: int, question: str) -> None:
    """SetError when a question is one of the test problems that models are measured on."""
    known = _digests().get(digest(question))
    if known is not None:
        raise SetError(f"row {number} of {name} is a test problem of {known}; {ALLOW}")


def digest(question: str) -> str:
    """Of its letters and digits, case aside: layout and quotes do not matter. 16 hex digits."""
    plain = "".join(c for c in question.casefold() if c.isalnum())
    return hashlib.blake2b(plain.encode(), digest_size=8).hexdigest()


@lru_cache(maxsize=1)
def _digests() -> dict[str, str]:
    found, name = {}, ""
    for line in DIGESTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            name = line[2:]
        else:
            found[line] = name
    return found


def _says_test(name: str) -> bool:
    """Whether a file's name, or a split, has the word test, or names held-out problems or MATH-500."""
    *_, folder, last = ("", *Path(name.split("[")[0]).parts)
    words = re.findall(r"[a-z]+|\d+", last.casefold())
    joined = ["".join(re.findall(r"[a-z0-9]+", part.casefold())) for part in (folder, last)]
    return "test" in words or joined[0] in TEST_NAMES or any(name in joined[1] for name in TEST_NAMES[1:])
