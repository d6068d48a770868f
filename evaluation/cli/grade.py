"""`grade`: answers in a file against their gold answers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_grade(commands: Any) -> None:
    """Flags of `grade`."""
    command = commands.add_parser("grade", help="grade JSON lines of {response, answer}")
    command.add_argument("--in", dest="source", type=Path, required=True, help="JSONL: response, answer")
    command.add_argument("--out", type=Path, required=True, help="JSONL: correct, extracted, reason")
    command.add_argument("--workers", type=int, help="processes for symbolic comparison (one a core)")
    command.add_argument("--seconds", type=float, default=5.0, help="time limit of one comparison")
    command.set_defaults(run=run_grade)


def run_grade(args: argparse.Namespace) -> None:
    """Grade the file and print the counts."""
    from evaluation.grading.grades import grade_file

    print(grade_file(args.source, args.out, args.workers, args.seconds))
