"""`english`: exact in-fill of held-out sentences, and the answers to a committed file of prompts."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evaluation.cli.run import DEFAULT_MODEL
from evaluation.english import Filled, Share, fill_in, hidden_words, shares
from models.flags import add_model_flags, load_flagged
from models.whole_file import write_whole
from samplers.batch import run_requests
from samplers.text_tables import markdown_table

PROMPTS_FILE = Path(__file__).parents[1] / "sets" / "english_prompts.txt"
SETTINGS = {"gen_length": 32, "block_length": 32, "steps": 32}
"""Plain decoding of the prompts, one token a step."""


def add_english(commands: Any) -> None:
    """Flags of `english`."""
    command = commands.add_parser("english", help="short English: in-fill of one word, and 40 prompts")
    add_model_flags(command, DEFAULT_MODEL)
    command.add_argument("--n", type=int, default=500, help="held-out sentences")
    command.add_argument("--seed", type=int, default=2026)
    command.add_argument("--prompts", type=Path, default=PROMPTS_FILE, help="a text file, one prompt a line")
    command.add_argument("--out", type=Path, help="keep shares, words and answers in this JSON file")
    command.set_defaults(run=run_english)


def read_prompts(path: Path) -> list[str]:
    """The lines of a file that are not empty; ValueError when there are none."""
    prompts = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not prompts:
        raise ValueError(f"prompts = {path.name!r} is empty; allowed: at least one prompt")
    return prompts


def share_table(counted: Sequence[Share]) -> str:
    """The shares as a Markdown table."""
    head = ("hidden words", "exact", "share", "95% interval")
    rows = [
        (s.words, f"{s.correct} / {s.total}", f"{s.correct / s.total:.1%}", f"{s.low:.1%} – {s.high:.1%}")
        for s in counted
        if s.total
    ]
    return markdown_table(head, rows)


def answer_table(prompts: Sequence[str], answers: Sequence[str]) -> str:
    """Prompts beside their answers, as a Markdown table."""
    return markdown_table(("prompt", "answer"), list(zip(prompts, answers, strict=True)))


def run_english(args: argparse.Namespace) -> None:
    """Fill in, ask, print."""
    prompts, hidden = read_prompts(args.prompts), hidden_words(args.n, args.seed)
    loaded = load_flagged(args)
    filled = fill_in(
        loaded, hidden, lambda done: print(f"words: {done} of {args.n}", file=sys.stderr, flush=True)
    )
    counted = shares(filled)
    asked = [json.dumps({"id": i, "prompt": text, "settings": SETTINGS}) for i, text in enumerate(prompts)]
    answers = [_text(result) for result in run_requests(loaded, asked)]
    if args.out:
        write_whole(args.out, json.dumps(_kept(counted, filled, prompts, answers), indent=1) + "\n")
    print(share_table(counted), answer_table(prompts, answers), sep="\n\n")


def _text(result: Mapping[str, Any]) -> str:
    if "error" in result:
        raise ValueError(f"prompt {result['id']}: {result['error']}")
    return " ".join(str(result["text"]).split())


def _kept(
    counted: Sequence[Share], filled: Sequence[Filled], prompts: Sequence[str], answers: Sequence[str]
) -> dict[str, Any]:
    return {
        "shares": [asdict(share) for share in counted],
        "words": [asdict(each.hidden) | {"written": each.written} for each in filled],
        "answers": [{"prompt": p, "answer": a} for p, a in zip(prompts, answers, strict=True)],
    }
