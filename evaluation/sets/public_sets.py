"""Public data sets of the Hugging Face hub by name: their columns, the split that evaluations use, and
whether a set is for evaluation only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from evaluation.sets.columns import SetError

TEST_NAMES = ("test", "heldout", "math500")
CODE = "OpenCoder-LLM/opc-sft-stage2"


@dataclass(frozen=True)
class PublicSet:
    """A set on the hub. id, config: its name there; prompt, answer, gold, thoughts: its columns. answer: what
    a training learns to write; gold: what answers are graded against, "" where that is `answer`; thoughts:
    the reasoning before the answer, if there is any; evaluated: the split for evaluations, "" if none."""

    id: str = ""
    config: str = "default"
    prompt: str = ""
    answer: str = ""
    gold: str = ""
    thoughts: str = ""
    evaluated: str = ""
    evaluation_only: bool = False


PUBLIC_SETS: dict[str, PublicSet] = {
    "gsm8k": PublicSet("openai/gsm8k", "main", "question", "answer", evaluated="test"),
    "math500": PublicSet("HuggingFaceH4/MATH-500", prompt="problem", answer="solution", gold="answer",
                         evaluated="test", evaluation_only=True),
    "s1k": PublicSet("simplescaling/s1K-1.1", prompt="question", answer="deepseek_attempt",
                     gold="solution", thoughts="deepseek_thinking_trajectory", evaluated="train"),
    **{f"opc-sft-stage2/{part}": PublicSet(CODE, part, "instruction", "output")
       for part in ("educational_instruct", "evol_instruct", "mceval_instruct")},
}  # fmt: skip
ALIASES = {"s1k-1.1": "s1k", "math-500": "math500"}
EVALUATED = {name: public for name, public in PUBLIC_SETS.items() if public.evaluated}


def public_set(name: str) -> PublicSet | None:
    """A set by its name (`gsm8k`) or as `owner/name[:config]`; None for any other text."""
    short = name.casefold()
    if listed := PUBLIC_SETS.get(ALIASES.get(short, short)):
        return listed
    if short == "opc-sft-stage2":
        parts = ", ".join(part for part in PUBLIC_SETS if part.startswith(short))
        raise SetError(f"data = {name!r} has subsets; allowed: {parts}")
    match = re.fullmatch(r"([\w.-]+/[\w.-]+)(?::([\w.-]+))?", name)
    if match is None:
        return None
    subsets = [public for public in PUBLIC_SETS.values() if public.id.casefold() == match[1].casefold()]
    chosen = [public for public in subsets if match[2] in (None, public.config)]
    if len(subsets) > 1 and len(chosen) != 1:
        listing = ", ".join(f"{public.id}:{public.config}" for public in subsets)
        raise SetError(f"data = {name!r} has subsets; allowed: {listing}")
    if chosen:
        return chosen[0]
    return PublicSet(match[1], match[2] or "default", evaluation_only=says_test(match[1]))


def says_test(name: str) -> bool:
    """Whether a file's name, or a split, has the word test, or names held-out problems or MATH-500."""
    *_, folder, last = ("", *Path(name.split("[")[0]).parts)
    words = re.findall(r"[a-z]+|\d+", last.casefold())
    joined = ["".join(re.findall(r"[a-z0-9]+", part.casefold())) for part in (folder, last)]
    return "test" in words or joined[0] in TEST_NAMES or any(name in joined[1] for name in TEST_NAMES[1:])
