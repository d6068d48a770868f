"""`python -m evaluation bundled`: what the bundled model scores on problems it never saw."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from evaluation.bundled import Score, default_data, evaluate


def table(scores: list[Score]) -> str:
    """Scores as a Markdown table."""
    lines = ["| held-out problems | correct | accuracy | 95 % interval | NFE |", "| --- " * 5 + "|"]
    for s in scores:
        interval = f"{s.low:.1%} – {s.high:.1%}"
        lines.append(f"| {s.set} | {s.correct} / {s.total} | {s.accuracy:.1%} | {interval} | {s.nfe:.0f} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Parse the command line, run, print the table."""
    parser = argparse.ArgumentParser(prog="python -m evaluation")
    commands = parser.add_subparsers(dest="command", required=True)
    bundled = commands.add_parser("bundled", help="held-out accuracy of the bundled model")
    bundled.add_argument("--model", type=Path, default=Path("assets/models/tiny-llada"))
    bundled.add_argument("--n", type=int, default=500, help="problems a task")
    bundled.add_argument("--seed", type=int, default=2026)
    bundled.add_argument("--set", action="append", default=[], help="only this set (repeatable)")
    bundled.add_argument("--data", type=Path, default=default_data(), help="public test sets")
    bundled.add_argument("--threads", type=int)
    bundled.add_argument("--out", type=Path, help="also write scores.json and rows here")
    args = parser.parse_args(argv)
    scores: list[Score] = []
    try:
        for score, rows in evaluate(args.model, args.n, args.seed, args.data, args.set, args.threads):
            scores.append(score)
            print(f"{score.set}: {score.correct} of {score.total}, {score.seconds} s", file=sys.stderr)
            if args.out:
                args.out.mkdir(parents=True, exist_ok=True)
                text = "".join(json.dumps(row) + "\n" for row in rows)
                (args.out / f"{score.set}.jsonl").write_text(text)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if args.out:
        (args.out / "scores.json").write_text(json.dumps([asdict(s) for s in scores], indent=1) + "\n")
    print(table(scores))
    return 0


if __name__ == "__main__":
    sys.exit(main())
