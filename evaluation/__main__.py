"""`python -m evaluation bundled | samplers`: what model and samplers score on problems never seen."""

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


def run_bundled(args: argparse.Namespace) -> None:
    """Accuracy of the bundled model, set by set."""
    scores: list[Score] = []
    for score, rows in evaluate(args.model, args.n, args.seed, args.data, args.set, args.threads):
        scores.append(score)
        print(f"{score.set}: {score.correct} of {score.total}, {score.seconds} s", file=sys.stderr)
        if args.out:
            args.out.mkdir(parents=True, exist_ok=True)
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (args.out / f"{score.set}.jsonl").write_text(text)
    if args.out:
        (args.out / "scores.json").write_text(json.dumps([asdict(s) for s in scores], indent=1) + "\n")
    print(table(scores))


def run_samplers(args: argparse.Namespace) -> None:
    """The table over all samplers; what stands in --out is not decoded again."""
    import torch

    from evaluation.line_up import LINE_UP, PAIRS
    from evaluation.samplers import comparison, read_rows, run_line
    from evaluation.samplers import table as sampler_table
    from models.loading import load

    if args.threads:
        torch.set_num_threads(args.threads)
    chosen = [c for c in LINE_UP if not args.only or c.label in args.only]
    unknown = set(args.only) - {c.label for c in LINE_UP}
    if unknown:
        raise ValueError(f"only = {sorted(unknown)[0]!r} is no line; allowed: {[c.label for c in LINE_UP]}")
    loaded = load(str(args.model))
    prompts = json.loads((args.model / "prompts.json").read_text())
    args.out.mkdir(parents=True, exist_ok=True)
    found = {}
    for task in args.set or list(prompts):
        for contender in chosen:
            path = args.out / f"{task}, {contender.label}.jsonl"
            for done in run_line(loaded, prompts, contender, task, args.n, args.seed, path):
                print(f"{task}, {contender.label}: {done} of {args.n}", file=sys.stderr)
            found[task, contender.label] = read_rows(path)[: args.n]
    print(sampler_table(found))
    for first, second in PAIRS:
        for task in args.set or list(prompts):
            if (task, first) in found and (task, second) in found:
                said = comparison(found[task, first], found[task, second])
                print(f"{task}: {first} against {second}: {said}")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m evaluation", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    bundled = commands.add_parser("bundled", help="held-out accuracy of the bundled model")
    bundled.add_argument("--data", type=Path, default=default_data(), help="public test sets")
    bundled.add_argument("--out", type=Path, help="also write scores.json and rows here")
    samplers = commands.add_parser("samplers", help="all samplers on the bundled model, one table")
    samplers.add_argument("--out", type=Path, required=True, help="rows; a rerun goes on from them")
    samplers.add_argument("--only", action="append", default=[], help="only this line (repeatable)")
    for command in (bundled, samplers):
        command.add_argument("--model", type=Path, default=Path("assets/models/tiny-llada"))
        command.add_argument("--n", type=int, default=500, help="problems a task")
        command.add_argument("--seed", type=int, default=2026)
        command.add_argument("--set", action="append", default=[], help="only this set (repeatable)")
        command.add_argument("--threads", type=int)
    return top


def main(argv: list[str] | None = None) -> int:
    """Parse the command line, run, print the table."""
    args = parser().parse_args(argv)
    try:
        {"bundled": run_bundled, "samplers": run_samplers}[args.command](args)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
